//! Sending batches outside of the protocol: in order, and waiting until Kafka has acknowledged all.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext, ThreadedProducer};

use crate::client;
use crate::error::JournalError;
use crate::settings::Settings;

/// One record of a batch.
pub(crate) struct Item<'a> {
    pub(crate) partition: i32,
    /// Milliseconds since 1970; now where none is said.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: OwnedHeaders,
    pub(crate) value: Option<&'a [u8]>,
}

/// The way to one topic.
pub(crate) struct Sending {
    producer: ThreadedProducer<Acknowledgements>,
    topic: String,
}

/// What Kafka has said about the present batch.
#[derive(Default)]
struct Acknowledgements {
    batch: Mutex<Batch>,
    changed: Condvar,
}

#[derive(Default)]
struct Batch {
    id: usize,
    open: usize,
    failed: Option<KafkaError>,
}

impl Acknowledgements {
    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka producer");
    }
}

impl ProducerContext<NoCustomPartitioner> for Acknowledgements {
    /// The batch that a record belongs to; what comes late for an earlier one is of no interest.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        let mut batch = self.batch();
        if batch.id == id {
            batch.open -= 1;
            if let Err((error, _)) = result {
                batch.failed.get_or_insert_with(|| error.clone());
            }
            if batch.open == 0 || batch.failed.is_some() {
                self.changed.notify_all();
            }
        }
    }
}

impl Sending {
    pub(crate) fn open(settings: &Settings, topic: &str) -> Result<Sending, JournalError> {
        let producer = client::appending(settings)
            // Whole batches come at once; waiting a little makes fewer requests of them.
            .set("linger.ms", "2")
            .create_with_context(Acknowledgements::default())
            .map_err(JournalError::kafka(format!("{topic}: a producer could not be made")))?;
        Ok(Sending { producer, topic: topic.to_owned() })
    }

    /// What is sent from here on goes to this topic.
    pub(crate) fn turn_to(&mut self, topic: &str) {
        topic.clone_into(&mut self.topic);
    }

    /// Sends in order and blocks until all are acknowledged. One batch at a time: `&mut`.
    pub(crate) fn send<'a>(
        &mut self,
        items: impl Iterator<Item = Item<'a>>,
        patience: Duration,
    ) -> Result<(), JournalError> {
        let deadline = Instant::now() + patience;
        let doing = format!("{}: sending records", self.topic);
        let context = rdkafka::producer::Producer::client(&self.producer).context().clone();
        let id = {
            let mut batch = context.batch();
            *batch = Batch { id: batch.id + 1, ..Batch::default() };
            batch.id
        };
        let late = || JournalError::Unacknowledged { doing: doing.clone(), seconds: patience.as_secs() };
        for item in items {
            let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.topic, id)
                .partition(item.partition)
                .headers(item.headers);
            record.key = item.key;
            record.payload = item.value;
            record.timestamp = item.timestamp;
            context.batch().open += 1;
            loop {
                match self.producer.send(record) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                        if Instant::now() >= deadline {
                            return Err(late());
                        }
                        record = same;
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Err((error, _)) => return Err(JournalError::kafka(doing)(error)),
                }
            }
        }
        let mut batch = context.batch();
        while batch.open > 0 {
            if let Some(error) = batch.failed.take() {
                return Err(JournalError::kafka(doing)(error));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late());
            }
            batch = context.changed.wait_timeout(batch, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        batch.failed.take().map_or(Ok(()), |error| Err(JournalError::kafka(doing)(error)))
    }
}
