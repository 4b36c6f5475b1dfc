"""The journal, read with a stock Kafka client and judged by the admission rule, restated here from its description.

Nothing of Daybook's own code is used: the header's layout, the rule, the digest and the Avro envelope are what the
description of the wire says (journal/src/header.rs, schemas/avro/journal.entry.avsc).
"""

import datetime
import hashlib
import io
import json
import struct
import time
from collections import namedtuple

import fastavro
import requests
from confluent_kafka import Consumer, KafkaException as Away, TopicPartition
from confluent_kafka.admin import AdminClient

CLAIM, ENTRY = 0, 1
KEPT = datetime.timedelta(hours=24)  # how long the same command id means the same command
Event = namedtuple("Event", "tenant context partition number index command type aggregate version body")


class Broken(Exception):
    """The log was cut or altered: what every reader must refuse to go on with."""


class Gate:
    """The admission rule: which records of a partition are its history. All others are void, for ever."""

    def __init__(self):
        self.term, self.owner, self.next_seq, self.number, self.digest = 0, None, 0, 0, bytes(32)

    def admits(self, header, value):
        version, kind, term, owner = struct.unpack(">BBQ16s", header[:26])
        if version != 1:
            raise Broken(f"a header of version {version}")
        if kind == CLAIM:
            if term > self.term + 1:
                raise Broken(f"a claim of term {term} after term {self.term}")
            if term == self.term + 1:
                self.term, self.owner, self.next_seq = term, owner, 0
            return False
        seq, number, previous = struct.unpack(">QQ32s", header[26:])
        if term > self.term:
            raise Broken(f"an entry of term {term} in term {self.term}")
        if (term, owner, seq) != (self.term, self.owner, self.next_seq) or self.term == 0:
            return False
        if number != self.number + 1 or previous != self.digest:
            raise Broken(f"entry {number} does not follow entry {self.number}")
        self.next_seq, self.number, self.digest = seq + 1, number, hashlib.sha256(header + value).digest()
        return True


def read_topic(brokers, topic, patience=30.0):
    """Every record of a topic, partition by partition: {partition: [(key, headers, value)]}."""
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": "daybook-outside", "enable.auto.commit": False,
        "isolation.level": "read_uncommitted", "auto.offset.reset": "error", "check.crcs": True, "enable.partition.eof": True,
    })
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=patience).topics[topic].partitions)
        records = {partition: [] for partition in partitions}
        for partition in partitions:
            low, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=patience)
            if low != 0 and topic.startswith("journal."):
                raise Broken(f"{topic}/{partition} begins at offset {low}: its beginning is gone")
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        ended, heard = set(), time.monotonic()
        while len(ended) < len(partitions):
            # A short time-out: the client waits for as many messages as were asked for, and a topic's end has fewer.
            messages = consumer.consume(1000, timeout=0.2)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience:
                raise Broken(f"{topic} could not be read to its end: nothing came for {patience:.0f} s")
            for message in messages:
                if message.error() is None:
                    records[message.partition()].append((message.key(), dict(message.headers() or []), message.value()))
                elif message.error().name() == "_PARTITION_EOF":
                    ended.add(message.partition())
                else:
                    raise Broken(f"{topic}: {message.error().str()}")
        return records
    finally:
        consumer.close()


def read_schemas(brokers):
    """Every schema by its fingerprint, from the topic that keeps them."""
    schemas = {}
    for records in read_topic(brokers, "schemas").values():
        for key, _, text in records:
            if text is None:
                raise Broken(f"the schema {key.hex()} was deleted")
            if hashlib.sha256(text).digest() != key:
                raise Broken(f"the schema under {key.hex()} is another one")
            schemas[key] = fastavro.parse_schema(json.loads(text))
    return schemas


def journals(brokers, schemas):
    """The names of all journals: one for each context that has schemas, `daybook.<context>.…`."""
    there = AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=30).topics
    contexts = {schema["name"].split(".")[1] for schema in schemas.values()}
    return sorted(name for name in map("journal.{}".format, contexts) if name in there)


