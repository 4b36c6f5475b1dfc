//! What reads bytes of strangers, given any bytes. Each target says what has to hold whatever it is given; a panic is a find.
//!
//! They are driven by the committed corpus and by what chance makes of it (`tests/corpus.rs`): for a second each in
//! `make test`, for ten minutes each in `make fuzz`.

pub mod journal;
mod list;
mod passkey;
mod token;

/// What is given any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    /// What is given the bytes.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "entry", run: journal::entry },
    Target { name: "event", run: journal::event },
    Target { name: "gate", run: journal::gate },
    Target { name: "token", run: token::token },
    Target { name: "passkey", run: passkey::passkey },
    Target { name: "filter", run: list::filter },
    Target { name: "cursor", run: list::cursor },
];
