//! Every command in every status: accepted, or refused with a code, as the life cycle says; never a panic.

use std::collections::BTreeMap;

use daybook_contents::kinds;
use daybook_kernel::{Kind, Time, json, specimen::Specimens};

use super::{
    walk::{IDS, Tried, Walk},
    walks::endless,
};

/// How often every command is tried in each status, with another body each time.
const TRIALS: u32 = 12;

#[test]
fn every_status_meets_every_command() {
    let mut trials: BTreeMap<(&str, Option<&str>), u32> = BTreeMap::new();
    for seed in 1..=400 {
        for mut walk in Walk::contexts() {
            // What is seldom reached takes more walks.
            let done = |kind: &dyn Kind, status| trials.get(&(kind.meta().type_name, status)) == Some(&TRIALS);
            if statuses().all(|(kind, status)| kind.meta().context != walk.name() || done(kind, status)) {
                continue;
            }
            let mut pick = endless(seed);
            for _ in 0..250.max(walk.length()) {
                walk.step(&mut pick);
                let found: Vec<_> = walk.places().collect();
                for (kind, id, status) in found {
                    let trials = trials.entry((kind.meta().type_name, status)).or_default();
                    if *trials < TRIALS {
                        *trials += 1;
                        walk.try_all(kind, id, &mut pick, |tried| check(kind, &tried));
                    }
                }
            }
        }
    }
    for (kind, status) in statuses() {
        let tried = trials.get(&(kind.meta().type_name, status)).copied().unwrap_or(0);
        assert_eq!(tried, TRIALS, "{kind:?} was seldom {status:?}");
    }
}

/// Every status of every kind, and where there is nothing yet.
fn statuses() -> impl Iterator<Item = (&'static dyn Kind, Option<&'static str>)> {
    kinds().flat_map(|kind| kind.statuses().iter().copied().map(Some).chain([None]).map(move |status| (kind, status)))
}

fn check(kind: &dyn Kind, tried: &Tried) {
    let transition = kind.transition(tried.command);
    let code = tried.outcome.as_ref().err().map(|rejection| rejection.code);
    let place = format!("{kind:?} {} in {:?}: {code:?}", kind.commands()[tried.command].name, tried.status);
    for defect in ["VALIDATION_ERROR", "MALFORMED_EVENT", "INTERNAL"] {
        assert_ne!(code, Some(defect), "{place}");
    }
    match (&transition.from, tried.status) {
        (None, None) => {}
        (None, Some(_)) => assert_eq!(code, Some("ALREADY_EXISTS"), "{place}"),
        (Some(_), None) => assert_eq!(code, Some("NOT_FOUND"), "{place}"),
        (Some(from), Some(status)) if from.contains(&status) => assert_ne!(code, Some("INVALID_TRANSITION"), "{place}"),
        (Some(_), Some(_)) => assert_eq!(code, Some("INVALID_TRANSITION"), "{place}"),
    }
    let changed = tried.outcome.as_ref().is_ok_and(|events| !events.is_empty());
    let fits = match transition.to.as_slice() {
        [] => tried.after == tried.status,
        to if changed => tried.after.is_some_and(|after| to.contains(&after)),
        _ => tried.after == tried.status,
    };
    assert!(fits, "{place} led to {:?}, the rule says {:?}", tried.after, transition.to);
}

/// What a client writes as JSON within the limits is understood, and nothing else is.
#[test]
fn bodies_are_understood_as_they_are_written() {
    let mut pick = endless(7);
    for kind in kinds() {
        for command in kind.commands() {
            for _ in 0..20 {
                let body = Specimens { pick: &mut pick, ids: &IDS, around: Time(1_767_225_600_000_000), sealed: false }
                    .record(command.body);
                let mut written = json::write_record(command.body, &body);
                assert_eq!(json::parse(command.body, &written), Ok(body), "{} {}", kind.meta().type_name, command.name);
                written["unheard_of"] = true.into();
                let errors = json::parse(command.body, &written).unwrap_err();
                assert_eq!(errors[0].field, "unheard_of");
            }
        }
    }
}
