//! A machine over a local store: whatever is stored, lost, or stored by other code, it decides as if it had read everything.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{borrow::Cow, path::Path, sync::Arc, time::Duration};

use daybook_command_api::{
    command::{Answer, Command},
    facts::FactTable,
    machine::{BooksMachine, Shared},
    store::{Store, StoreError},
};
use daybook_contents::context;
use daybook_journal::{Admitted, Checkpoint, Decision, Digest, Machine, OwnerId, Position, Resume};
use daybook_kernel::{Actor, PLATFORM, Rejection, json};
use daybook_schemas::Catalogue;
use serde_json::{Value as Json, json};
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(0x7e);

/// The window of command ids goes by the clock.
fn now_micros() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_micros()).unwrap()
}

/// An owner's partition without Kafka: what is decided is admitted at once, or later.
struct Desk {
    machine: BooksMachine,
    log: Vec<Vec<u8>>,
    now: i64,
}

impl Desk {
    /// A machine over the store in that folder, and a log of what it has admitted.
    fn open(folder: &Path, log: &[Vec<u8>]) -> Self {
        let store = Store::open(folder, 1 << 20).unwrap();
        let facts = FactTable::over(&store);
        let shared = Shared { catalogue: Arc::new(Catalogue::ours()), envelope_id: 1, facts, store, cached: 2 };
        let mut machine = BooksMachine::new(context("cmdb").unwrap(), 0, shared);
        let known = machine.resume().map_or(0, |resume| resume.checkpoint.number);
        for number in known + 1..=log.len() as u64 {
            machine.admitted(&entry(number, &log[number as usize - 1], false)).unwrap();
        }
        Self { machine, log: log.to_vec(), now: now_micros() }
    }

    fn decide(&mut self, command: &Command) -> Decision<Answer> {
        self.now += 1;
        self.machine.decide(command, self.log.len() as u64 + 1, self.now)
    }

    /// Decides, and admits what follows.
    fn give(&mut self, command: &Command) -> Answer {
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
    fn save(&mut self) {
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

fn checkpoint(number: u64) -> Checkpoint {
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

fn command(key: &str, id: u128, name: &str, body: Json) -> Command {
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
        occurred_at: None,
        expected: None,
        seed: Uuid::from_u128(id << 96 | (key.len() as u128) << 64),
        correlation: "test".into(),
        traceparent: None,
        size: 100,
    }
}

fn create(key: &str, id: u128, name: &str) -> Command {
    let body = json!({ "name": name, "ci_type": "server", "environment": "production", "attributes": {} });
    command(key, id, "create", body)
}

/// An estate of some servers, one renamed, two related, all stored and some more not.
fn estate(folder: &Path) -> Vec<Vec<u8>> {
    let mut desk = Desk::open(folder, &[]);
    for n in 1..=20 {
        assert!(accepted(&desk.give(&create(&format!("c{n}"), n, &format!("server-{n}")))).is_some());
        assert!(accepted(&desk.give(&command(&format!("a{n}"), n, "activate", json!({})))).is_some());
    }
    let renamed = desk.give(&command("rename", 5, "update", json!({ "name": "renamed" })));
    assert!(accepted(&renamed).is_some());
    let relation = json!({ "target": Uuid::from_u128(2), "type": "connects_to" });
    assert!(accepted(&desk.give(&command("relate", 1, "add_relationship", relation))).is_some());
    desk.save();
    assert!(accepted(&desk.give(&create("later", 30, "server-30"))).is_some());
    // Decided and never admitted: of this nothing may be stored.
    assert!(matches!(desk.decide(&create("lost", 31, "server-31")), Decision::Append { .. }));
    desk.log
}

fn accepted(answer: &Answer) -> Option<(u64, u64, Option<String>)> {
    match answer {
        Answer::Accepted(receipt) => {
            let number = receipt.number.as_ref().map(|number| number.as_str().to_owned());
            Some((receipt.version, receipt.position.number, number))
        }
        _ => None,
    }
}

fn rejected(answer: Answer) -> &'static str {
    match answer {
        Answer::Rejected(Rejection { code, .. }) => code,
        other => panic!("expected a rejection, not {other:?}"),
    }
}

/// What has to hold of the estate, whoever has folded it.
fn is_the_estate(desk: &mut Desk) {
    // Command ids: stored, and not stored.
    assert_eq!(accepted(&desk.give(&create("c3", 3, "server-3"))), Some((1, 5, Some("CI0000003".into()))));
    assert_eq!(accepted(&desk.give(&create("later", 30, "server-30"))), Some((1, 43, Some("CI0000021".into()))));
    let other = Command { fingerprint: [8; 32], ..create("c3", 3, "server-3") };
    assert!(matches!(desk.give(&other), Answer::KeyReused));
    // What is unique: taken, given up.
    assert_eq!(rejected(desk.give(&create("x1", 40, "SERVER-7"))), "NOT_UNIQUE");
    assert_eq!(rejected(desk.give(&create("x2", 40, "renamed"))), "NOT_UNIQUE");
    // References: 2 is needed by nobody, so it may go; what 1 refers to is known.
    let again = json!({ "target": Uuid::from_u128(2), "type": "connects_to" });
    assert!(matches!(desk.give(&command("x3", 1, "add_relationship", again)), Answer::Unchanged { version: 3, .. }));
    // What was not admitted is nowhere; its number and name are free.
    assert_eq!(accepted(&desk.give(&create("x4", 31, "server-31"))), Some((1, 44, Some("CI0000022".into()))));
    assert_eq!(accepted(&desk.give(&create("x5", 32, "server-5"))), Some((1, 45, Some("CI0000023".into()))));
}

#[test]
fn what_is_stored_is_found_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let log = estate(folder.path());
    let mut desk = Desk::open(folder.path(), &log);
    let resume = desk.machine.resume().expect("it reads on where the store stands");
    assert_eq!((resume.checkpoint, resume.highest_code), (checkpoint(42), 3));
    assert_eq!(resume.owner_url, "http://owner");
    assert!(desk.machine.latest_micros() > 0);
    is_the_estate(&mut desk);
}

#[test]
fn a_lost_store_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = estate(folder.path());
    std::fs::remove_dir_all(folder.path()).unwrap();
    let mut desk = Desk::open(folder.path(), &log);
    assert_eq!(desk.machine.resume(), None);
    is_the_estate(&mut desk);
}

#[test]
fn a_damaged_store_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = estate(folder.path());
    std::fs::write(folder.path().join("version"), b"nonsense").unwrap();
    let mut desk = Desk::open(folder.path(), &log);
    assert_eq!(desk.machine.resume(), None);
    is_the_estate(&mut desk);
}

#[test]
fn a_store_of_other_code_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = estate(folder.path());
    {
        let database = fjall::Database::builder(folder.path()).open().unwrap();
        let rows = database.keyspace("cmdb", Default::default).unwrap();
        rows.insert("m", "1:of other code").unwrap();
    }
    let mut desk = Desk::open(folder.path(), &log);
    assert_eq!(desk.machine.resume(), None);
    is_the_estate(&mut desk);
}

#[test]
fn a_store_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Store::open(folder.path(), 1 << 20).unwrap();
    let second = Store::open(folder.path(), 1 << 20).err().expect("it is in use");
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
}
