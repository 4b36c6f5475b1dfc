//! What reads bytes of strangers, given any bytes. Each target says what has to hold whatever it is given; a panic is a find.
//!
//! The same functions are driven in two ways: by libFuzzer for minutes (`make fuzz`, the folder `fuzz`), and in `make test` by
//! the committed corpus and what is made of it by chance, for a second each.

mod journal;
mod list;
mod token;

/// A target of the fuzzers.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus and of its program in `fuzz`.
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
    Target { name: "filter", run: list::filter },
    Target { name: "cursor", run: list::cursor },
];

/// Gives bytes to the target of that name.
///
/// # Panics
/// There is none of that name, or what has to hold does not.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.run)(bytes);
}
