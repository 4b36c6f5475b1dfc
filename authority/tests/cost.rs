//! What a decision costs, and the filter of a list: well below what anybody would notice, with all that a person of many roles
//! holds. The figures of docs/guide/access.md are what this prints.

use std::{collections::BTreeSet, hint::black_box, sync::Arc, time::Instant};

use daybook_authority::{By, Filter, Held, Moment, Policy, Principal, Resource, Standing, decide};
use daybook_contents::permissions::built_in::BUILT_IN;
use daybook_facts::{
    AccessPolicy,
    access_policy::{Attribute, Effect, Status},
    user,
};
use daybook_kernel::{Permission, Time};
use uuid::Uuid;

/// The aim: 50 µs.
const AIM_NANOS: u128 = 50_000;

/// Every built-in role, twenty groups, ten policies.
fn principal() -> Principal {
    let held = |role| Held { by: By::BuiltIn(role), through: None, domain: Some("health".into()), until: None };
    let says = AccessPolicy {
        status: Status::Active,
        name: "Nights".into(),
        effect: Effect::Forbid,
        permissions: [Permission::from("incident:read")].into(),
        when: [Attribute::OutOfHours, Attribute::SameGroup, Attribute::OtherDomain].into(),
    };
    let standing = Standing {
        status: user::Status::Active,
        domain: Some("health".into()),
        groups: (0..20).map(Uuid::from_u128).collect(),
        held: BUILT_IN.iter().map(held).collect(),
        policies: (0..10).map(|n| Policy::new(Uuid::from_u128(n), says.clone())).collect(),
    };
    Principal {
        user: Uuid::from_u128(1),
        tenant: Uuid::from_u128(2),
        standing: Some(Arc::new(standing)),
        token: Some(Arc::new(BTreeSet::from(["incident:*".to_owned()]))),
    }
}

/// Insists on the aim, and says what it takes.
fn takes_microseconds(what: &str, mut once: impl FnMut()) {
    let mut took: Vec<u128> = (0..2_000)
        .map(|_| {
            let begun = Instant::now();
            once();
            begun.elapsed().as_nanos()
        })
        .collect();
    took.sort_unstable();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{what}: median {median} ns, p99 {p99} ns, over {} roles and 10 policies", BUILT_IN.len());
    assert!(median < AIM_NANOS, "{what}: {median} ns");
}

/// The answer is no, so that all of it is looked at.
#[test]
fn a_decision_takes_microseconds() {
    let (principal, team) = (principal(), vec![Uuid::from_u128(77)]);
    let resource = Resource { own: vec![Uuid::from_u128(5)], team, domain: None };
    takes_microseconds("a decision", || {
        let decision = decide(black_box(&principal), "incident:read", black_box(&resource), Moment::at(Time(0)));
        assert!(!black_box(decision).permitted);
    });
}

/// The same for all records at once.
#[test]
fn a_filter_takes_microseconds() {
    let principal = principal();
    takes_microseconds("a filter", || {
        let filter = Filter::of(black_box(&principal), "incident:read", Moment::at(Time(0)));
        black_box(filter);
    });
}