class Envelope:
    """The form of entries, from the registry, by the id that each value carries."""

    def __init__(self, registry):
        self.registry, self.forms = registry.rstrip("/"), {}

    def open(self, value):
        magic, form = struct.unpack(">BI", value[:5])
        if magic != 0:
            raise Broken("a value that is not in the wire format of the registry")
        if form not in self.forms:
            answer = requests.get(f"{self.registry}/schemas/ids/{form}", timeout=30)
            answer.raise_for_status()
            self.forms[form] = fastavro.parse_schema(json.loads(answer.json()["schema"]))
        try:
            return fastavro.schemaless_reader(io.BytesIO(value[5:]), self.forms[form])
        except Exception as error:
            raise Broken(f"a value that its schema cannot read: {error!r}") from error


def events_of(topic, records, schemas, envelope):
    """The events of a journal, checked on the way: the gate, the places of books, times, versions, command ids."""
    context = topic.removeprefix("journal.")
    events, books, versions, commands = [], {}, {}, {}
    entries = void = 0
    for partition, log in records.items():
        gate, last_time = Gate(), None
        for _, headers, value in log:
            header = headers["gate"]
            number_before = gate.number
            if not gate.admits(header, value):
                void += header[1] == ENTRY
                continue
            entries += 1
            at = f"{topic}/{partition}#{gate.number}"
            try:
                entry = envelope.open(value)
            except (EOFError, ValueError, IndexError, UnicodeDecodeError, KeyError) as unreadable:
                raise Broken(f"{at}: its envelope cannot be decoded: {type(unreadable).__name__} {unreadable}") from unreadable
            assert gate.number == number_before + 1
            if last_time is not None and entry["time"] <= last_time:
                raise Broken(f"{at}: its time does not increase")
            last_time = entry["time"]
            if not entry["events"]:
                continue
            tenant, book = entry["tenant"], (str(entry["tenant"]), entry["book"])
            place = int.from_bytes(hashlib.sha256(tenant.bytes).digest()[:8], "big") % len(records)
            if place != partition:
                raise Broken(f"{at}: the tenant {tenant} belongs into partition {place}")
            if entry["book_number"] != books.get(book, 0) + 1:
                raise Broken(f"{at}: number {entry['book_number']} of its book after {books.get(book, 0)}")
            books[book] = entry["book_number"]
            before, when = commands.get((book, entry["command_id"]), (None, None))
            if before and entry["time"] - when < KEPT:
                raise Broken(f"{at}: the command {entry['command_id']} was accepted before, at {before}")
            commands[book, entry["command_id"]] = (at, entry["time"])
            for index, event in enumerate(entry["events"]):
                aggregate = str(event["aggregate_id"])
                # An aggregate may have the id of another: a credential has its user's.
                named = f"{event['aggregate_type']} {aggregate}"
                if event["version"] != versions.get(named, 0) + 1:
                    raise Broken(f"{at}: version {event['version']} of {named} after {versions.get(named, 0)}")
                versions[named] = event["version"]
                if event["schema"] not in schemas:
                    raise Broken(f"{at}: its schema {event['schema'].hex()} is not in the topic of schemas")
                body = io.BytesIO(event["data"])
                try:
                    decoded = fastavro.schemaless_reader(body, schemas[event["schema"]])
                except (EOFError, ValueError, IndexError, UnicodeDecodeError, KeyError) as unreadable:
                    raise Broken(f"{at}: {event['type']} cannot be decoded: {unreadable}") from unreadable
                if body.read(1):
                    raise Broken(f"{at}: bytes are left over behind {event['type']}")
                events.append(Event(str(tenant), context, partition, gate.number, index, entry["command_id"],
                                    event["type"], aggregate, event["version"], decoded))
    return events, entries, void
