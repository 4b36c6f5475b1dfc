//! The record that clients keep, as lines of JSON: one for each call that is made, one for each answer.
//!
//! ```json
//! {"attempt": 7, "at": 1200, "invoke": {"book": "acme", "command": "k-1"}}
//! {"attempt": 7, "at": 1350, "answer": {"accepted": {"position": "journal.incident/3#4711", "aggregate": "a", "version": 2}}}
//! {"attempt": 8, "at": 1500, "answer": {"rejected": {"aggregate": "a", "version": 2}}}
//! {"attempt": 9, "at": 1600, "answer": "void"}
//! ```
//!
//! An attempt without an answer, or with the answer `unknown`, may have been carried out or not.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::call::{Call, Outcome};

/// A record that tells nothing, because it contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A line that is not of the form.
    #[error("line {line}: {source}")]
    Form {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line that does not go with those before it.
    #[error("line {line}: attempt {attempt} {what}")]
    Order {
        /// Counted from 1.
        line: usize,
        /// The attempt.
        attempt: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    attempt: u64,
    at: u64,
    invoke: Option<Invoke>,
    answer: Option<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoke {
    book: String,
    command: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Answer {
    Accepted { position: String, aggregate: String, version: u64 },
    Rejected { aggregate: Option<String>, version: Option<u64> },
    Void,
    Unknown,
}

/// Reads a record; empty lines are passed over.
///
/// # Errors
/// A line is not of the form, or answers what was not asked, or asks or answers once more.
pub fn read_record(text: &str) -> Result<Vec<Call>, RecordError> {
    let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let form = |source| RecordError::Form { line, source };
        let Line { attempt, at, invoke, answer } = serde_json::from_str(text).map_err(form)?;
        let wrong = |what| RecordError::Order { line, attempt, what };
        match (invoke, answer, calls.get_mut(&attempt)) {
            (Some(Invoke { book, command }), None, None) => {
                let call = Call { attempt, book, command, invoked: at, answered: None, outcome: Outcome::Unknown };
                calls.insert(attempt, call);
            }
            (Some(_), None, Some(_)) => return Err(wrong("is made twice")),
            (None, Some(_), None) => return Err(wrong("is answered, but was not made")),
            (None, Some(_), Some(Call { answered: Some(_), .. })) => return Err(wrong("is answered twice")),
            (None, Some(_), Some(call)) if call.invoked > at => return Err(wrong("is answered before it was made")),
            (None, Some(answer), Some(call)) => {
                call.answered = Some(at);
                call.outcome = match answer {
                    Answer::Accepted { position, aggregate, version } => {
                        let place = position.parse().map_err(|_| wrong("has an answer without a position"))?;
                        Outcome::Accepted { place, aggregate, version }
                    }
                    Answer::Rejected { aggregate, version } => Outcome::Rejected { rests_on: aggregate.zip(version) },
                    Answer::Void => Outcome::Void,
                    Answer::Unknown => Outcome::Unknown,
                };
            }
            _ => return Err(wrong("is neither made nor answered, or both at once")),
        }
    }
    Ok(calls.into_values().collect())
}
