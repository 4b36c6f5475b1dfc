//! A policy's commands at the book they are for: each cause is answered once, whatever is sent again, lost or taken back.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::Path;

use daybook_command_api::{
    cause::Cause,
    command::{Answer, Command},
    watermarks::MOST_DEPTH,
};
use daybook_journal::{Decision, Machine};
use daybook_schemas::envelope::{Causation, Entry};
use desk::{Desk, accepted, checkpoint, command, create};
use serde_json::json;
use uuid::Uuid;

mod desk;

const ANOTHER: Uuid = Uuid::from_u128(0x7f);

/// The answer to an entry of the identity book.
fn cause(number: u64, step: u32) -> Causation {
    Causation {
        policy: "leaver".into(),
        context: "identity".into(),
        tenant: desk::TENANT,
        book: None,
        book_number: number,
        step,
        depth: 1,
    }
}

fn because(causation: Causation, command: Command) -> Command {
    given(Cause { causation, is_retry: false }, command)
}

fn given(cause: Cause, command: Command) -> Command {
    Command { id: cause.command_id().into(), cause: Some(cause.into()), ..command }
}

/// A new server, because of that: whatever it is asked again, its name is free and its key was never used.
fn answer(causation: Causation, id: u128) -> Command {
    because(causation, create(&format!("k{id}"), id, &format!("server-{id}")))
}

/// The same, asked for once more by somebody who saw that it was rejected.
fn retry(causation: Causation, id: u128) -> Command {
    given(Cause { causation, is_retry: true }, create(&format!("k{id}"), id, &format!("server-{id}")))
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer, Answer::AlreadyDone)
}

/// A desk where entries 3/0, 3/1 and 5/0 were answered.
fn answered(folder: &Path, save: bool) -> Vec<Vec<u8>> {
    let mut desk = Desk::open(folder, &[]);
    assert!(accepted(&desk.give(&answer(cause(3, 0), 1))).is_some());
    assert!(accepted(&desk.give(&answer(cause(3, 1), 2))).is_some());
    if save {
        desk.save();
    }
    assert!(accepted(&desk.give(&answer(cause(5, 0), 3))).is_some());
    desk.log
}

/// What has to hold of it, whoever has folded it.
fn is_answered(desk: &mut Desk) {
    for (number, step) in [(3, 0), (3, 1), (3, 2), (4, 0), (5, 0), (1, 9)] {
        assert!(is_done(&desk.give(&answer(cause(number, step), 90))), "{number}/{step} is done");
    }
    assert_eq!(desk.log.len(), 3, "what is done writes nothing");
    assert!(accepted(&desk.give(&answer(cause(5, 1), 91))).is_some());
    assert!(accepted(&desk.give(&answer(cause(6, 0), 92))).is_some());
}

#[test]
fn what_is_sent_again_or_too_late_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let log = answered(folder.path(), false);
    let mut desk = Desk::open(folder.path(), &log);
    is_answered(&mut desk);
}

#[test]
fn the_entry_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let log = answered(folder.path(), false);
    let causes: Vec<_> = log.iter().map(|value| Entry::decode(value).unwrap().causation).collect();
    assert_eq!(causes, [Some(cause(3, 0)), Some(cause(3, 1)), Some(cause(5, 0))]);
}

#[test]
fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = answered(folder.path(), true);
    let mut desk = Desk::open(folder.path(), &log[..2]);
    assert_eq!(desk.machine.resume().unwrap().checkpoint, checkpoint(2));
    assert!(is_done(&desk.give(&answer(cause(3, 1), 90))), "it is stored");
    drop(desk);
    is_answered(&mut Desk::open(folder.path(), &log));
}

#[test]
fn nor_does_the_loss_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let log = answered(folder.path(), true);
    std::fs::remove_dir_all(folder.path()).unwrap();
    let mut desk = Desk::open(folder.path(), &log);
    assert_eq!(desk.machine.resume(), None);
    is_answered(&mut desk);
}

