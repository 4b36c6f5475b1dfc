//! Random walks of many commands through the books of every context.

use std::collections::BTreeSet;

use daybook_contents::kinds;
use proptest::{prelude::*, test_runner::Config};

use super::walk::Walk;

/// Choices from a list of numbers; after its end always the first.
fn choices(numbers: Vec<u16>) -> impl FnMut(usize) -> usize {
    let mut numbers = numbers.into_iter();
    move |bound| usize::from(numbers.next().unwrap_or(0)) % bound
}

/// Choices without an end, the same each time (a xorshift generator).
pub fn endless(seed: u64) -> impl FnMut(usize) -> usize {
    let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bound| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % bound
    }
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn laws_hold_on_short_walks(numbers in proptest::collection::vec(any::<u16>(), 0..400)) {
        for mut walk in Walk::contexts() {
            let mut pick = choices(numbers.clone());
            for _ in 0..12 {
                walk.step(&mut pick);
            }
        }
    }
}

/// Walks go on until they have come everywhere, so that the laws were tried on everything that is declared.
#[test]
fn laws_hold_on_long_walks_that_come_everywhere() {
    let mut missing = everything();
    // These seeds come everywhere after some 200, others after 400; it ends as soon as nothing is missing.
    for seed in 2_000..3_000 {
        for mut walk in Walk::contexts() {
            let (name, mut pick) = (walk.name(), endless(seed));
            if !missing.iter().any(|(of, _)| *of == name) {
                continue;
            }
            for _ in 0..walk.length() {
                let step = walk.step(&mut pick);
                let Ok(events) = step.outcome else { continue };
                if !events.is_empty() {
                    let (of, command) = (step.kind.meta().type_name, step.kind.commands()[step.command].name);
                    missing.remove(&(name, format!("{of} {command} accepted")));
                }
                for placed in events {
                    missing.remove(&(name, format!("{} happened", placed.event.wire_name())));
                }
                for (kind, _, status) in walk.places() {
                    missing.remove(&(name, format!("{kind:?} {}", status.unwrap_or("not there"))));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no walk came to {missing:?}");
}

/// Every command, event and status, with the name of its context.
fn everything() -> BTreeSet<(&'static str, String)> {
    let mut all = BTreeSet::new();
    for kind in kinds() {
        let (name, of) = (kind.meta().context, kind.meta().type_name);
        all.extend(kind.commands().iter().map(|command| (name, format!("{of} {} accepted", command.name))));
        all.extend((0..kind.events().len()).map(|index| (name, format!("{} happened", kind.wire_name(index)))));
        all.extend(kind.statuses().iter().map(|status| (name, format!("{of} {status}"))));
    }
    all
}
