//! Who should own a partition: membership in a consumer group on an empty topic. It only ever suggests; the
//! log decides.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::client::{self, Ear};
use crate::error::JournalError;
use crate::settings::Settings;

/// How long Kafka may take to tell who the members are: who asks is about to end.
const TELLING: Duration = Duration::from_secs(2);

/// This process's membership in the group `owners.<context>`.
pub(super) struct Group {
    member: BaseConsumer<Ear>,
    topic: String,
    has_left: bool,
}

impl Group {
    /// Joins. The assignment comes with one of the next [`listen`](Group::listen)s.
    pub(super) fn join(settings: &Settings, topic: String) -> Result<Group, JournalError> {
        let config: ClientConfig = client::belonging(settings, &topic);
        let member: BaseConsumer<Ear> = config
            .create_with_context(Ear::default())
            .map_err(JournalError::kafka(format!("the group {topic} could not be joined")))?;
        member.subscribe(&[&topic]).map_err(JournalError::kafka(format!("the group {topic} could not be joined")))?;
        Ok(Group { member, topic, has_left: false })
    }

    /// Takes part in the group, which has to happen regularly, and tells the partitions that this process
    /// should own now; none if the group says nothing new can be known.
    pub(super) fn listen(&self) -> Option<Vec<i32>> {
        while let Some(heard) = self.member.poll(Duration::ZERO) {
            match heard {
                Ok(_) => tracing::warn!(topic = self.topic, "a record in a topic that has to be empty"),
                Err(error) => {
                    tracing::warn!(topic = self.topic, %error, "the group of owners is not heard")
                }
            }
        }
        let assigned = self.member.assignment().ok()?;
        Some(assigned.elements_for_topic(&self.topic).iter().map(|element| element.partition()).collect())
    }

    /// Leaves, so that others take over at once. To be listened to until then; leaving again changes nothing.
    pub(super) fn leave(&mut self) {
        if !std::mem::replace(&mut self.has_left, true) {
            self.member.unsubscribe();
        }
    }
}

/// How many members the group of this topic has. Blocks.
pub(super) fn members(settings: &Settings, topic: &str) -> Result<usize, JournalError> {
    let doing = || JournalError::kafka(format!("{topic}: Kafka did not tell the members of its group"));
    let asking: BaseConsumer = client::asking(settings).create().map_err(doing())?;
    let groups = asking.fetch_group_list(Some(topic), TELLING).map_err(doing())?;
    Ok(groups.groups().iter().filter(|group| group.name() == topic).map(|group| group.members().len()).sum())
}