#[test]
fn what_is_taken_back_was_not_done() {
    let folder = tempfile::tempdir().unwrap();
    for save in [false, true] {
        let folder = folder.path().join(save.to_string());
        let log = answered(&folder, save);
        let mut desk = Desk::open(&folder, &log);
        let (next, later) = (answer(cause(5, 1), 4), answer(cause(8, 0), 5));
        assert!(matches!(desk.decide(&next), Decision::Append { .. }));
        assert!(matches!(desk.decide(&later), Decision::Append { .. }));
        // It is under way: the answer waits for an entry behind it.
        assert!(matches!(desk.decide(&next), Decision::Answer(Answer::AlreadyDone)));
        desk.machine.roll_back();
        is_answered(&mut desk);
        assert!(accepted(&desk.give(&later)).is_some());
    }
}

#[test]
fn policies_sources_and_books_do_not_stand_in_each_others_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), &[]);
    let apart = [
        cause(7, 1),
        Causation { policy: "mover".into(), ..cause(2, 0) },
        Causation { context: "incident".into(), ..cause(2, 0) },
        Causation { tenant: ANOTHER, ..cause(2, 0) },
        Causation { book: Some("ward".into()), ..cause(2, 0) },
    ];
    for (n, causation) in (1..).zip(&apart) {
        assert!(accepted(&desk.give(&answer(causation.clone(), n))).is_some(), "{causation:?}");
    }
    // The same cause may have something to do in two books.
    let elsewhere = Command { tenant: ANOTHER, ..answer(cause(7, 1), 6) };
    assert!(accepted(&desk.give(&elsewhere)).is_some());
    desk.save();
    let log = desk.log.clone();
    drop(desk);
    let mut desk = Desk::open(folder.path(), &log);
    for causation in apart {
        assert!(is_done(&desk.give(&answer(causation.clone(), 90))), "{causation:?}");
    }
    assert!(is_done(&desk.give(&elsewhere)));
}

#[test]
fn what_was_refused_or_changed_nothing_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), &[]);
    assert!(accepted(&desk.give(&create("taken", 1, "server-2"))).is_some());
    assert!(matches!(desk.give(&answer(cause(3, 0), 2)), Answer::Rejected(_)));
    let same = because(cause(3, 0), command("same", 1, "update", json!({ "name": "server-2" })));
    assert!(matches!(desk.give(&same), Answer::Unchanged { .. }));
    assert!(accepted(&desk.give(&answer(cause(3, 0), 3))).is_some());
}

/// A desk where 3/0 and 3/2 were answered, 3/1 was rejected in between, and was done by a retry after 5/0.
fn retried(folder: &Path, save: bool) -> Vec<Vec<u8>> {
    let mut desk = Desk::open(folder, &[]);
    assert!(accepted(&desk.give(&answer(cause(3, 0), 1))).is_some());
    let taken = because(cause(3, 1), create("taken", 2, "server-1"));
    assert!(matches!(desk.give(&taken), Answer::Rejected(_)));
    assert!(accepted(&desk.give(&answer(cause(3, 2), 3))).is_some());
    assert!(accepted(&desk.give(&answer(cause(5, 0), 4))).is_some());
    assert!(is_done(&desk.give(&answer(cause(3, 1), 90))), "a step is judged by the watermark alone");
    assert!(accepted(&desk.give(&retry(cause(3, 1), 2))).is_some());
    if save {
        desk.save();
    }
    desk.log
}

/// What has to hold of it, whoever has folded it.
fn is_retried(desk: &mut Desk) {
    assert!(is_done(&desk.give(&retry(cause(3, 1), 90))), "a retry is done once");
    assert!(is_done(&desk.give(&retry(cause(5, 0), 90))), "the last step was done as such");
    for (number, step) in [(3, 1), (4, 0), (5, 0)] {
        assert!(is_done(&desk.give(&answer(cause(number, step), 90))), "the watermark stands: {number}/{step}");
    }
    assert_eq!(desk.log.len(), 4, "what is done writes nothing");
    assert!(accepted(&desk.give(&retry(cause(4, 0), 90))).is_some(), "another one below is decided");
    assert!(accepted(&desk.give(&answer(cause(5, 1), 91))).is_some(), "and steps go on above");
}

