//! Scenarios of an incident's life. Those of families and of work given away stand beside.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Incident, Priority, Status};

mod family;
mod work;

const INC: Ref<Incident> = Ref::new(Uuid::from_u128(0x1));
const CALLER: Uuid = Uuid::from_u128(0xca);
const AGENT: Uuid = Uuid::from_u128(0xa9);
const GONE: Uuid = Uuid::from_u128(0x90);
const DESK: Uuid = Uuid::from_u128(0xde);
const NETWORK: Uuid = Uuid::from_u128(0x4e);
const SERVER: Uuid = Uuid::from_u128(0x5e);
const DAY: i64 = 24 * 3_600;

fn book() -> Scenario {
    let user = |status| Published::new(facts::User::with(status));
    let group = |members: &[Uuid]| {
        let members: BTreeSet<_> = members.iter().copied().map(Ref::new).collect();
        Published::new(facts::Group::of(members))
    };
    let mut book = Scenario::new(crate::KINDS)
        .knowing(CALLER, user(facts::user::Status::Active))
        .knowing(AGENT, user(facts::user::Status::Active))
        .knowing(GONE, user(facts::user::Status::Inactive))
        .knowing(DESK, group(&[AGENT, GONE]))
        .knowing(NETWORK, group(&[]))
        .knowing(
            SERVER,
            Published::new(facts::ConfigurationItem { status: facts::configuration_item::Status::Active }),
        );
    book.by(AGENT);
    book
}

fn report() -> Json {
    json!({ "short_description": "No mail", "caller": CALLER, "channel": "phone", "impact": 2, "urgency": 2 })
}

fn reported() -> Scenario {
    let mut book = book();
    assert_eq!(said(&book.give(INC, "report", report())), "incident.created");
    book
}

fn assigned() -> Scenario {
    let mut book = reported();
    let to = json!({ "group": DESK, "assignee": AGENT });
    assert_eq!(said(&book.give(INC, "assign", to)), "incident.assigned");
    book
}

fn resolution() -> Json {
    json!({ "resolution_code": "fixed", "resolution_notes": "Started the server again" })
}

fn resolved() -> Scenario {
    let mut book = assigned();
    assert_eq!(said(&book.give(INC, "resolve", resolution())), "incident.resolved");
    book
}

fn reason() -> Json {
    json!({ "reason": "because" })
}

#[test]
fn a_report_has_the_next_number_and_the_priority_of_the_matrix() {
    let mut book = reported();
    let incident = book.state(INC).unwrap();
    assert_eq!((incident.number.as_str(), incident.priority), ("INC0000001", Priority::Moderate));
    assert_eq!(incident.opened_at, book.now());
    assert_eq!(said(&book.give(Ref::<Incident>::new(DESK), "report", json!({}))), "VALIDATION_ERROR");
    assert_eq!(said(&book.give(Ref::<Incident>::new(DESK), "report", report())), "incident.created");
    assert_eq!(book.state(Ref::<Incident>::new(DESK)).unwrap().number.as_str(), "INC0000002");
}

#[test]
fn the_caller_is_an_active_user() {
    let mut book = book();
    for (caller, code) in [(GONE, "INACTIVE_USER"), (SERVER, "UNKNOWN_USER")] {
        let mut report = report();
        report["caller"] = json!(caller);
        let rejection = book.give(INC, "report", report).unwrap_err();
        assert_eq!((rejection.code, rejection.details[0].field.as_str()), (code, "caller"));
    }
}

#[test]
fn another_priority_than_the_matrix_gives_needs_a_reason() {
    let mut book = reported();
    let rejection = book.give(INC, "set_priority", json!({ "priority": "1-critical" })).unwrap_err();
    assert_eq!(rejection.code, "OVERRIDE_REASON_REQUIRED");
    let because = json!({ "priority": "1-critical", "override_reason": "the minister waits" });
    assert_eq!(said(&book.give(INC, "set_priority", because)), "incident.prioritised");
    assert_eq!(book.state(INC).unwrap().priority, Priority::Critical);
    assert_eq!(said(&book.give(INC, "set_priority", json!({ "impact": 1 }))), "incident.prioritised");
    assert_eq!(book.state(INC).unwrap().priority, Priority::High);
    assert_eq!(said(&book.give(INC, "set_priority", json!({ "impact": 1 }))), "");
}

