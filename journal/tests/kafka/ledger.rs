//! What the tests' owners decide: lines, each written once.

use std::collections::BTreeMap;

use daybook_journal::{Admitted, Decision, Machine, Poison};

#[derive(Clone, Debug)]
pub enum Command {
    /// Writes this line, unless it stands already.
    Write { line: u64, text: Vec<u8> },
    /// Panics while it is decided.
    Panic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Written,
    /// The line stands under this number.
    Stands(u64),
    Panicked(String),
}

pub fn write(line: u64) -> Command {
    Command::Write { line, text: format!("line {line}").into_bytes() }
}

pub fn value(line: u64) -> Vec<u8> {
    [&line.to_be_bytes()[..], format!("line {line}").as_bytes()].concat()
}

/// The line that an entry is; 0 for a barrier.
pub fn line_of(value: &[u8]) -> u64 {
    value[..8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

#[derive(Default)]
pub struct Ledger {
    /// By line: its number. The speculative ones too.
    lines: BTreeMap<u64, u64>,
    /// Which of them are not admitted yet.
    speculative: Vec<u64>,
    latest: i64,
}

impl Machine for Ledger {
    type Command = Command;
    type Answer = Answer;

    fn queue(command: &Command) -> u128 {
        match command {
            Command::Write { line, .. } => u128::from(line % 7),
            Command::Panic => 7,
        }
    }

    fn weight(command: &Command) -> usize {
        match command {
            Command::Write { text, .. } => text.len(),
            Command::Panic => 0,
        }
    }

    fn decide(&mut self, command: &Command, number: u64, now_micros: i64) -> Decision<Answer> {
        assert!(now_micros > self.latest);
        self.latest = now_micros;
        let Command::Write { line, text } = command else { panic!("told to") };
        if let Some(number) = self.lines.get(line) {
            return Decision::Answer(Answer::Stands(*number));
        }
        self.lines.insert(*line, number);
        self.speculative.push(*line);
        Decision::Append {
            value: [&line.to_be_bytes()[..], text].concat(),
            traceparent: Some(format!("00-{line:032x}-0000000000000001-01")),
            answer: Answer::Written,
        }
    }

    fn barrier(&mut self, _: u64, _: i64) -> Vec<u8> {
        self.speculative.push(0);
        vec![0; 8]
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        let line = line_of(&entry.value);
        if entry.own {
            assert_eq!(self.speculative.remove(0), line);
        } else {
            assert!(self.speculative.is_empty());
            if line != 0 {
                self.lines.insert(line, entry.position.number);
            }
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        for line in self.speculative.drain(..) {
            self.lines.remove(&line);
        }
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Command, message: String) -> Answer {
        Answer::Panicked(message)
    }
}
