//! The protocol against every fault a log and a network have: what the owners and readers of production do
//! is run here, several of them on one simulated partition.
//!
//! What must hold: one linear history; what was answered as written is in it exactly once; what was refused
//! never is; a rejection rests on a state that was, and no older than what had been told before; an intact
//! log halts nobody; when the faults stop, everything gets its outcome and the partition serves.

mod ledger;
mod rules;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use self::ledger::take_wrong;
use self::rules::{MUTANTS, Without, near, rule};
use self::world::{Log, Step, Tally, World};
use crate::digest::Digest;
use crate::gate::{Gate, Rule};

const LOGS: [Log; 3] = [Log::Intact, Log::Cut, Log::Altered];

/// Runs these steps, heals, and tells everything that was wrong.
fn run(rule: Rule, log: Log, steps: &[Step]) -> (Vec<String>, Tally) {
    take_wrong();
    let mut world = World::new(rule, log, steps.first().map_or(0, |step| step.1));
    steps.iter().for_each(|step| world.step(*step));
    world.heal();
    world.judge();
    (take_wrong(), world.tally())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..100_u8, any::<u16>()), 1..500)
}

/// Tries the same cases every time, or the first so many of them.
fn search(rule: Rule, log: Log, cases: u32, shrink: u32) -> Result<(), TestError<Vec<Step>>> {
    let config = Config { cases, max_shrink_iters: shrink, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&steps(), |steps| {
        let (wrong, _) = run(rule, log, &steps);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    })
}

#[test]
fn owners_agree_on_one_history() {
    for log in LOGS {
        if let Err(error) = search(Gate::admit, log, 2_000, 20_000) {
            panic!("{log:?} log: {error}");
        }
    }
}

#[test]
fn every_part_of_the_rule_is_needed() {
    let mut needless = Vec::new();
    for (without, rule) in MUTANTS {
        let shown = LOGS.iter().find_map(|log| match search(*rule, *log, 4_000, 0) {
            Err(TestError::Fail(reason, _)) => Some((log, reason)),
            _ => None,
        });
        match shown {
            Some((log, reason)) => println!("without {without:?}, {log:?} log: {reason}"),
            None => needless.push(without),
        }
    }
    assert!(needless.is_empty(), "the rule can do without {needless:?}, as far as these runs tell");
}

/// `owner` matters only where a claim was cut off whose owner still has entries under way.
#[test]
fn an_intact_log_does_not_show_that_the_owner_is_needed() {
    let without_owner: Rule = |gate, header, digest| rule(Without::Owner, gate, header, digest);
    assert!(search(without_owner, Log::Intact, 500, 0).is_ok());
    assert!(search(without_owner, Log::Cut, 4_000, 0).is_err());
}

/// Searching proves little if nothing happens.
#[test]
fn the_runs_reach_what_they_are_about() {
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut sum = Tally::default();
    for _ in 0..300 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        sum.add(run(Gate::admit, Log::Intact, &steps).1);
    }
    println!("{sum:?}");
    assert!(sum.claims > 700 && sum.admitted > 1_000 && sum.voids > 1_000, "{sum:?}");
    assert!(sum.written > 1_000 && sum.repeated > 100 && sum.seen > 300, "{sum:?}");
    assert!(sum.void > 100 && sum.undecided > 500, "{sum:?}");
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