#[test]
fn the_way_from_report_to_closure() {
    let mut book = assigned();
    for (command, body, event) in [
        ("start", json!({}), "incident.work_started"),
        ("hold", json!({ "reason": "caller" }), "incident.put_on_hold"),
        ("hold", json!({ "reason": "caller" }), ""),
        ("hold", json!({ "reason": "vendor" }), "incident.put_on_hold"),
        ("resolve", resolution(), "INVALID_TRANSITION"),
        ("resume", json!({}), "incident.resumed"),
        ("resolve", resolution(), "incident.resolved"),
        ("start", json!({}), "INVALID_TRANSITION"),
        ("add_comment", json!({ "body": "Thank you", "visibility": "public" }), "incident.comment_added"),
        ("confirm_resolution", json!({}), "NOT_THE_CALLER"),
    ] {
        assert_eq!(said(&book.give(INC, command, body)), event, "{command}");
    }
    let resolved_at = book.now();
    book.by(CALLER).after(60);
    assert_eq!(said(&book.give(INC, "confirm_resolution", json!({}))), "incident.closed");
    let incident = book.state(INC).unwrap();
    assert_eq!((incident.status, incident.comments.len()), (Status::Closed, 1));
    assert_eq!((incident.resolved_at, incident.closed_at), (Some(resolved_at), Some(book.now())));
    assert_eq!(
        said(&book.give(INC, "add_comment", json!({ "body": "!", "visibility": "public" }))),
        "INVALID_TRANSITION"
    );
}

#[test]
fn an_illegal_transition_names_what_is_possible() {
    let rejection = resolved().give(INC, "hold", json!({ "reason": "caller" })).unwrap_err();
    let possible: Vec<_> = rejection.details.iter().map(|detail| detail.message.as_str()).collect();
    let expected = ["confirm_resolution", "reject_resolution", "reopen", "close", "add_comment", "watch", "unwatch"];
    assert_eq!((rejection.code, possible), ("INVALID_TRANSITION", expected.to_vec()));
}

#[test]
fn it_is_reopened_within_seven_days() {
    let mut book = resolved();
    book.after(7 * DAY);
    assert_eq!(said(&book.give(INC, "reject_resolution", reason())), "NOT_THE_CALLER");
    assert_eq!(said(&book.give(INC, "reopen", reason())), "incident.reopened");
    let incident = book.state(INC).unwrap();
    assert_eq!((incident.status, incident.reopen_count, incident.resolved_at), (Status::InProgress, 1, None));
    assert!(book.give(INC, "resolve", resolution()).is_ok());
    book.after(7 * DAY + 1);
    assert_eq!(said(&book.give(INC, "reopen", reason())), "REOPEN_TOO_LATE");
    assert_eq!(said(&book.give(INC, "close", json!({}))), "incident.closed");
}

#[test]
fn the_organisation_says_how_long_it_can_be_reopened() {
    let settings = facts::organization::Settings { reopen_days: 1, ..Default::default() };
    let organization =
        facts::Organization { status: facts::organization::Status::Active, settings: std::sync::Arc::new(settings) };
    let mut book = resolved().knowing(Scenario::TENANT, Published::new(organization));
    book.after(DAY + 1);
    let rejection = book.give(INC, "reopen", reason()).unwrap_err();
    assert_eq!(rejection.code, "REOPEN_TOO_LATE");
    assert!(rejection.message.contains("more than 1 days"), "{rejection}");
}

#[test]
fn it_is_given_up_only_before_work_began() {
    assert_eq!(said(&reported().give(INC, "cancel", reason())), "incident.cancelled");
    let mut book = assigned();
    assert!(book.give(INC, "start", json!({})).is_ok());
    assert_eq!(said(&book.give(INC, "cancel", reason())), "INVALID_TRANSITION");
}

#[test]
fn an_import_keeps_its_times_and_numbers() {
    let mut book = book();
    let then = daybook_kernel::Time::parse("2016-02-29T01:16:00Z").unwrap();
    let mut imported = report();
    imported["external_number"] = json!("INC0000045");
    book.occurred_at(Some(then));
    assert!(book.give(INC, "report", imported.clone()).is_ok());
    assert_eq!(book.state(INC).unwrap().opened_at, then);
    let rejection = book.give(Ref::<Incident>::new(DESK), "report", imported).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].field.as_str()), ("NOT_UNIQUE", "external_number"));
}

#[test]
fn what_is_said_better_keeps_the_rest() {
    let mut book = reported();
    assert_eq!(said(&book.give(INC, "describe", json!({ "short_description": "No mail" }))), "");
    assert_eq!(said(&book.give(INC, "describe", json!({ "location": "Room 4" }))), "incident.described");
    assert_eq!(said(&book.give(INC, "categorise", json!({ "category": "Mail" }))), "incident.categorised");
    assert_eq!(said(&book.give(INC, "categorise", json!({ "category": "Mail" }))), "");
    assert_eq!(book.state(INC).unwrap().location.as_ref().unwrap().as_str(), "Room 4");
}
