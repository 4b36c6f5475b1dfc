//! Scenarios of a team, and of the domain it belongs to.

use daybook_facts as facts;
use daybook_kernel::{
    Published, Ref,
    scenario::{Scenario, said},
};
use facts::subscription::{Limit, Metric};
use serde_json::json;
use uuid::Uuid;

use super::Team;
use crate::Domain;

const DESK: Ref<Team> = Ref::new(Uuid::from_u128(1));
const WARD: Ref<Team> = Ref::new(Uuid::from_u128(2));
const HEALTH: Ref<Domain> = Ref::new(Uuid::from_u128(3));
const ANN: Uuid = Uuid::from_u128(4);

/// A domain, and a plan with room for one team.
fn book() -> Scenario {
    let limits = vec![Limit { metric: Metric::Teams, soft: 1, hard: Some(1) }];
    let subscription = facts::Subscription { status: facts::subscription::Status::Active, limits };
    let mut book = Scenario::new(crate::KINDS)
        .knowing(ANN, Published::new(facts::User::with(facts::user::Status::Active)))
        .knowing(Scenario::TENANT, Published::new(subscription));
    assert_eq!(said(&book.give(HEALTH, "create", json!({ "code": "health", "name": "Health" }))), "domain.created");
    book
}

#[test]
fn a_plan_has_room_for_so_many_teams_that_are_together() {
    let mut book = book();
    assert_eq!(said(&book.give(DESK, "create", json!({ "name": "Desk" }))), "team.created");
    assert_eq!(said(&book.give(WARD, "create", json!({ "name": "Ward" }))), "QUOTA_EXCEEDED");
    assert_eq!(said(&book.give(DESK, "disband", json!({}))), "team.disbanded");
    assert_eq!(said(&book.give(WARD, "create", json!({ "name": "DESK" }))), "team.created", "its name is free too");
}

#[test]
fn who_leads_it_belongs_to_it() {
    let mut book = book();
    let (ann, ben) = (json!({ "user": ANN }), json!({ "user": Uuid::from_u128(5) }));
    assert!(book.give(DESK, "create", json!({ "name": "Desk" })).is_ok());
    assert_eq!(said(&book.give(DESK, "set_lead", ann.clone())), "NOT_A_MEMBER");
    assert_eq!(said(&book.give(DESK, "add_member", ben)), "UNKNOWN_USER");
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "team.member_added");
    assert_eq!(said(&book.give(DESK, "set_lead", ann.clone())), "team.lead_set");
    assert_eq!(said(&book.give(DESK, "set_lead", ann.clone())), "");
    assert_eq!(said(&book.give(DESK, "remove_member", ann)), "team.member_removed");
    assert_eq!(book.state(DESK).unwrap().lead, None);
}

#[test]
fn a_domain_is_left_before_it_is_retired() {
    let mut book = book();
    let team = json!({ "name": "Desk", "domain": HEALTH.id() });
    let nowhere = json!({ "name": "Desk", "domain": Uuid::from_u128(9) });
    assert_eq!(said(&book.give(DESK, "create", nowhere)), "UNKNOWN_DOMAIN");
    assert!(book.give(DESK, "create", team.clone()).is_ok());
    assert_eq!(said(&book.give(HEALTH, "retire", json!({}))), "NOT_EMPTY");
    assert!(book.give(DESK, "disband", json!({})).is_ok());
    assert_eq!(said(&book.give(HEALTH, "retire", json!({}))), "domain.retired");
    assert_eq!(said(&book.give(WARD, "create", team)), "UNKNOWN_DOMAIN");
}
