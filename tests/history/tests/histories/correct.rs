//! Whatever happens: as long as the server does everything right, nothing is wrong.

use std::collections::BTreeMap;

use daybook_history::{Outcome, RecordError, compare, last_versions, read_record};
use proptest::prelude::*;

use crate::server::run;

proptest! {
    #[test]
    fn a_correct_run_passes(choices in prop::collection::vec(any::<u16>(), 0..400)) {
        let history = run(&choices);
        prop_assert_eq!(history.violations(), []);
        let rows: BTreeMap<String, u64> = history.entries.iter().flat_map(|entry| &entry.changes)
            .map(|change| (change.aggregate.clone(), change.version)).collect();
        prop_assert_eq!(compare("a store", &rows, &history.entries, last_versions), []);
    }
}

/// Passing proves little if nothing happens.
#[test]
fn correct_runs_are_eventful() {
    let choices: Vec<u16> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u16).collect();
    let history = run(&choices);
    let of = |is: fn(&Outcome) -> bool| history.calls.iter().filter(|call| is(&call.outcome)).count();
    let accepted = of(|outcome| matches!(outcome, Outcome::Accepted { .. }));
    let rejected = of(|outcome| matches!(outcome, Outcome::Rejected { .. }));
    let (void, unknown) = (of(|outcome| *outcome == Outcome::Void), of(|outcome| *outcome == Outcome::Unknown));
    println!(
        "{accepted} accepted, {rejected} rejected, {void} void, {unknown} unknown, {} entries",
        history.entries.len()
    );
    assert!(accepted > 200 && rejected > 40 && void > 40 && unknown > 100);
    assert_eq!(history.violations(), []);
}

#[test]
fn a_record_is_read_as_it_was_kept() {
    let calls = read_record(
        r#"
        {"attempt": 1, "at": 10, "invoke": {"book": "acme", "command": "k-1"}}
        {"attempt": 2, "at": 11, "invoke": {"book": "acme", "command": "k-2"}}
        {"attempt": 1, "at": 12, "answer": {"accepted": {"position": "journal.x/3#7", "aggregate": "a", "version": 2}}}
        {"attempt": 2, "at": 13, "answer": {"rejected": {"aggregate": "a", "version": 2}}}
        {"attempt": 3, "at": 14, "invoke": {"book": "acme", "command": "k-3"}}
        {"attempt": 4, "at": 15, "invoke": {"book": "acme", "command": "k-4"}}
        {"attempt": 4, "at": 16, "answer": "void"}"#,
    );
    let calls = calls.unwrap();
    assert_eq!(calls.len(), 4);
    let Outcome::Accepted { place, version: 2, .. } = &calls[0].outcome else { panic!("{calls:?}") };
    assert_eq!(place.to_string(), "journal.x/3#7");
    assert_eq!(calls[1].outcome, Outcome::Rejected { rests_on: Some(("a".to_owned(), 2)) });
    assert_eq!((calls[2].answered, &calls[2].outcome), (None, &Outcome::Unknown));
    assert_eq!((calls[3].answered, &calls[3].outcome), (Some(16), &Outcome::Void));
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let invoke = r#"{"attempt": 1, "at": 10, "invoke": {"book": "b", "command": "k"}}"#;
    let answer = r#"{"attempt": 1, "at": 11, "answer": "void"}"#;
    let early = r#"{"attempt": 1, "at": 9, "answer": "void"}"#;
    for (lines, line) in [
        (vec![answer], 1),
        (vec![invoke, invoke], 2),
        (vec![invoke, answer, answer], 3),
        (vec![invoke, early], 2),
        (vec![invoke, r#"{"attempt": 2, "at": 3}"#], 2),
    ] {
        let refused = read_record(&lines.join("\n")).unwrap_err();
        assert!(matches!(refused, RecordError::Order { line: found, .. } if found == line), "{refused}");
    }
    let refused = read_record(r#"{"attempt": 1, "at": 10, "answer": "perhaps"}"#).unwrap_err();
    assert!(matches!(refused, RecordError::Form { line: 1, .. }), "{refused}");
}
