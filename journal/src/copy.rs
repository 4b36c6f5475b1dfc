//! A journal as it lies in its log, record for record: what a backup holds, and what a restore puts back.
//!
//! Claims and void records are copied too, so that offsets, positions and digests are the same afterwards. Who restores
//! calls [`begin`] first and [`end`] last: between the two every process of ours refuses the journal, so that nobody
//! writes behind half of a history.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, AlterConfig, ConfigSource, ResourceSpecifier};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header as NamedBytes, Headers, Message, OwnedHeaders};

use crate::client::{self, Ear, PATIENCE};
use crate::digest::{Digest, OwnerId};
use crate::error::JournalError;
use crate::gate::{Gate, Halt};
use crate::header::{GATE, Header};
use crate::sending::{Item, Sending};
use crate::settings::Settings;
use crate::topics::{self, Topic};
use crate::track::{Passage, Record, Track};

/// The topic setting that says whose clock dates a record. A journal is dated by its broker; while it is restored, the
/// records keep the dates they had, and [`topics::check`] refuses the topic.
const CLOCK: &str = "message.timestamp.type";
const OF_WRITER: &str = "CreateTime";
const OF_BROKER: &str = "LogAppendTime";

/// A record of a log, as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Its Kafka offset.
    pub offset: i64,
    /// When it was appended, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key; a journal's records have none.
    pub key: Option<Vec<u8>>,
    /// Header names and values, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

impl Raw {
    fn of(message: &BorrowedMessage<'_>) -> Raw {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Raw {
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
            value: message.payload().map(<[u8]>::to_vec),
        }
    }

    /// What stands where the source had an offset without a record, such as the end of somebody's transaction: a record of
    /// term 0, which is void for everyone.
    fn filler(offset: i64, timestamp: i64) -> Raw {
        let nothing = Header::Entry { term: 0, owner: OwnerId::default(), seq: 0, number: 0, previous: Digest::NONE };
        let headers = vec![(GATE.to_owned(), Some(nothing.encode()))];
        Raw { offset, timestamp, headers, ..Raw::default() }
    }

    fn item(&self, partition: i32) -> Item<'_> {
        let named = OwnedHeaders::new_with_capacity(self.headers.len());
        Item {
            partition,
            timestamp: Some(self.timestamp),
            key: self.key.as_deref(),
            headers: self
                .headers
                .iter()
                .fold(named, |all, (key, value)| all.insert(NamedBytes { key, value: value.as_deref() })),
            value: self.value.as_deref(),
        }
    }
}

/// What a partition amounts to after the records that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Records, of whatever kind.
    pub records: u64,
    /// Claims that stood.
    pub claims: u64,
    /// Records that are void.
    pub voids: u64,
    /// The gate after the last of them: the last number and the end of the chain of digests.
    pub gate: Gate,
}

/// Looks at a partition's records, from the first on, by the admission rule.
#[derive(Debug)]
pub struct Audit {
    track: Track,
    records: u64,
    claims: u64,
}

impl Audit {
    /// Nothing has been looked at yet.
    pub fn new(topic: &str, partition: i32) -> Audit {
        Audit { track: Track::new(topic.into(), partition, None), records: 0, claims: 0 }
    }

    /// Looks at the next record.
    ///
    /// # Errors
    /// The log was cut or altered before it.
    pub fn take(&mut self, raw: &Raw) -> Result<(), Halt> {
        let headers = raw.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let record = Record::from_parts(raw.offset, raw.timestamp, headers, raw.value.as_deref())?;
        if let Passage::Claimed { .. } = self.track.read(&record)? {
            self.claims += 1;
        }
        self.records += 1;
        Ok(())
    }

    /// What the records amount to.
    pub fn tip(&self) -> Tip {
        let Track { voids, gate, .. } = self.track;
        Tip { records: self.records, claims: self.claims, voids, gate }
    }
}

/// Why a partition cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Kafka refused or could not be reached.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log does not reach from offset 0 to the end that was asked for.
    #[error("{topic}/{partition}: {halt}")]
    Cut {
        /// The journal topic.
        topic: Arc<str>,
        /// Its partition.
        partition: i32,
        /// What is missing.
        halt: Halt,
    },
    /// A copy begins with an empty log.
    #[error("{topic}/{partition} holds records up to offset {end} already: nothing is appended behind them")]
    NotEmpty {
        /// The journal topic.
        topic: Arc<str>,
        /// Its partition.
        partition: i32,
        /// Where its log ends.
        end: i64,
    },
}

/// Where the logs of a journal end now, by partition. Blocks.
///
/// # Errors
/// Kafka cannot be reached, or the topic has fewer partitions.
pub fn ends(settings: &Settings, topic: &Topic) -> Result<Vec<i64>, JournalError> {
    let asking = client::consumer(&client::reading(settings), std::iter::empty())?;
    let end = |partition| client::watermarks(&asking, &topic.name, partition).map(|(_, high)| high);
    (0..topic.partitions).map(end).collect()
}

/// The records of a partition, from the first to where it was asked for.
pub struct Excerpt {
    consumer: BaseConsumer<Ear>,
    topic: Arc<str>,
    partition: i32,
    end: i64,
    over: bool,
}

