//! What can go wrong outside the rule: texts that do not parse, topics that are set up wrongly, a
//! broker that cannot be reached.

/// A text that is not in the form its field has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {text:?} is not of the form {form}")]
pub struct FormError {
    field: &'static str,
    text: String,
    form: &'static str,
}

impl FormError {
    pub(crate) fn new(field: &'static str, text: &str, form: &'static str) -> FormError {
        FormError { field, text: text.chars().take(120).collect(), form }
    }
}

/// A failure of the journal as a whole.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Kafka refused or could not be reached.
    #[error("{doing}: {source}")]
    Kafka {
        /// What was being done, with the topic's name.
        doing: String,
        /// librdkafka's error.
        source: rdkafka::error::KafkaError,
    },
    /// A topic is not set up as a journal needs it; one sentence each.
    #[error("{}", .refusals.join("; "))]
    Topics {
        /// One sentence for each setting that is wrong.
        refusals: Vec<String>,
    },
    /// Kafka did not acknowledge in time; what was sent may still arrive.
    #[error("{doing}: no acknowledgement within {seconds} s")]
    Unacknowledged {
        /// What was being done, with the topic's name.
        doing: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Kafka did not send what a topic holds in time.
    #[error("{topic}: not read to its end within {seconds} s")]
    Unread {
        /// The topic.
        topic: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The runtime was shut down while Kafka was being asked.
    #[error("the check of the topics was broken off: {reason}")]
    Aborted {
        /// The runtime's words.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("the thread of {topic} could not be started: {source}")]
    Thread {
        /// The journal topic.
        topic: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

impl JournalError {
    pub(crate) fn kafka(doing: impl Into<String>) -> impl FnOnce(rdkafka::error::KafkaError) -> JournalError {
        let doing = doing.into();
        move |source| JournalError::Kafka { doing, source }
    }
}
