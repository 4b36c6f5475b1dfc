#!/usr/bin/env python3
"""Compares every store with the journal, by stock clients that link none of Daybook's code.

Reads the journals from their first record, applies the admission rule, decodes every event with the schemas kept in Kafka,
and compares with what Postgres, ClickHouse and OpenSearch hold of a tenant: each incident with its version and status, and
each event exactly once. The last line is one of JSON; it says `"agree": true` only if nothing differs.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter

import journal
import stores
from settings import settings_of

# What an incident's events leave it as; others leave its status as it is.
STATUS = {
    "incident.created": "new", "incident.assigned": "assigned", "incident.work_started": "in_progress",
    "incident.put_on_hold": "pending", "incident.resumed": "in_progress", "incident.resolved": "resolved",
    "incident.reopened": "in_progress", "incident.closed": "closed", "incident.cancelled": "cancelled",
}


class Truth:
    """What the journals say."""

    def __init__(self, settings):
        brokers = settings["kafka"]["brokers"]
        schemas = journal.read_schemas(brokers)
        envelope = journal.Envelope(settings["registry"]["url"])
        self.events, self.raw = [], {}
        for topic in journal.journals(brokers, schemas):
            records = journal.read_topic(brokers, topic)
            events, entries, void = journal.events_of(topic, records, schemas, envelope)
            say(f"  {topic}: {entries} entries, {void} void, {len(events)} events in {len(records)} partitions; numbers and digests fit")
            self.events += events
            self.raw[topic] = records
        self.schemas, self.envelope = schemas, envelope

    def tenants(self):
        return Counter(event.tenant for event in self.events if event.type == "incident.created")

    def incidents(self, tenant):
        found = {}
        for event in self.events:
            if event.context == "incident" and event.tenant == tenant:
                _, status = found.get(event.aggregate, (0, None))
                found[event.aggregate] = (event.version, STATUS.get(event.type, status))
        return found

    def events_of(self, tenant):
        return [tuple(event[1:9]) for event in self.events if event.tenant == tenant]


def differences(truth, held):
    """What a store has too few, too many, or otherwise."""
    found = [f"{id} is missing: {truth[id]}" for id in truth.keys() - held.keys()]
    found += [f"{id} is not in the journal" for id in held.keys() - truth.keys()]
    return found + [f"{id} is {held[id]}, in the journal {truth[id]}" for id in truth.keys() & held.keys() if truth[id] != held[id]]


def twice_or_never(truth, held):
    """Which events a store does not hold exactly once."""
    truth, held = Counter(truth), Counter(held)
    found = [f"{event} is there {held[event]} times, in the journal {truth[event]}" for event in truth.keys() | held.keys()
             if truth[event] != held[event]]
    return sorted(found)


def say(line):
    print(line, file=sys.stderr, flush=True)


def compare(truth, tenant, postgres, clickhouse, opensearch, shown=5):
    """Counts and differences of every store."""
    incidents, events = truth.incidents(tenant), truth.events_of(tenant)
    counts, agree = {"journal": len(incidents)}, True
    for name, store in [("postgres", postgres), ("clickhouse", clickhouse), ("opensearch", opensearch)]:
        try:
            held = store.incidents(tenant)
            counts[name] = len(held)
            found = differences(incidents, held)
            if hasattr(store, "events"):
                found += twice_or_never(events, store.events(tenant))
        except stores.Unanswered as away:
            counts[name] = None
            found = [" ".join(str(away).split())]
        agree &= not found
        for line in found[:shown]:
            say(f"  {name}: {line}")
        if len(found) > shown:
            say(f"  {name}: … {len(found) - shown} more differences")
    return counts, agree


def self_test(truth, tenant, postgres, clickhouse, opensearch):
    """Takes something away, or changes it, and insists that it is noticed. Nothing is really changed."""
    red = []

    def must_be_red(what, noticed):
        say(f"  {'noticed' if noticed else 'NOT NOTICED'}: {what}")
        red.append(bool(noticed))

    def refused(change, by_the_gate=False):
        """Whether a changed log is refused by the gate, or else no longer tells what the stores hold."""
        topic = "journal.incident"
        records = {partition: list(log) for partition, log in truth.raw[topic].items()}
        change(records[max(records, key=lambda partition: len(records[partition]))])
        try:
            told, _, _ = journal.events_of(topic, records, truth.schemas, truth.envelope)
        except journal.Broken as broken:
            say(f"    {broken}")
            return True
        held = [event for event in truth.events if event.context == "incident"]
        return not by_the_gate and len(told) != len(held)

    def entries(log):
        return [place for place, (_, headers, _) in enumerate(log) if headers["gate"][1] == journal.ENTRY]

    def middle(log):
        places = entries(log)
        return places[len(places) // 2]

    def alter(log):
        # The fingerprint of the request: any 32 bytes will do for a decoder, so nothing but the digest can tell.
        place = middle(log)
        key, headers, value = log[place]
        fingerprint = truth.envelope.open(value)["request_fingerprint"]
        log[place] = (key, headers, value.replace(fingerprint, bytes([fingerprint[0] ^ 1]) + fingerprint[1:]))

    incidents, events = truth.incidents(tenant), truth.events_of(tenant)
    must_be_red("a row deleted from Postgres", differences(incidents, postgres.without_one_incident(tenant)))
    for name, store in [("ClickHouse", clickhouse), ("OpenSearch", opensearch)]:
        held = store.incidents(tenant)
        one = next(iter(held))
        must_be_red(f"a row missing from {name}", differences(incidents, {id: row for id, row in held.items() if id != one}))
        must_be_red(f"a row of an older version in {name}", differences(incidents, held | {one: (held[one][0] - 1, held[one][1])}))
    must_be_red("an event twice", twice_or_never(events, events + events[:1]))
    must_be_red("an event left out", twice_or_never(events, events[1:]))
    must_be_red("an entry taken out of the journal", refused(lambda log: log.pop(middle(log))))
    must_be_red("an entry altered in the journal", refused(alter, by_the_gate=True))
    must_be_red("a claim taken out of the journal", refused(lambda log: log.pop(next(
        place for place, (_, headers, _) in enumerate(log) if headers["gate"][1] == journal.CLAIM)), by_the_gate=True))
    return all(red)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--state", default=os.environ.get("DAYBOOK_STATE") or ".local", help="folder of the system (default: DAYBOOK_STATE or .local)")
    arguments.add_argument("--tenant", help="the tenant to compare (default: the one with the most incidents)")
    arguments.add_argument("--patience", type=float, default=60, help="seconds for the stores to catch up")
    arguments.add_argument("--quick", action="store_true", help="do not take rows away to see whether it is noticed")
    arguments.add_argument("--figures", help="a line of JSON of the import, whose figures are repeated in the last line")
    given = arguments.parse_args()
    settings = settings_of(given.state)
    figures = json.loads(given.figures) if given.figures else {}

    say("reading the journals from their first record")
    truth = Truth(settings)
    tenants = truth.tenants()
    if not tenants:
        sys.exit("daybook: there is no incident in the journal: nothing to compare")
    tenant = given.tenant or figures.get("tenant") or tenants.most_common(1)[0][0]
    say(f"comparing the incidents of tenant {tenant}")
    connected = stores.Postgres(settings["postgres"]), stores.Clickhouse(settings["clickhouse"]), stores.Opensearch(settings["opensearch"])

    end = time.monotonic() + given.patience
    while True:
        counts, agree = compare(truth, tenant, *connected)
        if agree or time.monotonic() > end:
            break
        say("  the stores may be behind: looking again in 2 s")
        time.sleep(2)
    if agree and not given.quick:
        say("taking rows away, to see that it is noticed")
        if not self_test(truth, tenant, *connected):
            sys.exit("daybook: something was taken away and nobody noticed: these checks prove nothing")
    first = {"incidents": figures.get("incidents", counts["journal"])}
    if "whole_share" in figures:
        first["whole_share"] = figures["whole_share"]
    agree = agree and first["incidents"] == counts["journal"]
    print(json.dumps(first | counts | {"agree": agree}, separators=(",", ":")))
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    try:
        main()
    except journal.Broken as broken:
        sys.exit(f"daybook: the journal does not hold: {broken}")
    except (journal.Away, *stores.Unanswered) as away:
        sys.exit(f"daybook: what is to be compared does not answer: {' '.join(str(away).split())}")
