//! The topics of a journal: made with the settings that keep history, and refused at start-up when one of
//! them has been lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::{self, Ear, PATIENCE};
use crate::error::JournalError;
use crate::settings::Settings;

/// How the name of every journal begins.
const JOURNAL: &str = "journal.";

/// What a topic is for, which decides how it has to be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `journal.<context>`: kept for ever, every record of it.
    Journal,
    /// `owners.<context>`: always empty; its consumer group says who should own a partition.
    Owners,
    /// `schemas`: compacted, one partition.
    Shelf,
    /// `public.<context>`: for others; retention as an operator wishes.
    Public,
}

/// A topic that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions: fixed for ever, since a tenant's partition depends on it.
    pub partitions: i32,
    /// What it is for.
    pub kind: Kind,
}

impl Topic {
    /// `journal.<context>`.
    pub fn journal(context: &str, partitions: i32) -> Topic {
        Topic { name: format!("{JOURNAL}{context}"), partitions, kind: Kind::Journal }
    }

    /// `owners.<context>`, which has as many partitions as the journal.
    pub fn owners(context: &str, partitions: i32) -> Topic {
        Topic { name: format!("owners.{context}"), partitions, kind: Kind::Owners }
    }

    /// `schemas`.
    pub fn schemas() -> Topic {
        Topic { name: "schemas".into(), partitions: 1, kind: Kind::Shelf }
    }

    /// `public.<context>`.
    pub fn public(context: &str, partitions: i32) -> Topic {
        Topic { name: format!("public.{context}"), partitions, kind: Kind::Public }
    }
}

