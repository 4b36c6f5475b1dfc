//! A machine over a local store: whatever is stored, lost, or stored by other code, it decides as if it had read everything.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::Path;

use daybook_command_api::{
    command::{Answer, Command},
    store::{Store, StoreError},
};
use daybook_journal::{Decision, Machine};
use daybook_kernel::Rejection;
use desk::{Desk, accepted, checkpoint, command, create};
use serde_json::json;
use uuid::Uuid;

mod desk;

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
