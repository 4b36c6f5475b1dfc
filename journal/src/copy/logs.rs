//! The logs of partitions, read and written record for record.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::{CopyError, Raw};
use crate::client::{self, Ear};
use crate::error::JournalError;
use crate::gate::Halt;
use crate::sending::Sending;
use crate::settings::Settings;
use crate::topics::Topic;
use crate::track::Track;

/// Reads logs, one partition after the other: one client for all, since to begin and to end one takes longer than to read a
/// short log.
pub struct Logs {
    config: ClientConfig,
    consumer: BaseConsumer<Ear>,
}

impl Logs {
    /// Makes the client.
    ///
    /// # Errors
    /// librdkafka refuses its settings.
    pub fn open(settings: &Settings) -> Result<Logs, JournalError> {
        let mut config = client::reading(settings);
        // It is known where to stop, so nobody waits for what is still to come; a broker that waited would keep the next
        // partition waiting too, which is asked for on the same connection.
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
        Ok(Logs { consumer: client::consumer(&config, std::iter::empty())?, config })
    }

    /// Where the logs of a journal end now, by partition. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or the topic has fewer partitions.
    pub fn ends(&self, topic: &Topic) -> Result<Vec<i64>, JournalError> {
        let end = |partition| client::watermarks(&self.consumer, &topic.name, partition).map(|(_, high)| high);
        (0..topic.partitions).map(end).collect()
    }

    /// Starts to read a partition up to that offset, exclusive. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or the log does not reach from offset 0 to there.
    pub fn excerpt(&mut self, topic: &str, partition: i32, end: i64) -> Result<Excerpt<'_>, CopyError> {
        let (low, high) = client::watermarks(&self.consumer, topic, partition)?;
        let topic: Arc<str> = topic.into();
        let whole = Track::new(topic.clone(), partition, None).fits(low, high).and_then(|()| reaches(high, end));
        whole.map_err(|halt| CopyError::Cut { topic: topic.clone(), partition, halt })?;
        let doing = || format!("{topic}/{partition} could not be read");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition, Offset::Offset(0)).map_err(JournalError::kafka(doing()))?;
        self.consumer.assign(&list).map_err(JournalError::kafka(doing()))?;
        Ok(Excerpt { logs: self, topic, partition, next: 0, end, over: end == 0 })
    }
}

/// The records of a partition, from the first to where it was asked for.
pub struct Excerpt<'a> {
    logs: &'a Logs,
    topic: Arc<str>,
    partition: i32,
    /// Behind the last record that was read.
    next: i64,
    end: i64,
    over: bool,
}

impl Excerpt<'_> {
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
            match self.logs.consumer.poll(left) {
                // Of the partition that was read before something may still have been on its way.
                Some(Ok(message)) if message.partition() != self.partition || message.topic() != &*self.topic => {}
                Some(Ok(message)) => {
                    let raw = Raw::of(&message);
                    self.next = raw.offset + 1;
                    self.over = self.next >= self.end;
                    if raw.offset < self.end {
                        return Ok(Some(raw));
                    }
                }
                // Offsets without records, such as the end of a transaction, may be the last.
                Some(Err(KafkaError::PartitionEOF(_))) => self.over = self.ends_with_a_gap(left)?,
                None => {}
                Some(Err(error)) => tracing::warn!(topic = %self.topic, %error, "reading is interrupted"),
            }
        }
        Ok(None)
    }

    /// Whether no record stands between the last one read and the end. A client of its own is asked: what this one says of an
    /// end may be about a partition that was read before.
    fn ends_with_a_gap(&self, patience: Duration) -> Result<bool, CopyError> {
        let Excerpt { logs, topic, partition, next, end, .. } = self;
        let asking = client::consumer(&logs.config, std::iter::once((&**topic, *partition, *next)))?;
        let (_, high) = client::watermarks(&asking, topic, *partition)?;
        reaches(high, *end).map_err(|halt| CopyError::Cut { topic: topic.clone(), partition: *partition, halt })?;
        Ok(match asking.poll(patience) {
            Some(Ok(message)) => message.offset() >= *end,
            Some(Err(KafkaError::PartitionEOF(_))) => true,
            Some(Err(_)) | None => false,
        })
    }
}

fn reaches(high: i64, end: i64) -> Result<(), Halt> {
    if high >= end {
        return Ok(());
    }
    Err(Halt::Cut { reason: format!("the log reached offset {end}, but now ends at offset {high}") })
}

/// Appends the records of a copy to empty journals, each at the offset it had.
pub struct Restoring {
    sending: Sending,
    /// By topic and partition: the offset of the next record.
    next: HashMap<(String, i32), i64>,
}

impl Restoring {
    /// Begins with journals that are empty. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or a partition holds a record.
    pub fn open(settings: &Settings, journals: &[Topic]) -> Result<Restoring, CopyError> {
        let logs = Logs::open(settings)?;
        let mut next = HashMap::new();
        for topic in journals {
            for (partition, end) in (0..).zip(logs.ends(topic)?) {
                if end > 0 {
                    return Err(CopyError::NotEmpty { topic: topic.name.as_str().into(), partition, end });
                }
                next.insert((topic.name.clone(), partition), 0);
            }
        }
        // One producer for all: to make one takes longer than to send a short log.
        let first = journals.first().map_or("", |topic| &topic.name);
        Ok(Restoring { sending: Sending::open(settings, first)?, next })
    }

    /// Appends to a partition, in order, and blocks until Kafka has acknowledged all. Where the source had an offset without a
    /// record a void one takes its place.
    ///
    /// # Errors
    /// Kafka refused one, or did not acknowledge within `patience`: some may be there, and the partition has to be emptied.
    pub fn append(
        &mut self,
        topic: &str,
        partition: i32,
        records: &[Raw],
        patience: Duration,
    ) -> Result<(), CopyError> {
        let Some(known) = self.next.get_mut(&(topic.to_owned(), partition)) else {
            let refusal = format!("{topic}/{partition} is not being restored");
            return Err(JournalError::Topics { refusals: vec![refusal] }.into());
        };
        self.sending.turn_to(topic);
        let mut fillers = Vec::new();
        for raw in records {
            fillers.extend((*known..raw.offset).map(|offset| Raw::filler(offset, raw.timestamp)));
            *known = raw.offset + 1;
        }
        let mut all: Vec<&Raw> = records.iter().chain(&fillers).collect();
        if !fillers.is_empty() {
            all.sort_by_key(|raw| raw.offset);
        }
        Ok(self.sending.send(all.into_iter().map(|raw| raw.item(partition)), patience)?)
    }
}