/// Makes the topics that are not there yet, with `replicas` copies each (1 only in development), and waits
/// until they can be used. What is there is left alone; [`check`] judges it. Needs a tokio runtime.
///
/// # Errors
/// Kafka cannot be reached or refuses to make one.
pub async fn ensure(settings: &Settings, topics: &[Topic], replicas: i32) -> Result<(), JournalError> {
    let admin = admin(settings)?;
    let in_sync = if replicas >= 3 { "2" } else { "1" };
    let new = topics.iter().map(|topic| {
        let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(replicas))
            .set("min.insync.replicas", in_sync)
            .set("unclean.leader.election.enable", "false");
        match topic.kind {
            Kind::Journal => new
                .set("cleanup.policy", "delete")
                .set("retention.ms", "-1")
                .set("retention.bytes", "-1")
                .set("message.timestamp.type", "LogAppendTime"),
            Kind::Owners => new,
            Kind::Shelf => new.set("cleanup.policy", "compact"),
            // A publisher finds its place in what it has published; shorten this only with care.
            Kind::Public => new.set("cleanup.policy", "delete").set("retention.ms", "-1"),
        }
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let made = admin.create_topics(&new, &AdminOptions::new().operation_timeout(Some(PATIENCE))).await;
    for made in made.map_err(JournalError::kafka("the topics could not be made"))? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let doing = format!("topic {topic} could not be made");
                return Err(JournalError::kafka(doing)(KafkaError::AdminOp(code)));
            }
        }
    }
    // A topic that was just made has no leaders for a moment.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shapes = shapes(&admin, named(topics)).await?;
        let usable = |topic: &Topic| shapes.iter().any(|shape| shape.name == topic.name && shape.led);
        match topics.iter().find(|topic| !usable(topic)) {
            None => return Ok(()),
            Some(topic) if Instant::now() >= deadline => {
                let refusal = format!("topic {} has no leader for every partition yet", topic.name);
                return Err(JournalError::Topics { refusals: vec![refusal] });
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Refuses topics that are not there or would lose or reorder history: one sentence for each setting,
/// all at once. Needs a tokio runtime.
///
/// What librdkafka cannot ask is left to the operator: that the cluster's feature
/// `eligible.leader.replicas.version` is 1 or above (`kafka-features.sh describe`).
///
/// # Errors
/// [`JournalError::Topics`] with the sentences; or Kafka cannot be reached.
pub async fn check(settings: &Settings, topics: &[Topic]) -> Result<(), JournalError> {
    let admin = admin(settings)?;
    let shapes = shapes(&admin, named(topics)).await?;
    let mut refusals = Vec::new();
    let mut there = Vec::new();
    for topic in topics {
        let Topic { name, partitions, .. } = topic;
        match shapes.iter().find(|shape| shape.name == *name) {
            None => refusals.push(format!("topic {name} does not exist")),
            Some(shape) if shape.partitions != *partitions => refusals.push(format!(
                "topic {name} has {} partitions instead of {partitions}, so that tenants would be looked for in the wrong one",
                shape.partitions
            )),
            Some(_) => there.push(topic),
        }
    }
    if there.is_empty() {
        // Kafka takes no empty question.
        return if refusals.is_empty() { Ok(()) } else { Err(JournalError::Topics { refusals }) };
    }
    let specifiers: Vec<_> = there.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let described = admin.describe_configs(&specifiers, &AdminOptions::new().request_timeout(Some(PATIENCE)));
    let described = described.await.map_err(JournalError::kafka("the topics' settings could not be read"))?;
    for (topic, described) in there.iter().zip(described) {
        let config = described.map_err(|code| {
            JournalError::kafka(format!("the settings of topic {} could not be read", topic.name))(KafkaError::AdminOp(
                code,
            ))
        })?;
        let value =
            |name: &str| config.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or("unknown").to_owned();
        refusals.extend(judge(topic, value, settings.development));
    }
    refusals.extend(cut_at_the_start(settings, &there).await?);
    if refusals.is_empty() { Ok(()) } else { Err(JournalError::Topics { refusals }) }
}

/// The journals there are: the names of their topics, with how many partitions each has.
///
/// # Errors
/// Kafka cannot be reached.
pub async fn journals(settings: &Settings) -> Result<Vec<(String, i32)>, JournalError> {
    let admin = admin(settings)?;
    let shapes = shapes(&admin, |name| name.starts_with(JOURNAL)).await?;
    let mut journals: Vec<_> = shapes.into_iter().map(|shape| (shape.name, shape.partitions)).collect();
    journals.sort();
    Ok(journals)
}

/// The sentences for the settings of one topic.
fn judge(topic: &Topic, value: impl Fn(&str) -> String, development: bool) -> Vec<String> {
    let name = &topic.name;
    let kept = [
        ("cleanup.policy", "delete", "a journal keeps every record"),
        ("retention.ms", "-1", "a journal is kept for ever"),
        ("retention.bytes", "-1", "a journal is kept for ever"),
        ("message.timestamp.type", "LogAppendTime", "a writer's clock must not decide"),
    ];
    let compacted = [("cleanup.policy", "compact", "the last value of every key is kept for ever")];
    let demands: &[_] = match topic.kind {
        Kind::Journal => &kept,
        Kind::Shelf => &compacted,
        Kind::Owners | Kind::Public => &[],
    };
    let mut refusals = Vec::new();
    for (setting, wanted, why) in demands {
        let found = value(setting);
        if found != *wanted {
            refusals.push(format!("topic {name} has {setting}={found} instead of {wanted}: {why}"));
        }
    }
    if matches!(topic.kind, Kind::Journal | Kind::Shelf) && !development {
        let in_sync = value("min.insync.replicas");
        if in_sync.parse::<u32>().is_ok_and(|replicas| replicas < 2) {
            refusals.push(format!(
                "topic {name} has min.insync.replicas={in_sync} instead of 2 or more: one broker's loss would lose history"
            ));
        }
        if value("unclean.leader.election.enable") == "true" {
            refusals.push(format!(
                "topic {name} has unclean.leader.election.enable=true: a broker that is behind would cut the history"
            ));
        }
    }
    refusals
}

/// What metadata tells of a topic.
struct Shape {
    name: String,
    partitions: i32,
    /// Every partition has a leader.
    led: bool,
}

/// A client for questions about topics, and for their making.
pub(crate) fn admin(settings: &Settings) -> Result<Arc<AdminClient<Ear>>, JournalError> {
    let admin = client::asking(settings).create_with_context(Ear::default());
    admin.map(Arc::new).map_err(JournalError::kafka("no client could be made"))
}

/// Whether a topic is one of these.
fn named(topics: &[Topic]) -> impl Fn(&str) -> bool + Send + use<> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    move |name| names.iter().any(|named| named == name)
}

async fn shapes(
    admin: &Arc<AdminClient<Ear>>,
    is_wanted: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<Shape>, JournalError> {
    let admin = admin.clone();
    blocking(move || {
        let metadata = admin
            .inner()
            .fetch_metadata(None, PATIENCE)
            .map_err(JournalError::kafka("Kafka did not tell its topics"))?;
        let found = metadata.topics().iter().filter(|topic| is_wanted(topic.name()));
        Ok(found
            .map(|topic| Shape {
                name: topic.name().to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                led: !topic.partitions().is_empty()
                    && topic.partitions().iter().all(|partition| partition.leader() >= 0),
            })
            .collect())
    })
    .await
}

/// A journal's log starts at offset 0, or something has been deleted.
async fn cut_at_the_start(settings: &Settings, topics: &[&Topic]) -> Result<Vec<String>, JournalError> {
    let config = client::reading(settings);
    let journals: Vec<Topic> =
        topics.iter().filter(|topic| topic.kind == Kind::Journal).map(|topic| (*topic).clone()).collect();
    blocking(move || {
        let asking = client::consumer(&config, std::iter::empty())?;
        let mut refusals = Vec::new();
        for Topic { name, partitions, .. } in &journals {
            for partition in 0..*partitions {
                let (low, _) = client::watermarks(&asking, name, partition)?;
                if low > 0 {
                    refusals.push(format!(
                        "topic {name} starts at offset {low} in partition {partition}: its first records were deleted"
                    ));
                }
            }
        }
        Ok(refusals)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let called = tokio::task::spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(JournalError::Aborted { reason: error.to_string() }))
}
