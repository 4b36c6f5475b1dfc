//! The mark of a journal that is being restored: its records keep the dates they had, and nobody serves or follows it.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, ResourceSpecifier};
use rdkafka::error::KafkaError;

use crate::client::{Ear, PATIENCE};
use crate::error::JournalError;
use crate::settings::Settings;
use crate::topics::{self, Topic};

/// The topic setting that says whose clock dates a record. A journal is dated by its broker, and [`topics::check`] refuses one
/// that is not.
const CLOCK: &str = "message.timestamp.type";
const OF_WRITER: &str = "CreateTime";
const OF_BROKER: &str = "LogAppendTime";

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

/// Those of these journals that were begun to be restored and are not ended. Needs a tokio runtime.
///
/// # Errors
/// Kafka cannot be reached, or a journal is not there.
pub async fn unfinished(settings: &Settings, journals: &[Topic]) -> Result<Vec<String>, JournalError> {
    if journals.is_empty() {
        // Kafka takes no empty question.
        return Ok(Vec::new());
    }
    let described = describe(&*topics::admin(settings)?, journals).await?;
    let is_begun =
        |config: &ConfigResource| config.get(CLOCK).is_some_and(|entry| entry.value.as_deref() == Some(OF_WRITER));
    let begun = journals.iter().zip(&described).filter(|(_, config)| is_begun(config));
    Ok(begun.map(|(topic, _)| topic.name.clone()).collect())
}

async fn describe(admin: &AdminClient<Ear>, journals: &[Topic]) -> Result<Vec<ConfigResource>, JournalError> {
    let specifiers: Vec<_> = journals.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let described = admin.describe_configs(&specifiers, &options()).await;
    let described = described.map_err(JournalError::kafka("the journals' settings could not be read"))?;
    let described = described.into_iter().collect::<Result<Vec<_>, _>>();
    described.map_err(|code| JournalError::kafka("a journal's settings could not be read")(KafkaError::AdminOp(code)))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE))
}

async fn date_by(settings: &Settings, journals: &[Topic], clock: &str) -> Result<(), JournalError> {
    let doing = "whose clock dates the journals' records could not be set";
    let admin = topics::admin(settings)?;
    let described = describe(&admin, journals).await?;
    let altered = journals.iter().zip(&described).map(|(topic, config)| {
        // Kafka takes the whole: what is not said again would fall back to the broker's own.
        let own = config.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let kept = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let kept = kept.filter(|(name, _)| *name != CLOCK);
        let unchanged = AlterConfig::new(ResourceSpecifier::Topic(&topic.name));
        kept.fold(unchanged, |all, (name, value)| all.set(name, value)).set(CLOCK, clock)
    });
    let altered: Vec<_> = altered.collect();
    let outcome = admin.alter_configs(&altered, &options()).await.map_err(JournalError::kafka(doing))?;
    for topic in outcome {
        topic.map_err(|(topic, code)| JournalError::kafka(format!("{topic:?}: {doing}"))(KafkaError::AdminOp(code)))?;
    }
    Ok(())
}
