//! What the owner's thread does when Kafka's clients fail it: a producer that is done for, a consumer that
//! stands still, a log that has lost what it acknowledged.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{Desk, consumer};
use crate::client;
use crate::machine::Machine;
use crate::owner::producer::Appender;
use crate::owner::tenure::Now;

/// How long acknowledged records may stay unread before a new consumer is made, and how long lost ones
/// before a new claim.
const UNREAD: Duration = Duration::from_secs(2);
const LOST: Duration = Duration::from_secs(6);

impl<M: Machine> Desk<M> {
    /// A producer that has failed for good loses all that it holds; new claims through a new one decide what
    /// became of it.
    pub(super) fn renew_producer(&mut self) {
        let Some(reason) = self.appender.failed() else { return };
        tracing::error!(topic = %self.topic, reason, "the producer failed; appending through a new one");
        match Appender::open(&self.settings, &self.topic, self.partitions()) {
            Ok(appender) => {
                self.appender = appender;
                let now = self.now();
                for tenure in &mut self.tenures {
                    tenure.undelivered(tenure.generation(), now);
                }
            }
            Err(error) => tracing::error!(topic = %self.topic, %error, "no new producer yet"),
        }
    }

    fn partitions(&self) -> i32 {
        i32::try_from(self.tenures.len()).unwrap_or(i32::MAX)
    }

    /// What was acknowledged has to come back. If it does not, reading has stalled; if it came back void
    /// and nothing is under way, the log has lost what it acknowledged.
    pub(super) fn look_for_unread(&mut self, now: Now) {
        let mut stalled = false;
        for (partition, tenure) in (0..).zip(&mut self.tenures) {
            let Some(since) = tenure.unread_since() else {
                continue;
            };
            let waited = now.instant.duration_since(since);
            let unread = self.appender.acknowledged(partition) >= tenure.next_offset();
            stalled |= unread && waited > UNREAD;
            if !unread && waited > LOST && self.appender.is_settled() {
                tracing::error!(topic = %self.topic, partition, "acknowledged entries are missing from the log; claiming again");
                tenure.claim_for_lost_entries(now);
            }
        }
        if stalled && now.instant.duration_since(self.consumer_since) > 2 * UNREAD {
            tracing::warn!(topic = %self.topic, "acknowledged entries are not read back; reading through a new consumer");
            self.renew_consumer();
        }
    }

    fn renew_consumer(&mut self) {
        self.consumer_since = Instant::now();
        match consumer(&self.reading, &self.topic, &self.tenures) {
            Ok(consumer) => self.consumer = consumer,
            Err(error) => tracing::error!(topic = %self.topic, %error, "no new consumer yet"),
        }
    }

    /// What a consumer's error asks for. Most are told once and mended by librdkafka itself.
    pub(super) fn mend(&mut self, error: KafkaError) {
        match error {
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                for (partition, tenure) in (0..).zip(&mut self.tenures) {
                    match client::watermarks(&self.consumer, &self.topic, partition) {
                        Ok((low, high)) => tenure.fits(low, high),
                        Err(error) => tracing::error!(%error, "the log's end is not known"),
                    }
                }
                // A record written since may have hidden the cut from us; the gate will not overlook it.
                self.renew_consumer();
            }
            KafkaError::MessageConsumptionFatal(_) => {
                tracing::warn!(topic = %self.topic, %error, "reading through a new consumer");
                self.renew_consumer();
            }
            error => tracing::warn!(topic = %self.topic, %error, "reading is interrupted"),
        }
    }
}
