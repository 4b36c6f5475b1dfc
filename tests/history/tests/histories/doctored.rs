//! A correct run in which one thing was changed: it is caught, and nothing else is claimed.

use std::collections::BTreeMap;

use daybook_history::{Call, Change, Entry, History, Outcome, Place, Violation, compare, last_versions};
use serde_json::Value as Json;

const LOG: &str = "journal.test/0";

fn place(number: u64) -> Place {
    Place { log: LOG.to_owned(), number }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn entry(number: u64, command: &str, aggregate: &str, version: u64) -> Entry {
    let change = Change { aggregate: text(aggregate), version, event: text("changed"), body: Json::Null };
    Entry {
        place: place(number),
        micros: number as i64,
        book: text("acme"),
        book_number: number,
        command: Some(text(command)),
        changes: vec![change],
    }
}

fn accepted(number: u64, aggregate: &str, version: u64) -> Outcome {
    Outcome::Accepted { place: place(number), aggregate: text(aggregate), version }
}

fn rejected(aggregate: &str, version: u64) -> Outcome {
    Outcome::Rejected { rests_on: Some((text(aggregate), version)) }
}

/// Attempt `n` is sent at 10 n and answered at 10 n + 5: one after the other.
fn call(attempt: u64, command: &str, outcome: Outcome) -> Call {
    let (invoked, answered) = (10 * attempt, Some(10 * attempt + 5));
    Call { attempt, book: text("acme"), command: text(command), invoked, answered, outcome }
}

/// Four commands on two aggregates; `c` was rejected at first, `d` had no answer at first.
fn clean() -> History {
    History {
        entries: vec![entry(1, "a", "x", 1), entry(2, "b", "y", 1), entry(3, "c", "x", 2), entry(4, "d", "y", 2)],
        calls: vec![
            call(1, "a", accepted(1, "x", 1)),
            call(2, "c", rejected("x", 1)),
            call(3, "b", accepted(2, "y", 1)),
            call(4, "c", accepted(3, "x", 2)),
            Call { answered: None, ..call(5, "d", Outcome::Unknown) },
            call(6, "d", accepted(4, "y", 2)),
            call(7, "e", Outcome::Void),
            call(8, "f", rejected("y", 2)),
        ],
    }
}

/// What is found when this was done to the clean run.
fn doctored(doctor: impl FnOnce(&mut History)) -> Vec<Violation> {
    let mut history = clean();
    doctor(&mut history);
    history.violations()
}

#[test]
fn the_clean_run_passes() {
    assert_eq!(clean().violations(), []);
}

#[test]
fn a_lost_acknowledgement() {
    let found = doctored(|history| {
        history.entries.pop();
    });
    // Who was rejected on it saw what never was.
    let unfounded = Violation::Unfounded { attempt: 8, aggregate: text("y"), version: 2 };
    assert_eq!(found, [Violation::Lost { book: text("acme"), command: text("d"), told: place(4) }, unfounded]);
}

#[test]
fn an_acknowledgement_of_another_place() {
    let found = doctored(|history| history.calls[0].outcome = accepted(2, "x", 1));
    let (book, command) = (text("acme"), text("a"));
    assert_eq!(found, [Violation::Misplaced { book, command, told: place(2), stands: place(1) }]);
}

#[test]
fn an_acknowledgement_of_another_version() {
    let found = doctored(|history| history.calls[2].outcome = accepted(2, "y", 2));
    let (command, aggregate) = (text("b"), text("y"));
    assert_eq!(found, [Violation::Misreported { command, told: place(2), aggregate, version: 2 }]);
}

#[test]
fn a_phantom_that_was_answered_void() {
    let found = doctored(|history| history.entries.push(entry(5, "e", "z", 1)));
    assert_eq!(found, [Violation::Phantom { book: text("acme"), command: text("e"), stands: place(5) }]);
}

#[test]
fn a_phantom_that_was_rejected() {
    let found = doctored(|history| history.entries.push(entry(5, "f", "z", 1)));
    assert_eq!(found, [Violation::Phantom { book: text("acme"), command: text("f"), stands: place(5) }]);
}

#[test]
fn a_command_that_nobody_gave() {
    let found = doctored(|history| history.entries.push(entry(5, "g", "z", 1)));
    assert_eq!(found, [Violation::NeverAsked { book: text("acme"), command: text("g"), stands: place(5) }]);
}

#[test]
fn what_others_do_in_their_books_is_their_affair() {
    let others = |number| Entry { book: text("others"), book_number: 1, ..entry(number, "g", "z", 1) };
    assert_eq!(doctored(|history| history.entries.push(others(5))), []);
    let found = doctored(|history| history.entries.push(others(6)));
    assert_eq!(found, [Violation::LogGap { log: text(LOG), before: 4, found: 6 }]);
}

#[test]
fn a_command_carried_out_twice() {
    let found = doctored(|history| history.entries.push(entry(5, "a", "x", 3)));
    let (book, command) = (text("acme"), text("a"));
    assert_eq!(found, [Violation::Twice { book, command, first: place(1), second: place(5) }]);
}

#[test]
fn the_same_key_a_day_later_is_another_command() {
    let found = doctored(|history| {
        let later = Entry { micros: 5 + daybook_history::WINDOW_MICROS, ..entry(5, "a", "x", 3) };
        history.entries.push(later);
    });
    assert_eq!(found, []);
}

#[test]
fn two_acknowledgements_of_one_command() {
    let found = doctored(|history| history.calls.push(call(9, "a", accepted(3, "x", 2))));
    let misplaced = Violation::Misplaced { book: text("acme"), command: text("a"), told: place(3), stands: place(1) };
    let two = Violation::TwoResults { book: text("acme"), command: text("a"), first: 1, second: 9 };
    assert_eq!(found, [misplaced, two]);
}

#[test]
fn a_rejection_of_what_had_been_acknowledged() {
    let found = doctored(|history| history.calls.push(call(9, "a", rejected("x", 2))));
    assert_eq!(found, [Violation::TwoResults { book: text("acme"), command: text("a"), first: 1, second: 9 }]);
}

#[test]
fn a_command_before_one_that_had_been_answered() {
    let found = doctored(|history| {
        // `b` was sent when `c` had been acknowledged already.
        let [b, c] = [2, 3].map(|at: usize| (history.calls[at].invoked, history.calls[at].answered));
        (history.calls[2].invoked, history.calls[2].answered) = c;
        (history.calls[3].invoked, history.calls[3].answered) = (b.0 - 12, b.1.map(|at| at - 12));
    });
    let (earlier, later) = (text("c"), text("b"));
    assert_eq!(found, [Violation::OutOfOrder { earlier, later, stands: place(2) }]);
}

#[test]
fn an_unanswered_command_before_one_that_had_been_answered() {
    let found = doctored(|history| {
        history.entries.swap(2, 3);
        history.entries[2] = entry(3, "d", "y", 2);
        history.entries[3] = entry(4, "c", "x", 2);
        history.calls[3].outcome = accepted(4, "x", 2);
        history.calls[5].outcome = Outcome::Unknown;
    });
    let (earlier, later) = (text("c"), text("d"));
    assert_eq!(found, [Violation::OutOfOrder { earlier, later, stands: place(3) }]);
}

#[test]
fn a_stale_rejection() {
    let found = doctored(|history| history.calls[7].outcome = rejected("y", 1));
    assert_eq!(found, [Violation::Stale { attempt: 8, aggregate: text("y"), version: 1, known: 2 }]);
}

#[test]
fn a_rejection_on_what_never_was() {
    let found = doctored(|history| history.calls[7].outcome = rejected("y", 3));
    assert_eq!(found, [Violation::Unfounded { attempt: 8, aggregate: text("y"), version: 3 }]);
}

#[test]
fn a_gap_in_a_log() {
    let found = doctored(|history| {
        history.entries[3].place = place(5);
        history.calls[5].outcome = accepted(5, "y", 2);
    });
    assert_eq!(found, [Violation::LogGap { log: text(LOG), before: 3, found: 5 }]);
}

#[test]
fn a_gap_in_a_book() {
    let found = doctored(|history| history.entries[3].book_number = 5);
    assert_eq!(found, [Violation::BookGap { book: text("acme"), before: 3, found: 5, stands: place(4) }]);
}

#[test]
fn a_gap_in_the_versions() {
    let found = doctored(|history| {
        history.entries[3].changes[0].version = 3;
        history.calls[5].outcome = accepted(4, "y", 3);
        history.calls[7].outcome = rejected("y", 3);
    });
    assert_eq!(found, [Violation::VersionGap { aggregate: text("y"), before: 1, found: 3, stands: place(4) }]);
}

#[test]
fn a_version_given_twice() {
    let found = doctored(|history| {
        history.entries[3].changes[0].version = 1;
        history.calls[5].outcome = accepted(4, "y", 1);
        history.calls[7].outcome = rejected("y", 1);
    });
    assert_eq!(found, [Violation::VersionGap { aggregate: text("y"), before: 1, found: 1, stands: place(4) }]);
}

#[test]
fn a_step_back_in_time() {
    let found = doctored(|history| history.entries[2].micros = 2);
    assert_eq!(found, [Violation::TimeGap { stands: place(3) }]);
}

/// What is found in a store of which the rows of the clean run were changed like this.
fn in_a_store(doctor: impl FnOnce(&mut BTreeMap<String, u64>)) -> Vec<(String, String, String)> {
    let mut rows = BTreeMap::from([(text("x"), 2), (text("y"), 2)]);
    doctor(&mut rows);
    let found = compare("Postgres", &rows, &clean().entries, last_versions);
    let row = |violation| match violation {
        Violation::Row { aggregate, found, expected, .. } => (aggregate, found, expected),
        other => panic!("{other}"),
    };
    found.into_iter().map(row).collect()
}

#[test]
fn a_row_that_is_behind_or_missing_or_made_up() {
    assert_eq!(in_a_store(|_| {}), []);
    let said = |found: &str, expected: &str| vec![(text("x"), text(found), text(expected))];
    assert_eq!(in_a_store(|rows| *rows.get_mut("x").unwrap() = 1), said("1", "2"));
    assert_eq!(in_a_store(|rows| _ = rows.remove("x")), said("nothing", "2"));
    let made_up = in_a_store(|rows| _ = rows.insert(text("z"), 1));
    assert_eq!(made_up, [(text("z"), text("1"), text("nothing"))]);
}
