//! A small table kept in a compacted topic: the last value put under a key is the one that counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedHeaders};

use crate::client;
use crate::error::JournalError;
use crate::sending::{Item, Sending};
use crate::settings::Settings;

/// A compacted topic of one partition as a table. Made for the schemas: few, small, needed by everyone at
/// start.
pub struct Shelf {
    settings: Settings,
    topic: String,
    sending: Option<Sending>,
}

impl Shelf {
    /// The table in this topic. Speaks to Kafka only when it is used.
    pub fn new(settings: &Settings, topic: &str) -> Shelf {
        Shelf { settings: settings.clone(), topic: topic.to_owned(), sending: None }
    }

    /// Puts values under their keys and blocks until Kafka has acknowledged all of them.
    ///
    /// # Errors
    /// Kafka refused one, or did not acknowledge within `patience`; some may have been put.
    pub fn put(&mut self, items: &[(Vec<u8>, Vec<u8>)], patience: Duration) -> Result<(), JournalError> {
        // A producer that has failed once may have failed for good.
        let mut sending = match self.sending.take() {
            Some(sending) => sending,
            None => Sending::open(&self.settings, &self.topic)?,
        };
        let records = items.iter().map(|(key, value)| Item {
            partition: 0,
            timestamp: None,
            key: Some(key),
            headers: OwnedHeaders::new(),
            value: Some(value),
        });
        sending.send(records, patience)?;
        self.sending = Some(sending);
        Ok(())
    }

    /// All keys with their last values, up to where the topic ends now. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached or did not send all within `patience`.
    pub fn load(&self, patience: Duration) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, JournalError> {
        let deadline = Instant::now() + patience;
        let mut config = client::reading(&self.settings);
        // Compaction leaves gaps, perhaps up to the very end, so that only Kafka can tell where that is.
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "20");
        let asking = client::consumer(&config, std::iter::empty())?;
        let (low, high) = client::watermarks(&asking, &self.topic, 0)?;
        let mut items = BTreeMap::new();
        if low == high {
            return Ok(items);
        }
        let consumer = client::consumer(&config, std::iter::once((self.topic.as_str(), 0, low)))?;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match consumer.poll(left) {
                Some(Ok(message)) => {
                    let key = message.key().unwrap_or_default().to_vec();
                    match message.payload() {
                        Some(value) => items.insert(key, value.to_vec()),
                        None => items.remove(&key),
                    };
                    if message.offset() + 1 >= high {
                        return Ok(items);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(items),
                Some(Err(error)) => {
                    tracing::warn!(topic = self.topic, %error, "reading is interrupted")
                }
                None => {}
            }
        }
        Err(JournalError::Unread { topic: self.topic.clone(), seconds: patience.as_secs() })
    }
}