#[test]
fn a_retry_below_the_watermark_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    for save in [false, true] {
        let folder = folder.path().join(save.to_string());
        let log = retried(&folder, save);
        is_retried(&mut Desk::open(&folder, &log));
        std::fs::remove_dir_all(&folder).unwrap();
        is_retried(&mut Desk::open(&folder, &log));
    }
}

#[test]
fn what_was_saved_of_a_retry_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let log = retried(folder.path(), true);
    let mut desk = Desk::open(folder.path(), &log);
    assert_eq!(desk.machine.resume().unwrap().checkpoint, checkpoint(4), "nothing is folded again");
    is_retried(&mut desk);
}

#[test]
fn a_retry_above_the_watermark_is_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), &[]);
    assert!(accepted(&desk.give(&answer(cause(3, 0), 1))).is_some());
    assert!(accepted(&desk.give(&retry(cause(4, 1), 2))).is_some());
    let log = desk.log.clone();
    drop(desk);
    std::fs::remove_dir_all(folder.path()).unwrap();
    let mut desk = Desk::open(folder.path(), &log);
    assert!(is_done(&desk.give(&retry(cause(4, 1), 90))));
    assert!(is_done(&desk.give(&answer(cause(4, 1), 90))));
    assert!(is_done(&desk.give(&answer(cause(4, 0), 90))), "it has raised the watermark");
    assert!(accepted(&desk.give(&answer(cause(4, 2), 91))).is_some());
}

#[test]
fn a_retry_that_is_taken_back_was_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let log = retried(folder.path(), false);
    let mut desk = Desk::open(folder.path(), &log);
    let (below, above) = (retry(cause(4, 0), 5), retry(cause(6, 0), 6));
    for retry in [&below, &above] {
        assert!(matches!(desk.decide(retry), Decision::Append { .. }));
        assert!(matches!(desk.decide(retry), Decision::Answer(Answer::AlreadyDone)), "it is under way");
    }
    desk.machine.roll_back();
    is_retried(&mut desk);
    assert!(accepted(&desk.give(&above)).is_some());
}

#[test]
fn retries_of_other_sources_and_books_stand_apart() {
    let folder = tempfile::tempdir().unwrap();
    let log = retried(folder.path(), true);
    let mut desk = Desk::open(folder.path(), &log);
    let elsewhere = Command { tenant: ANOTHER, ..retry(cause(3, 1), 5) };
    assert!(accepted(&desk.give(&elsewhere)).is_some());
    for (n, causation) in (6..).zip([
        Causation { policy: "mover".into(), ..cause(3, 1) },
        Causation { context: "incident".into(), ..cause(3, 1) },
        Causation { tenant: ANOTHER, ..cause(3, 1) },
        Causation { book: Some("ward".into()), ..cause(3, 1) },
    ]) {
        let later = Causation { book_number: 9, ..causation.clone() };
        assert!(accepted(&desk.give(&answer(later, n))).is_some(), "{causation:?}");
        assert!(accepted(&desk.give(&retry(causation.clone(), n + 10))).is_some(), "{causation:?}");
        assert!(is_done(&desk.give(&retry(causation, 90))));
    }
}

#[test]
fn a_circle_of_policies_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), &[]);
    let deep = |depth, id| answer(Causation { depth, ..cause(id as u64, 0) }, id);
    assert!(accepted(&desk.give(&deep(MOST_DEPTH, 1))).is_some());
    match desk.give(&deep(MOST_DEPTH + 1, 2)) {
        Answer::Rejected(rejection) => assert_eq!(rejection.code, "CAUSATION_TOO_DEEP"),
        other => panic!("expected a rejection, not {other:?}"),
    }
}
