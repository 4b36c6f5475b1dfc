//! For who follows journals: yields the admitted entries and nothing else, from any number of partitions,
//! on the caller's own thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use crate::checkpoint::Checkpoint;
use crate::client::{self, Ear};
use crate::digest::OwnerId;
use crate::entry::Admitted;
use crate::error::JournalError;
use crate::gate::Halt;
use crate::header::Header;
use crate::settings::Settings;
use crate::track::{Passage, Record, Track};
use crate::void::Void;

/// Where to start with a partition.
#[derive(Clone, Debug)]
pub struct Start {
    /// The journal topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The first entry to yield.
    pub from: From,
}

/// The first entry to yield. Only a checkpoint spares reading what lies before: admission is a matter of
/// the whole history, so the other starts read the log from its beginning and keep silent at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The first of the log.
    Beginning,
    /// The one after this, which is read again first and must be the same bytes.
    After(Checkpoint),
    /// The one with this number.
    Number(u64),
    /// The first appended at or after this time, in milliseconds since 1970.
    Time(i64),
    /// The first appended after the reader was opened.
    Tail,
}

impl Start {
    /// From a checkpoint, or from the beginning where there is none.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, checkpoint: Option<Checkpoint>) -> Start {
        Start { topic: topic.into(), partition, from: checkpoint.map_or(From::Beginning, From::After) }
    }
}

/// What one poll brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// Admitted entries, in order within each partition.
    pub entries: Vec<Admitted<'static>>,
    /// Partitions that have halted just now: topic, partition, offset of the record, reason. Nothing more
    /// comes from them; the others go on.
    pub halted: Vec<(Arc<str>, i32, i64, Halt)>,
    /// Records beside the history, in order within each partition: only for who has asked for them by
    /// [`Reader::with_asides`].
    pub asides: Vec<Aside>,
}

/// A record that is no entry of the history.
#[derive(Clone, Debug)]
pub struct Aside {
    /// The journal topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The record's Kafka offset.
    pub offset: i64,
    /// When the broker appended it, in milliseconds since 1970.
    pub timestamp: i64,
    /// The number of the last entry before it.
    pub after: u64,
    /// What it is.
    pub what: What,
}

/// What stands in a log beside its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A claim that stands.
    Claim {
        /// Its term.
        term: u64,
        /// The claimant's name.
        owner: OwnerId,
        /// The version of its code.
        code_version: u32,
        /// Where it takes forwarded commands.
        url: String,
    },
    /// Nothing, for everyone and for ever.
    Void(Void),
}

/// How far a reader is behind in one partition.
#[derive(Clone, Debug)]
pub struct Lag {
    /// The journal topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Records of the log that are known and not read yet, claims and void records among them.
    pub records: u64,
    /// All that the log held when the reader was opened has been read.
    pub caught_up: bool,
    /// The entry of the checkpoint it started from has been found again, the same bytes; true where there was none.
    pub resumed: bool,
    /// The number of the last admitted entry read.
    pub number: u64,
    /// The time of the last record read, in milliseconds since 1970; 0 before the first.
    pub timestamp: i64,
    /// Records read as void.
    pub voids: u64,
    /// Why nothing more comes from this partition.
    pub halted: Option<Halt>,
}

/// Reads journals through the admission rule.
pub struct Reader {
    config: ClientConfig,
    consumer: BaseConsumer<Ear>,
    ways: Vec<Way>,
    /// The way of the last record; the next one is mostly on the same.
    latest: usize,
    /// Whether claims and void records are told too.
    tells_asides: bool,
}

/// One partition of a reader.
struct Way {
    track: Track,
    silent: Option<Silence>,
    /// Where the log ended when the reader was opened.
    end: i64,
    halted: Option<Halt>,
    /// The halt has been told.
    told: bool,
}

/// Until when entries are read without being handed out.
#[derive(Clone, Copy)]
enum Silence {
    Number(u64),
    Time(i64),
    Offset(i64),
}

