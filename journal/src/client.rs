//! How this crate speaks to Kafka: the settings of librdkafka that the protocol relies on, in one place.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::{Offset, TopicPartitionList};

use crate::error::JournalError;
use crate::settings::Settings;

/// How long Kafka may take to answer a question at start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// How often librdkafka tells how far a log reaches.
const STATISTICS_MS: &str = "1000";

fn common(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", &settings.client_id)
        .set("allow.auto.create.topics", "false")
        // After a restart of a broker a client is back within half a second.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        // A connection that says nothing for long is the normal case here.
        .set("log.connection.close", "false");
    config
}

/// For questions about topics and for their making.
pub(crate) fn asking(settings: &Settings) -> ClientConfig {
    common(settings)
}

/// For reading logs. Every reader sees every record: admission is ours, so transactions of others must not
/// hide anything, and a log that is shorter than expected must be an error.
pub(crate) fn reading(settings: &Settings) -> ClientConfig {
    let mut config = common(settings);
    config
        // librdkafka wants a name for every consumer; nothing is committed and no group is joined.
        .set("group.id", "daybook-journal")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_uncommitted")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("statistics.interval.ms", STATISTICS_MS)
        // Answered as soon as there is a byte, and asked again at once.
        .set("fetch.min.bytes", "1")
        .set("fetch.wait.max.ms", "500")
        .set("fetch.queue.backoff.ms", "1")
        .set("fetch.error.backoff.ms", "20")
        // What lies ready is bounded by bytes alone, to keep a process small.
        .set("queued.min.messages", "1000000")
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.message.max.bytes", "1048576")
        .set("fetch.max.bytes", "4194304");
    config
}

/// For following logs: like reading, but brokers may gather records for a while.
pub(crate) fn following(settings: &Settings) -> ClientConfig {
    let mut config = reading(settings);
    if !settings.gather.is_zero() {
        config.set("fetch.min.bytes", "65536").set("fetch.wait.max.ms", settings.gather.as_millis().max(1).to_string());
    }
    config
}

/// For appending: acknowledged by all replicas in sync, in order, without repetition as far as Kafka can.
pub(crate) fn appending(settings: &Settings) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // Batches form by themselves while a request is under way; waiting for more only costs time.
        .set("linger.ms", "0")
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "500")
        .set("request.timeout.ms", "10000")
        // Longer than a broker takes to restart: slowness is no reason for a claim.
        .set("message.timeout.ms", "120000")
        .set("queue.buffering.max.kbytes", "32768")
        .set("message.max.bytes", "1000000");
    config
}

/// For belonging to the group that says who should own a partition.
pub(crate) fn belonging(settings: &Settings, group: &str) -> ClientConfig {
    let mut config = common(settings);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        // The topic is empty and stays so; where to begin is of no interest.
        .set("auto.offset.reset", "latest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        // An owner whose loop hangs for this long loses its partitions.
        .set("max.poll.interval.ms", "30000")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("fetch.wait.max.ms", "10000");
    config
}

/// What a client tells besides records: its log lines, and how far the logs reach.
#[derive(Default)]
pub(crate) struct Ear {
    ends: Mutex<HashMap<(String, i32), i64>>,
}

impl Ear {
    /// The offset at which a partition ended when Kafka last told, about a second ago.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let ends = self.ends.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ends.get(&(topic.to_owned(), partition)).copied()
    }
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = self.ends.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (name, topic) in statistics.topics {
            for (partition, known) in topic.partitions {
                if known.hi_offset >= 0 {
                    ends.insert((name.clone(), partition), known.hi_offset);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a log is news to its reader, who is told, and to nobody else.
        if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        tracing::warn!(%error, reason, "Kafka client");
    }
}

impl ConsumerContext for Ear {}

/// Passes a line of librdkafka on. Its own "error" is often a broker that is away for a moment, which it
/// mends by itself.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
    }
}

/// A consumer of these partitions from these offsets on.
pub(crate) fn consumer<'a>(
    config: &ClientConfig,
    from: impl Iterator<Item = (&'a str, i32, i64)>,
) -> Result<BaseConsumer<Ear>, JournalError> {
    let consumer: BaseConsumer<Ear> =
        config.create_with_context(Ear::default()).map_err(JournalError::kafka("a consumer could not be made"))?;
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in from {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(JournalError::kafka(format!("{topic}/{partition} at offset {offset} could not be chosen")))?;
    }
    consumer.assign(&list).map_err(JournalError::kafka("the partitions could not be read"))?;
    Ok(consumer)
}

/// Where a partition's log starts and ends. Blocks; waits for a leader that is about to lead.
pub(crate) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Result<(i64, i64), JournalError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable,
            )) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            told => {
                let doing = format!("{topic}/{partition}: Kafka did not tell where the log starts and ends");
                return told.map_err(JournalError::kafka(doing));
            }
        }
    }
}
