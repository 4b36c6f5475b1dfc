//! What a process says about itself and how much it is willing to hold.

use std::time::{Duration, SystemTime};

/// How a process takes part in the journals.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Kafka's bootstrap list, as `127.0.0.1:19092,127.0.0.1:19093`.
    pub brokers: String,
    /// The name under which the brokers log this process.
    pub client_id: String,
    /// Lets one broker be enough: replicas and unclean election are not checked.
    pub development: bool,
    /// Where other instances forward commands to; it stands in this owner's claims.
    pub url: String,
    /// The version of the code that decides; nobody claims below the highest version that has claimed.
    pub code_version: u32,
    /// How long brokers may gather records before they answer who follows; the fewer answers, the less work for both sides.
    /// Zero: they answer with the first record.
    pub gather: Duration,
    /// What an owner holds before it refuses.
    pub limits: Limits,
    /// Where an owner takes the time of its entries from. It may jump: entries still get increasing times.
    pub clock: fn() -> SystemTime,
}

impl Settings {
    /// Settings for these brokers, with the limits of [`Limits::default`] and no leniency.
    pub fn new(brokers: impl Into<String>, client_id: impl Into<String>) -> Settings {
        Settings {
            brokers: brokers.into(),
            client_id: client_id.into(),
            development: false,
            url: String::new(),
            code_version: 1,
            gather: Duration::ZERO,
            limits: Limits::default(),
            clock: SystemTime::now,
        }
    }
}

/// What an owner holds per partition before it refuses a command, which is always before it has decided
/// it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Commands of one book that wait to be decided.
    pub book_commands: usize,
    /// Their bytes, as [`Machine::weight`](crate::Machine::weight) counts them.
    pub book_bytes: usize,
    /// Commands of one partition that wait to be decided.
    pub partition_commands: usize,
    /// Their bytes.
    pub partition_bytes: usize,
    /// How long a command may wait to be decided.
    pub age: Duration,
    /// Entries that are appended and not read back yet; beyond, commands wait.
    pub in_flight: usize,
    /// The bytes of their values.
    pub in_flight_bytes: usize,
    /// Of these, those of one book while another book is at work: what a command may have to wait for behind each of the others.
    pub book_in_flight_bytes: usize,
    /// The age of the oldest entry not read back from which on new commands are refused.
    pub stall: Duration,
    /// How often a barrier may be appended for the answers that wait.
    pub barrier_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            book_commands: 1_024,
            book_bytes: 2 << 20,
            partition_commands: 8_192,
            partition_bytes: 6 << 20,
            age: Duration::from_secs(3),
            in_flight: 2_048,
            in_flight_bytes: 4 << 20,
            book_in_flight_bytes: 64 << 10,
            stall: Duration::from_secs(2),
            barrier_every: Duration::from_millis(5),
        }
    }
}
