//! A desk: an owner's partition without Kafka, and the commands that are given at it.

use std::{borrow::Cow, path::Path, sync::Arc, time::Duration};

use daybook_command_api::{
    command::{Answer, Command},
    facts::FactTable,
    machine::{BooksMachine, Shared},
    standings::Standings,
    store::Store,
};
use daybook_contents::context;
use daybook_journal::{Admitted, Checkpoint, Decision, Digest, Machine, OwnerId, Position, Resume};
use daybook_kernel::{Actor, PLATFORM, json};
use daybook_schemas::Catalogue;
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub const TENANT: Uuid = Uuid::from_u128(0x7e);

/// The window of command ids goes by the clock.
fn now_micros() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_micros()).unwrap()
}

/// An owner's partition without Kafka: what is decided is admitted at once, or later.
pub struct Desk {
    pub machine: BooksMachine,
    pub log: Vec<Vec<u8>>,
    now: i64,
}

impl Desk {
    /// A machine over the store in that folder, and a log of what it has admitted.
    pub fn open(folder: &Path, log: &[Vec<u8>]) -> Self {
        let mut machine = BooksMachine::new(context("cmdb").unwrap(), 0, shared(folder));
        let known = machine.resume().map_or(0, |resume| resume.checkpoint.number);
        for number in known + 1..=log.len() as u64 {
            machine.admitted(&entry(number, &log[number as usize - 1], false)).unwrap();
        }
        Self { machine, log: log.to_vec(), now: now_micros() }
    }

    pub fn decide(&mut self, command: &Command) -> Decision<Answer> {
        self.now += 1;
        self.machine.decide(command, self.log.len() as u64 + 1, self.now)
    }

    /// Decides, and admits what follows.
    pub fn give(&mut self, command: &Command) -> Answer {
        match self.decide(command) {
            Decision::Answer(answer) => answer,
            Decision::Append { value, answer, .. } => {
                self.log.push(value);
                let number = self.log.len() as u64;
                self.machine.admitted(&entry(number, &self.log[number as usize - 1], true)).unwrap();
                answer
            }
        }
    }

    /// Waits until all that was admitted is stored.
    pub fn save(&mut self) {
        let at = Resume {
            checkpoint: checkpoint(self.log.len() as u64),
            highest_code: 3,
            owner_url: "http://owner".to_owned(),
        };
        // A batch is due after a second at most.
        for _ in 0..150 {
            self.machine.keep(&at).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What machines over the store in that folder share.
pub fn shared(folder: &Path) -> Shared {
    let store = Store::open(folder, 1 << 20).unwrap();
    let facts = FactTable::over(&store);
    let standings = Standings::over(facts.clone());
    Shared { catalogue: Arc::new(Catalogue::ours()), envelope_id: 1, facts, standings, store, cached: 2 }
}

pub fn checkpoint(number: u64) -> Checkpoint {
    let offset = i64::try_from(number).unwrap();
    Checkpoint { offset, term: 1, owner: OwnerId([1; 16]), seq: number - 1, number, digest: Digest([2; 32]) }
}

fn entry(number: u64, value: &[u8], own: bool) -> Admitted<'_> {
    Admitted {
        position: Position { topic: "journal.cmdb".into(), partition: 0, number },
        offset: i64::try_from(number).unwrap(),
        timestamp: 0,
        value: Cow::Borrowed(value),
        traceparent: None,
        checkpoint: checkpoint(number),
        own,
    }
}

pub fn command(key: &str, id: u128, name: &str, body: Json) -> Command {
    let kind = daybook_contents::kind("cmdb.ConfigurationItem").unwrap();
    let place = kind.command(name).unwrap();
    let body = json::parse(kind.commands()[place].body, &body).unwrap();
    Command {
        tenant: TENANT,
        steps: vec![Command::step(kind, Uuid::from_u128(id), place, body)].into(),
        id: key.into(),
        fingerprint: [7; 32],
        actor: Actor::Service("test".into()),
        member_of: PLATFORM,
        token: Arc::new(["*".to_owned()].into()),
        second_factor: false,
        occurred_at: None,
        expected: None,
        seed: Uuid::from_u128(id << 96 | (key.len() as u128) << 64),
        correlation: "test".into(),
        traceparent: None,
        cause: None,
        size: 100,
    }
}

pub fn create(key: &str, id: u128, name: &str) -> Command {
    let body = json!({ "name": name, "ci_type": "server", "environment": "production", "attributes": {} });
    command(key, id, "create", body)
}

pub fn accepted(answer: &Answer) -> Option<(u64, u64, Option<String>)> {
    match answer {
        Answer::Accepted(receipt) => {
            let number = receipt.number.as_ref().map(|number| number.as_str().to_owned());
            Some((receipt.version, receipt.position.number, number))
        }
        _ => None,
    }
}
