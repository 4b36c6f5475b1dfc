//! The logs of partitions, read and written record for record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use super::{CopyError, Raw};
use crate::client::{self, Ear};
use crate::error::JournalError;
use crate::gate::Halt;
use crate::sending::Sending;
use crate::settings::Settings;
use crate::topics::Topic;
use crate::track::Track;

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