impl Excerpt {
    /// Starts to read a partition up to that offset, exclusive. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or the log does not start at offset 0.
    pub fn open(settings: &Settings, topic: &str, partition: i32, end: i64) -> Result<Excerpt, CopyError> {
        let mut config = client::reading(settings);
        config.set("enable.partition.eof", "true");
        let asking = client::consumer(&config, std::iter::empty())?;
        let (low, high) = client::watermarks(&asking, topic, partition)?;
        let topic: Arc<str> = topic.into();
        let whole = Track::new(topic.clone(), partition, None).fits(low, high).and_then(|()| reaches(high, end));
        whole.map_err(|halt| CopyError::Cut { topic: topic.clone(), partition, halt })?;
        let consumer = client::consumer(&config, std::iter::once((&*topic, partition, 0)))?;
        Ok(Excerpt { consumer, topic, partition, end, over: end == 0 })
    }

    /// The next record; none behind the last.
    ///
    /// # Errors
    /// Kafka sends nothing within `patience`, or the log has become shorter.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Raw>, CopyError> {
        let deadline = Instant::now() + patience;
        while !self.over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let topic = format!("{}/{}", self.topic, self.partition);
                return Err(JournalError::Unread { topic, seconds: patience.as_secs() }.into());
            }
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    let raw = Raw::of(&message);
                    self.over = raw.offset + 1 >= self.end;
                    if raw.offset < self.end {
                        return Ok(Some(raw));
                    }
                }
                // Offsets without records, such as the end of a transaction, may be the last.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let (_, high) = client::watermarks(&self.consumer, &self.topic, self.partition)?;
                    reaches(high, self.end).map_err(|halt| CopyError::Cut {
                        topic: self.topic.clone(),
                        partition: self.partition,
                        halt,
                    })?;
                    self.over = true;
                }
                Some(Err(error)) => tracing::warn!(topic = %self.topic, %error, "reading is interrupted"),
                None => {}
            }
        }
        Ok(None)
    }
}

fn reaches(high: i64, end: i64) -> Result<(), Halt> {
    if high >= end {
        return Ok(());
    }
    Err(Halt::Cut { reason: format!("the log reached offset {end}, but now ends at offset {high}") })
}

/// Appends the records of a copy to an empty partition, each at the offset it had.
pub struct Restoring {
    sending: Sending,
    partition: i32,
    next: i64,
}

impl Restoring {
    /// Begins with an empty partition. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or the partition holds a record.
    pub fn open(settings: &Settings, topic: &str, partition: i32) -> Result<Restoring, CopyError> {
        let asking = client::consumer(&client::reading(settings), std::iter::empty())?;
        let (_, end) = client::watermarks(&asking, topic, partition)?;
        if end > 0 {
            return Err(CopyError::NotEmpty { topic: topic.into(), partition, end });
        }
        Ok(Restoring { sending: Sending::open(settings, topic)?, partition, next: 0 })
    }

    /// Appends in order and blocks until Kafka has acknowledged all. Where the source had an offset without a record a void
    /// one takes its place.
    ///
    /// # Errors
    /// Kafka refused one, or did not acknowledge within `patience`: some may be there, and the partition has to be emptied.
    pub fn append(&mut self, records: &[Raw], patience: Duration) -> Result<(), CopyError> {
        let mut fillers = Vec::new();
        let mut next = self.next;
        for raw in records {
            fillers.extend((next..raw.offset).map(|offset| Raw::filler(offset, raw.timestamp)));
            next = raw.offset + 1;
        }
        self.next = next;
        let mut all: Vec<&Raw> = records.iter().chain(&fillers).collect();
        if !fillers.is_empty() {
            all.sort_by_key(|raw| raw.offset);
        }
        let partition = self.partition;
        Ok(self.sending.send(all.into_iter().map(|raw| raw.item(partition)), patience)?)
    }
}

/// Lets records keep the dates they had while these journals are restored; until [`end`], every process of ours refuses them.
/// Needs a tokio runtime.
///
/// # Errors
/// Kafka cannot be reached or refuses the setting.
pub async fn begin(settings: &Settings, journals: &[Topic]) -> Result<(), JournalError> {
    date_by(settings, journals, OF_WRITER).await
}

/// Ends what [`begin`] began: the journals can be used. Needs a tokio runtime.
///
/// # Errors
/// Kafka cannot be reached or refuses the setting.
pub async fn end(settings: &Settings, journals: &[Topic]) -> Result<(), JournalError> {
    date_by(settings, journals, OF_BROKER).await
}

async fn date_by(settings: &Settings, journals: &[Topic], clock: &str) -> Result<(), JournalError> {
    let doing = "whose clock dates the journals' records could not be set";
    let admin = topics::admin(settings)?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let specifiers: Vec<_> = journals.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let described = admin.describe_configs(&specifiers, &options).await.map_err(JournalError::kafka(doing))?;
    let described = described.into_iter().collect::<Result<Vec<_>, _>>();
    let described = described.map_err(|code| JournalError::kafka(doing)(KafkaError::AdminOp(code)))?;
    let altered = journals.iter().zip(&described).map(|(topic, config)| {
        // Kafka takes the whole: what is not said again would fall back to the broker's own.
        let own = config.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let kept = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let kept = kept.filter(|(name, _)| *name != CLOCK);
        let unchanged = AlterConfig::new(ResourceSpecifier::Topic(&topic.name));
        kept.fold(unchanged, |all, (name, value)| all.set(name, value)).set(CLOCK, clock)
    });
    let altered: Vec<_> = altered.collect();
    let outcome = admin.alter_configs(&altered, &options).await.map_err(JournalError::kafka(doing))?;
    for topic in outcome {
        topic.map_err(|(topic, code)| JournalError::kafka(format!("{topic:?}: {doing}"))(KafkaError::AdminOp(code)))?;
    }
    Ok(())
}