impl Silence {
    fn covers(self, entry: &Admitted<'_>) -> bool {
        match self {
            Silence::Number(first) => entry.position.number < first,
            Silence::Time(first) => entry.timestamp < first,
            Silence::Offset(first) => entry.offset < first,
        }
    }
}

impl Reader {
    /// Starts to read these partitions. Blocks until Kafka has told how long they are.
    ///
    /// A checkpoint that does not fit the log shows at the first [`poll`](Reader::poll) as a halted
    /// partition.
    ///
    /// # Errors
    /// Kafka cannot be reached, or a partition is not there.
    pub fn open(settings: &Settings, starts: Vec<Start>) -> Result<Reader, JournalError> {
        let config = client::following(settings);
        let asking = client::consumer(&config, std::iter::empty())?;
        let ways = starts
            .into_iter()
            .map(|start| {
                let (low, high) = client::watermarks(&asking, &start.topic, start.partition)?;
                Ok(Way::new(start, low, high))
            })
            .collect::<Result<Vec<_>, JournalError>>()?;
        let consumer = consumer(&config, &ways)?;
        Ok(Reader { config, consumer, ways, latest: 0, tells_asides: false })
    }

    /// Tells claims and void records too, from the first that is read on: for who looks into a log.
    #[must_use]
    pub fn with_asides(mut self) -> Reader {
        self.tells_asides = true;
        self
    }

    /// Waits up to `max_wait` for the first entry, and takes up to `max_entries` that are there.
    ///
    /// # Errors
    /// Kafka has refused for good. While brokers are away it is no error: there is nothing to read.
    pub fn poll(&mut self, max_entries: usize, max_wait: Duration) -> Result<Batch, JournalError> {
        let deadline = Instant::now() + max_wait;
        let mut batch = Batch::default();
        self.tell_halts(&mut batch);
        for read in 1_u64.. {
            let idle = batch.entries.is_empty() && batch.halted.is_empty();
            let wait = if idle { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let found = find(&self.ways, self.latest, message.topic(), message.partition());
                    let Some(at) = found else { continue };
                    self.latest = at;
                    let asides = self.tells_asides.then_some(&mut batch.asides);
                    self.ways[at].take(&message, &mut batch.entries, asides);
                }
                Some(Err(error)) => self.mend(error)?,
                None => break,
            }
            if self.ways[self.latest].halted.is_some() {
                self.tell_halts(&mut batch);
            }
            // Silent records must not keep the caller waiting for ever.
            let late = read % 1_024 == 0 && Instant::now() >= deadline;
            if batch.entries.len() >= max_entries || late {
                break;
            }
        }
        Ok(batch)
    }

    /// How each partition stands. Asks no broker: what lies ahead is known from what Kafka told last, at
    /// most about a second ago.
    pub fn lag(&self) -> Vec<Lag> {
        let ear = self.consumer.client().context();
        self.ways
            .iter()
            .map(|way| {
                let track = &way.track;
                let end = ear.end(&track.topic, track.partition).unwrap_or(0).max(way.end);
                Lag {
                    topic: track.topic.clone(),
                    partition: track.partition,
                    records: u64::try_from(end - track.next_offset).unwrap_or(0),
                    caught_up: way.caught_up(),
                    resumed: track.has_resumed(),
                    number: track.gate.number,
                    timestamp: track.timestamp,
                    voids: track.voids,
                    halted: way.halted.clone(),
                }
            })
            .collect()
    }

    /// Every partition that has not halted has been read to where it ended when the reader was opened.
    pub fn caught_up(&self) -> bool {
        self.ways.iter().all(|way| way.halted.is_some() || way.caught_up())
    }

    fn tell_halts(&mut self, batch: &mut Batch) {
        for way in self.ways.iter_mut().filter(|way| !way.told) {
            let Some(halt) = &way.halted else { continue };
            let track = &way.track;
            tracing::error!(topic = %track.topic, partition = track.partition, offset = track.next_offset, %halt, "journal partition halted");
            way.told = true;
            batch.halted.push((track.topic.clone(), track.partition, track.next_offset, halt.clone()));
            let mut list = TopicPartitionList::new();
            list.add_partition(&track.topic, track.partition);
            if let Err(error) = self.consumer.pause(&list) {
                tracing::warn!(%error, "a halted partition could not be paused; its records are dropped");
            }
        }
    }

    /// What a consumer's error asks for. Most are told once and mended by librdkafka itself.
    fn mend(&mut self, error: KafkaError) -> Result<(), JournalError> {
        let lost_place = matches!(
            error,
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
        );
        if lost_place {
            for way in self.ways.iter_mut().filter(|way| way.halted.is_none()) {
                let (low, high) = client::watermarks(&self.consumer, &way.track.topic, way.track.partition)?;
                way.halted = way.track.fits(low, high).err();
            }
            // A record written since may have hidden the cut from us; the gate will not overlook it.
            self.consumer = consumer(&self.config, &self.ways)?;
        } else if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            tracing::warn!(%error, "reading through a new consumer");
            self.consumer = consumer(&self.config, &self.ways)?;
        } else {
            tracing::warn!(%error, "reading is interrupted");
        }
        Ok(())
    }
}

