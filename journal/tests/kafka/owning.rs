//! An owner on its own: what it is told to append comes back, and outlives it.

use std::time::{Duration, Instant};

use daybook_journal::{Answered, Limits, Reader, Refused, Scope, Settings, Start};

use crate::ledger::{Answer, Command, value, write};
use crate::{fresh_context, lines, runtime, serving, settings, topic};

#[test]
fn what_is_appended_is_read_back() {
    let context = fresh_context(1);
    let owner = serving(&settings(), &context);
    let submitted: Vec<_> = (1..=500).map(|line| (line, owner.submit(0, write(line)))).collect();
    let runtime = runtime();
    let mut expected = Vec::new();
    for (line, submission) in submitted {
        let Answered { answer, position, confirmed } = runtime.block_on(submission).unwrap();
        let position = position.unwrap();
        assert_eq!((answer, &position), (Answer::Written, &confirmed));
        assert_eq!(position.to_string(), format!("journal.{context}/0#{}", position.number));
        expected.push((position.number, value(line)));
    }
    expected.sort();
    assert_eq!(expected.first().unwrap().0, 1);
    assert_eq!(lines(&context, 0), expected);

    let mut reader = Reader::open(&settings(), vec![Start::new(topic(&context), 0, None)]).unwrap();
    let entry = &reader.poll(1, Duration::from_secs(10)).unwrap().entries[0];
    let trace = format!("00-{:032x}-0000000000000001-01", crate::ledger::line_of(&entry.value));
    assert_eq!(entry.traceparent.as_deref(), Some(trace.as_str()));
    assert!(entry.timestamp > 1_700_000_000_000, "{}", entry.timestamp);
}

#[test]
fn an_answer_that_rests_on_state_waits_for_an_entry() {
    let context = fresh_context(1);
    let owner = serving(&settings(), &context);
    let runtime = runtime();
    runtime.block_on(owner.submit(0, write(1))).unwrap();
    let again = runtime.block_on(owner.submit(0, write(1))).unwrap();
    assert_eq!((again.answer, again.position), (Answer::Stands(1), None));
    assert_eq!(again.confirmed.number, 2, "a barrier");
    assert_eq!(lines(&context, 0), [(1, value(1)), (2, vec![0; 8])]);
}

#[test]
fn a_panic_rejects_only_the_command_that_caused_it() {
    let context = fresh_context(1);
    let owner = serving(&settings(), &context);
    let runtime = runtime();
    let answered = runtime.block_on(owner.submit(0, Command::Panic)).unwrap();
    assert_eq!(answered.answer, Answer::Panicked("told to".into()));
    assert_eq!(runtime.block_on(owner.submit(0, write(1))).unwrap().answer, Answer::Written);
}

#[test]
fn a_restarted_owner_goes_on_in_the_next_term() {
    let context = fresh_context(2);
    let runtime = runtime();
    let first = serving(&settings(), &context);
    for line in 1..=20 {
        runtime.block_on(first.submit(line as i32 % 2, write(line))).unwrap();
    }
    let terms: Vec<u64> = first.status().iter().map(|status| status.term).collect();
    first.shutdown(Duration::from_secs(5));

    let begun = Instant::now();
    let second = serving(&settings(), &context);
    println!("serving again after {:?}", begun.elapsed());
    let next: Vec<u64> = second.status().iter().map(|status| status.term - 1).collect();
    assert_eq!(next, terms);
    let again = runtime.block_on(second.submit(0, write(2))).unwrap();
    assert_eq!(again.answer, Answer::Stands(1), "what was written is known");
    let new = runtime.block_on(second.submit(0, write(22))).unwrap();
    assert_eq!(new.position.unwrap().number, again.confirmed.number + 1);
}

#[test]
fn a_stopping_owner_finishes_what_it_has_taken() {
    let context = fresh_context(1);
    let owner = serving(&settings(), &context);
    let submitted: Vec<_> = (1..=200).map(|line| owner.submit(0, write(line))).collect();
    owner.shutdown(Duration::from_secs(10));
    let runtime = runtime();
    for submission in submitted {
        let outcome = runtime.block_on(submission);
        assert!(matches!(outcome, Ok(_) | Err(Refused::NotServing { .. })), "{outcome:?}");
    }
}

#[test]
fn a_full_book_is_refused_before_anything_is_decided() {
    let context = fresh_context(1);
    let limits = Limits { book_commands: 10, ..Limits::default() };
    let owner = serving(&Settings { limits, ..settings() }, &context);
    // One book, and more at once than the loop takes in one go.
    let submitted: Vec<_> = (0..5_000).map(|line| owner.submit(0, write(7 * line + 7))).collect();
    let runtime = runtime();
    let mut refused = 0;
    for submission in submitted {
        match runtime.block_on(submission) {
            Ok(_) => {}
            Err(Refused::Overloaded { scope: Scope::Book, .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
    assert_eq!(lines(&context, 0).len(), 5_000 - refused);
}
