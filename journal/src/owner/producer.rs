//! Appending, and what Kafka says about it afterwards.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext};

use super::tenure::Append;
use crate::client;
use crate::error::JournalError;
use crate::header::{GATE, TRACEPARENT};
use crate::settings::Settings;

/// A record that has not reached the log, as far as Kafka can tell.
pub(super) struct Undelivered {
    pub(super) partition: i32,
    pub(super) generation: usize,
}

/// What the producer hears when it is asked. Deliveries only tell whether reading lags behind: no position is
/// ever taken from them.
pub(super) struct Deliveries {
    topic: String,
    undelivered: Mutex<Vec<Undelivered>>,
    /// The highest offset acknowledged, by partition; -1 before the first.
    acknowledged: Vec<AtomicI64>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka producer");
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    /// The generation of the claim that the record belongs to.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, generation: usize) {
        match result {
            Ok(message) => {
                let acknowledged = usize::try_from(message.partition()).ok().and_then(|at| self.acknowledged.get(at));
                if let Some(acknowledged) = acknowledged {
                    acknowledged.fetch_max(message.offset(), Ordering::Relaxed);
                }
            }
            Err((error, message)) => {
                tracing::warn!(topic = self.topic, partition = message.partition(), %error, "a record was not delivered");
                let mut undelivered = self.undelivered.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                undelivered.push(Undelivered { partition: message.partition(), generation });
            }
        }
    }
}

/// What became of handing a record to the producer.
pub(super) enum Handed {
    /// It is under way.
    Over,
    /// The queue is full; the same record is to be handed over again.
    Full,
    /// It can never be sent.
    Refused(KafkaError),
}

/// The producer of all partitions of a journal.
pub(super) struct Appender {
    producer: BaseProducer<Deliveries>,
    topic: String,
}

impl Appender {
    /// A producer that has found the topic's brokers, so that a claim waits for nothing.
    pub(super) fn open(settings: &Settings, topic: &str, partitions: i32) -> Result<Appender, JournalError> {
        let context = Deliveries {
            topic: topic.to_owned(),
            undelivered: Mutex::default(),
            acknowledged: (0..partitions).map(|_| AtomicI64::new(-1)).collect(),
        };
        let producer: BaseProducer<Deliveries> = client::appending(settings)
            .create_with_context(context)
            .map_err(JournalError::kafka(format!("{topic}: a producer could not be made")))?;
        producer
            .client()
            .fetch_metadata(Some(topic), client::PATIENCE)
            .map_err(JournalError::kafka(format!("{topic}: the producer found no broker")))?;
        Ok(Appender { producer, topic: topic.to_owned() })
    }

    pub(super) fn hand_over(&self, partition: i32, append: &Append) -> Handed {
        let mut headers = OwnedHeaders::new_with_capacity(2).insert(Header { key: GATE, value: Some(&append.header) });
        if let Some(traceparent) = &append.traceparent {
            headers = headers.insert(Header { key: TRACEPARENT, value: Some(traceparent) });
        }
        let record = BaseRecord::<(), Vec<u8>, usize>::with_opaque_to(&self.topic, append.generation)
            .partition(partition)
            .payload(&append.value)
            .headers(headers);
        match self.producer.send(record) {
            Ok(()) => Handed::Over,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Handed::Full,
            Err((error, _)) => Handed::Refused(error),
        }
    }

    /// Lets the producer tell what has become of its records; to be called often, and never waits.
    pub(super) fn listen(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// What was not delivered since this was asked last.
    pub(super) fn undelivered(&self) -> Vec<Undelivered> {
        let context = self.producer.client().context();
        std::mem::take(&mut *context.undelivered.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// The highest offset that Kafka has acknowledged in a partition, through this producer.
    pub(super) fn acknowledged(&self, partition: i32) -> i64 {
        let context = self.producer.client().context();
        let at = usize::try_from(partition).ok().and_then(|at| context.acknowledged.get(at));
        at.map_or(-1, |offset| offset.load(Ordering::Relaxed))
    }

    /// Nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.producer.in_flight_count() == 0
    }

    /// The producer can send nothing any more, and why; it has to be replaced.
    pub(super) fn failed(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(_, reason)| reason)
    }
}
