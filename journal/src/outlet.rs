//! The way out: records for topics that others read, which know nothing of claims and gates.

use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};

use crate::client;
use crate::error::JournalError;
use crate::sending::{Item, Sending};
use crate::settings::Settings;

/// A record for a public topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicRecord {
    /// The topic's partition.
    pub partition: i32,
    /// What orders records for their readers; nothing personal.
    pub key: Vec<u8>,
    /// Header names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub value: Vec<u8>,
}

/// Sends to a public topic in order, and waits for the acknowledgements.
///
/// A record may be repeated, after a failure or a restart: readers tell by an id in its headers.
pub struct Outlet {
    settings: Settings,
    topic: String,
    sending: Option<Sending>,
}

impl Outlet {
    /// The way to this topic. Speaks to Kafka only when it is used.
    pub fn new(settings: &Settings, topic: &str) -> Outlet {
        Outlet { settings: settings.clone(), topic: topic.to_owned(), sending: None }
    }

    /// Sends the records in order and blocks until Kafka has acknowledged all of them.
    ///
    /// # Errors
    /// Kafka refused one, or did not acknowledge within `patience`; some of them may have arrived. Ask
    /// [`last`](Outlet::last), or send the whole batch again.
    pub fn send(&mut self, records: &[PublicRecord], patience: Duration) -> Result<(), JournalError> {
        // After an error a new producer is made: what the old one still held is dropped with it, so that it
        // cannot arrive among what is sent next.
        let mut sending = match self.sending.take() {
            Some(sending) => sending,
            None => Sending::open(&self.settings, &self.topic)?,
        };
        let items = records.iter().map(|record| Item {
            partition: record.partition,
            timestamp: None,
            key: Some(&record.key),
            headers: record
                .headers
                .iter()
                .fold(OwnedHeaders::new_with_capacity(record.headers.len()), |all, (key, value)| {
                    all.insert(Header { key, value: Some(value) })
                }),
            value: Some(&record.value),
        });
        sending.send(items, patience)?;
        self.sending = Some(sending);
        Ok(())
    }

    /// The last record of a partition, so that a publisher knows where it stopped; none when the partition
    /// is empty. Blocks.
    ///
    /// # Errors
    /// Kafka cannot be reached, or did not answer within `patience`.
    pub fn last(&self, partition: i32, patience: Duration) -> Result<Option<PublicRecord>, JournalError> {
        let deadline = Instant::now() + patience;
        let config = client::reading(&self.settings);
        let asking = client::consumer(&config, std::iter::empty())?;
        let (low, high) = client::watermarks(&asking, &self.topic, partition)?;
        if low == high {
            return Ok(None);
        }
        let consumer = client::consumer(&config, std::iter::once((self.topic.as_str(), partition, high - 1)))?;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match consumer.poll(left) {
                Some(Ok(message)) => return Ok(Some(record(&message))),
                Some(Err(error)) => {
                    tracing::warn!(topic = self.topic, %error, "reading is interrupted")
                }
                None => {}
            }
        }
        Err(JournalError::Unread { topic: self.topic.clone(), seconds: patience.as_secs() })
    }
}

fn record(message: &BorrowedMessage<'_>) -> PublicRecord {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    PublicRecord {
        partition: message.partition(),
        key: message.key().unwrap_or_default().to_vec(),
        headers: headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect(),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
