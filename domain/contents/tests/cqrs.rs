//! Declared aggregates run under cqrs-es: its test framework, its store, its stored forms.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::sync::Arc;

use cqrs_es::{Aggregate as _, CqrsFramework, DomainEvent, EventStore, mem_store::MemStore, test::TestFramework};
use daybook_contents::cqrs::{Adapted, Desk, Happened, Order};
use daybook_identity::{Group, group};
use daybook_incident::{Incident, incident};
use daybook_kernel::{Actor, Aggregate, Line, NoFacts, Ref, Time, json, kind::kind};
use daybook_tenancy::{Organization, organization};
use futures::executor::block_on;
use serde_json::{Value as Json, json};
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(1);
const ID: Uuid = Uuid::from_u128(2);
const OTHER: Uuid = Uuid::from_u128(3);

fn desk(kinds: &'static [&'static dyn daybook_kernel::Kind]) -> Arc<Desk> {
    Arc::new(Desk::new(TENANT, kinds, Box::new(NoFacts)))
}

fn order<A: Aggregate>(id: Uuid, name: &str, body: Json) -> Order {
    let kind = kind::<A>();
    let command = kind.command(name).unwrap();
    Order {
        id,
        command,
        body: json::parse(kind.commands()[command].body, &body).unwrap(),
        actor: Actor::User(Uuid::from_u128(0xac)),
        now: Time(1_767_225_600_000_000),
        occurred_at: None,
        seed: Uuid::from_u128(1 << 64),
    }
}

fn named(name: &str) -> group::Named {
    group::Named { name: Line::from(name) }
}

#[test]
fn a_group_in_the_test_framework() {
    type Test = TestFramework<Adapted<Group>>;
    let created = Happened(group::Event::Created(named("Desk")));
    Test::with(desk(daybook_identity::KINDS))
        .given_no_previous_events()
        .when(order::<Group>(ID, "create", json!({ "name": "Desk" })))
        .then_expect_events(vec![created.clone()]);
    Test::with(desk(daybook_identity::KINDS))
        .given(vec![created.clone()])
        .when(order::<Group>(ID, "rename", json!({ "name": "Desk" })))
        .then_expect_events(vec![]);
    Test::with(desk(daybook_identity::KINDS))
        .given(vec![created, Happened(group::Event::Retired)])
        .when(order::<Group>(ID, "rename", json!({ "name": "Front" })))
        .then_expect_error_message("rename is not possible in status retired; it is final");
}

#[test]
fn what_others_of_the_book_have_counts() {
    let desk = desk(daybook_identity::KINDS);
    desk.learn::<Group>(OTHER, &[Happened(group::Event::Created(named("Desk")))]).unwrap();
    let result = TestFramework::<Adapted<Group>>::with(desk)
        .given_no_previous_events()
        .when(order::<Group>(ID, "create", json!({ "name": "DESK" })))
        .inspect_result();
    assert_eq!(result.unwrap_err().code, "NOT_UNIQUE");
}

#[test]
fn an_organization_in_a_store() {
    let desk = desk(daybook_tenancy::KINDS);
    let store = MemStore::<Adapted<Organization>>::default();
    let framework = CqrsFramework::new(store.clone(), Vec::new(), Arc::clone(&desk));
    let profile = json!({ "name": "Acme", "slug": "acme", "isolation": "shared", "owner_email": "a@acme.example" });
    let give = |name: &str, body: Json| block_on(framework.execute("2", order::<Organization>(ID, name, body)));
    give("create", profile).unwrap();
    give("activate", json!({})).unwrap();
    give("activate", json!({})).unwrap(); // once more, which changes nothing
    assert!(give("resume", json!({ "reason": "said twice" })).is_err());
    let events = block_on(store.load_events("2")).unwrap();
    let types: Vec<_> = events.iter().map(|event| event.payload.event_type()).collect();
    assert_eq!(types, ["organization.created", "organization.member_added", "organization.activated"]);

    let mut loaded = Adapted::<Organization>::default();
    for event in events {
        let stored = serde_json::to_value(&event.payload).unwrap();
        loaded.apply(serde_json::from_value(stored).unwrap());
    }
    let again: Adapted<Organization> = serde_json::from_value(serde_json::to_value(&loaded).unwrap()).unwrap();
    assert_eq!((again.version(), again.state()), (3, loaded.state()));
    assert_eq!(again.state().unwrap().status, organization::Status::Active);
}

#[test]
fn what_reaches_other_aggregates_is_refused() {
    let desk = desk(daybook_incident::KINDS);
    let created = |number: &str| -> Happened<Incident> {
        serde_json::from_value(json!({ "created": {
            "number": number, "opened_at": "2026-01-01T00:00:00Z", "priority": "4-low", "short_description": "x",
            "caller": OTHER, "channel": "phone", "impact": 3, "urgency": 3, "cis": []
        }}))
        .unwrap()
    };
    let parent = incident::Parent { parent: Ref::new(ID) };
    let assigned = incident::Assigned { group: None, assignee: None, by: incident::AssignedBy::Rule };
    desk.learn(ID, &[created("INC0000001")]).unwrap();
    desk.learn(OTHER, &[created("INC0000002"), Happened(incident::Event::ParentSet(parent))]).unwrap();
    let result = TestFramework::<Adapted<Incident>>::with(desk)
        .given(vec![created("INC0000001"), Happened(incident::Event::Assigned(assigned))])
        .when(order::<Incident>(ID, "resolve", json!({ "resolution_code": "1", "resolution_notes": "done" })))
        .inspect_result();
    assert_eq!(result.unwrap_err().code, "SPANS_AGGREGATES");
}
