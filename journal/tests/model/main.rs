//! The protocol as a model, searched exhaustively within bounds: owners that claim, crash and lag behind, a network
//! that loses, repeats, delays and reorders, a log that may be cut or altered. The rule in it is the crate's own.
//!
//! `cargo test -p daybook-journal --test model -- --nocapture` prints how many worlds each check has seen, and the
//! shortest trace of each broken protocol. `DAYBOOK_MODEL_MORE=1` lets one more record be sent.
#![allow(clippy::unwrap_used)]

mod client;
mod explorer;
mod history;
mod holds;
mod log;
mod mutants;
mod owner;
mod peace;
mod rules;
mod step;
mod world;

use std::time::Instant;

use client::Fate;
use daybook_journal::Gate;
use explorer::{Verdict, explore};
use owner::Slip;
use world::{Bounds, Log, World};

/// The protocol as it is, before anything is asked.
const SOUND: Bounds = Bounds {
    rule: Gate::admit,
    slip: Slip::None,
    log: Log::Intact,
    owners: 3,
    asks: &[],
    records: 5,
    claims: 3,
    repeats: 1,
};

/// In how many worlds an attempt has met each fate: a search proves little if nothing happens.
#[derive(Debug, Default)]
struct Reached {
    accepted: usize,
    rejected: usize,
    void: usize,
    /// Of those accepted or rejected when another claim than the first one stood.
    inherited: usize,
}

impl Reached {
    fn note(&mut self, world: &World) {
        let any = |fate: Fate| usize::from(world.fates.contains(&fate));
        self.accepted += any(Fate::Accepted);
        self.rejected += any(Fate::Rejected);
        self.void += any(Fate::Void);
        let answered = world.fates.iter().any(|fate| matches!(fate, Fate::Accepted | Fate::Rejected));
        self.inherited += usize::from(answered && world.reader.term > 1);
    }
}

/// Looks at everything within the bounds, and says what it saw.
fn search(what: &str, bounds: &Bounds) -> (Verdict, Reached) {
    search_for(what, bounds, |_| None)
}

/// The same, with a further objection.
fn search_for(what: &str, bounds: &Bounds, objection: impl Fn(&World) -> Option<String>) -> (Verdict, Reached) {
    let began = Instant::now();
    let mut reached = Reached::default();
    let verdict = explore(bounds, |world| {
        reached.note(world);
        objection(world)
    });
    let took = began.elapsed().as_secs_f32();
    match &verdict {
        Verdict::Holds { worlds, steps, longest } => {
            println!(
                "{what}: holds in {worlds} worlds, {steps} steps, the longest way {longest}, {took:.1} s; {reached:?}"
            );
        }
        Verdict::Broken { worlds, why, trace } => {
            println!("{what}: {why}, after {worlds} worlds, {took:.1} s\n    {}", trace.join("\n    "));
        }
    }
    (verdict, reached)
}
