//! The protocol against every fault a log and a network have: what the owners and readers of production do
//! is run here, several of them on one simulated partition.
//!
//! What must hold: one linear history; what was answered as written is in it exactly once; what was refused
//! never is; a rejection rests on a state that was, and no older than what had been told before; an intact
//! log halts nobody; when the faults stop, everything gets its outcome and the partition serves.

mod ledger;
mod rules;
mod seeds;
mod successions;
mod world;

use proptest::prelude::*;

use self::ledger::take_wrong;
use self::rules::{MUTANTS, Without, near, rule};
use self::seeds::LOGS;
use self::world::{Log, Step, Tally, World};
use super::slip::Slip;
use crate::digest::Digest;
use crate::gate::{Gate, Rule};

/// What owners and readers go by.
#[derive(Clone, Copy)]
struct Protocol {
    rule: Rule,
    slip: Slip,
}

const SOUND: Protocol = Protocol { rule: Gate::admit, slip: Slip::None };

/// Runs these steps, heals, and tells everything that was wrong.
fn run(protocol: Protocol, log: Log, steps: &[Step], loud: bool) -> (Vec<String>, Tally) {
    take_wrong();
    let mut world = World::new(protocol, log, steps.first().map_or(0, |step| step.1), loud);
    steps.iter().for_each(|step| world.step(*step));
    world.heal();
    world.judge();
    (take_wrong(), world.tally())
}

/// The first of so many seeds with which something is wrong.
fn search(protocol: Protocol, log: Log, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let (wrong, _) = run(protocol, log, &seeds::steps(seed), false);
        (!wrong.is_empty()).then(|| (seed, wrong.join("; ")))
    })
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")))
}

/// `DAYBOOK_SEEDS` says how many runs; each third of them has an intact, a cut and an altered log.
#[test]
fn owners_agree_on_one_history() {
    let seeds = number_from("DAYBOOK_SEEDS").unwrap_or(30_000);
    for seed in 0..seeds {
        let (wrong, _) = run(SOUND, seeds::log(seed), &seeds::steps(seed), false);
        assert!(
            wrong.is_empty(),
            "{}\nsee it happen: DAYBOOK_SEED={seed} cargo test -p daybook-journal simulation::replay -- --nocapture",
            wrong.join("; ")
        );
    }
}

/// Shows one run, no further than it takes for something to be wrong: `DAYBOOK_SEED` says which.
#[test]
fn replay() {
    let Some(seed) = number_from("DAYBOOK_SEED") else { return };
    let (log, steps) = (seeds::log(seed), seeds::steps(seed));
    let goes_wrong = |length: &usize| !run(SOUND, log, &steps[..*length], false).0.is_empty();
    let length = (1..=steps.len()).find(goes_wrong).unwrap_or(steps.len());
    println!("seed {seed}: {log:?} log, {length} of {} steps", steps.len());
    let (wrong, tally) = run(SOUND, log, &steps[..length], true);
    println!("{tally:?}");
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("; "));
    println!("seed {seed}: nothing is wrong");
}

#[test]
fn every_part_of_the_rule_is_needed() {
    let mut needless = Vec::new();
    for (without, rule) in MUTANTS {
        let broken = Protocol { rule: *rule, ..SOUND };
        match LOGS.iter().find_map(|log| Some((log, search(broken, *log, 4_000)?))) {
            Some((log, (seed, wrong))) => println!("without {without:?}, {log:?} log, seed {seed}: {wrong}"),
            None => needless.push(without),
        }
    }
    assert!(needless.is_empty(), "the rule can do without {needless:?}, as far as these runs tell");
}

#[test]
fn every_part_of_the_owners_side_is_needed() {
    let mut needless = Vec::new();
    for slip in [Slip::AnswersAtOnce, Slip::BelievesItsOwnVoid, Slip::KeepsTheWindow, Slip::WaitsForWhatHasCome] {
        match search(Protocol { slip, ..SOUND }, Log::Intact, 4_000) {
            Some((seed, wrong)) => println!("an owner that {slip:?}, seed {seed}: {wrong}"),
            None => needless.push(slip),
        }
    }
    assert!(needless.is_empty(), "nothing goes wrong with an owner that {needless:?}, as far as these runs tell");
}

/// `owner` matters only where a claim was cut off whose owner still has entries under way.
#[test]
fn an_intact_log_does_not_show_that_the_owner_is_needed() {
    let without_owner = Protocol { rule: |gate, header, digest| rule(Without::Owner, gate, header, digest), ..SOUND };
    assert_eq!(search(without_owner, Log::Intact, 500), None);
    assert!(search(without_owner, Log::Cut, 4_000).is_some());
}

/// Searching proves little if nothing happens.
#[test]
fn the_runs_reach_what_they_are_about() {
    let mut sum = Tally::default();
    (0..1_000).for_each(|seed| sum.add(run(SOUND, Log::Intact, &seeds::steps(seed), false).1));
    println!("{sum:?}");
    assert!(sum.claims > 2_000 && sum.admitted > 3_000 && sum.voids > 2_000, "{sum:?}");
    assert!(sum.written > 3_000 && sum.repeated > 150 && sum.seen > 600, "{sum:?}");
    assert!(sum.void > 100 && sum.undecided > 1_000, "{sum:?}");
}

proptest! {
    #[test]
    fn the_rule_is_the_rule_said_twice(
        headers in prop::collection::vec((0..4_u8, 0..3_u8, 0..4_u8, 0..4_u8, 0..3_u8, any::<bool>()), 1..60)
    ) {
        let (mut one, mut other) = (Gate::default(), Gate::default());
        for (term, owner, seq, number, previous, claim) in headers {
            let header = near(term, owner, seq, number, previous, claim);
            let digest = Digest([seq % 3; 32]);
            let verdict = one.admit(&header, digest);
            prop_assert_eq!(&verdict, &rule(Without::Nothing, &mut other, &header, digest));
            prop_assert_eq!(one, other);
        }
    }
}