impl Way {
    fn new(start: Start, low: i64, high: i64) -> Way {
        let (resume, silent) = match start.from {
            From::Beginning => (None, None),
            From::After(checkpoint) => (Some(checkpoint), None),
            From::Number(number) => (None, Some(Silence::Number(number))),
            From::Time(time) => (None, Some(Silence::Time(time))),
            From::Tail => (None, Some(Silence::Offset(high))),
        };
        let track = Track::new(start.topic, start.partition, resume);
        let halted = track.fits(low, high).err();
        Way { track, silent, end: high, halted, told: false }
    }

    fn caught_up(&self) -> bool {
        self.track.next_offset >= self.end
    }

    fn take(
        &mut self,
        message: &BorrowedMessage<'_>,
        entries: &mut Vec<Admitted<'static>>,
        asides: Option<&mut Vec<Aside>>,
    ) {
        if self.halted.is_some() {
            return;
        }
        let passed = Record::of(message).and_then(|record| Ok((record, self.track.read(&record)?)));
        match (passed, asides) {
            (Ok((record, Passage::Admitted(checkpoint))), _) => {
                let entry = self.track.entry(&record, checkpoint, false);
                if self.silent.is_none_or(|silence| !silence.covers(&entry)) {
                    self.silent = None;
                    entries.push(entry.into_owned());
                }
            }
            (Ok(_), None) => {}
            (Ok((record, passage)), Some(asides)) => asides.extend(self.aside(&record, passage)),
            (Err(halt), _) => self.halted = Some(halt),
        }
    }

    /// A record beside the history, as it is told.
    fn aside(&self, record: &Record<'_>, passage: Passage) -> Option<Aside> {
        let track = &self.track;
        let what = match (passage, Header::decode(record.gate).ok()?) {
            (Passage::Claimed { owner, code_version }, _) => What::Claim {
                term: track.gate.term,
                owner,
                code_version,
                url: String::from_utf8_lossy(record.value).into_owned(),
            },
            (Passage::Void, header) => What::Void(Void::of(&track.gate, &header)),
            _ => return None,
        };
        let (topic, partition) = (track.topic.clone(), track.partition);
        Some(Aside {
            topic,
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            after: track.gate.number,
            what,
        })
    }
}

fn consumer(config: &ClientConfig, ways: &[Way]) -> Result<BaseConsumer<Ear>, JournalError> {
    let readable = ways.iter().filter(|way| way.halted.is_none());
    client::consumer(config, readable.map(|Way { track, .. }| (&*track.topic, track.partition, track.next_offset)))
}

fn find(ways: &[Way], latest: usize, topic: &str, partition: i32) -> Option<usize> {
    let is = |way: &Way| way.track.partition == partition && &*way.track.topic == topic;
    if ways.get(latest).is_some_and(is) { Some(latest) } else { ways.iter().position(is) }
}
