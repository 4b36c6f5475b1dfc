//! Scenarios of a domain; what it has to do with teams is told there.

use daybook_facts as facts;
use daybook_kernel::{
    Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::json;
use uuid::Uuid;

use super::Domain;

const HEALTH: Ref<Domain> = Ref::new(Uuid::from_u128(1));
const SCHOOLS: Ref<Domain> = Ref::new(Uuid::from_u128(2));
const ANN: Uuid = Uuid::from_u128(3);

#[test]
fn its_code_is_taken_for_ever() {
    let mut book = Scenario::new(crate::KINDS);
    let health = json!({ "code": "health", "name": "Health" });
    assert_eq!(said(&book.give(HEALTH, "create", health.clone())), "domain.created");
    assert_eq!(said(&book.give(HEALTH, "retire", json!({}))), "domain.retired");
    assert_eq!(said(&book.give(SCHOOLS, "create", health)), "NOT_UNIQUE");
    assert_eq!(said(&book.give(HEALTH, "rename", json!({ "name": "Care" }))), "INVALID_TRANSITION");
}

#[test]
fn an_active_user_answers_for_it() {
    let user = Published::new(facts::User::with(facts::user::Status::Active));
    let mut book = Scenario::new(crate::KINDS).knowing(ANN, user);
    assert!(book.give(HEALTH, "create", json!({ "code": "health", "name": "Health" })).is_ok());
    let nobody = json!({ "steward": Uuid::from_u128(9) });
    assert_eq!(said(&book.give(HEALTH, "assign_steward", nobody)), "UNKNOWN_USER");
    assert_eq!(said(&book.give(HEALTH, "assign_steward", json!({ "steward": ANN }))), "domain.steward_assigned");
    assert_eq!(said(&book.give(HEALTH, "assign_steward", json!({ "steward": ANN }))), "");
}
