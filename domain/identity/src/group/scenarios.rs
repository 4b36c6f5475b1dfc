//! Scenarios of a group.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::json;
use uuid::Uuid;

use super::{Group, Status};
use crate::User;

const DESK: Ref<Group> = Ref::new(Uuid::from_u128(1));
const NETWORK: Ref<Group> = Ref::new(Uuid::from_u128(2));
const ANN: Ref<User> = Ref::new(Uuid::from_u128(3));

fn book() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert_eq!(said(&book.give(DESK, "create", json!({ "name": "Service Desk" }))), "group.created");
    book
}

#[test]
fn a_name_is_taken_once_in_any_case() {
    let mut book = book();
    let rejection = book.give(NETWORK, "create", json!({ "name": "SERVICE desk" })).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].field.as_str()), ("NOT_UNIQUE", "name"));
    assert!(book.give(DESK, "rename", json!({ "name": "Front Desk" })).is_ok());
    assert!(book.give(NETWORK, "create", json!({ "name": "Service Desk" })).is_ok());
    assert_eq!(said(&book.give(NETWORK, "rename", json!({ "name": "front desk" }))), "NOT_UNIQUE");
}

#[test]
fn only_an_active_user_becomes_a_member() {
    let mut book = book();
    let ann = json!({ "user": ANN.id() });
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "UNKNOWN_USER");
    assert!(book.give(ANN, "reactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "group.member_added");
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "");
    assert_eq!(said(&book.give(DESK, "remove_member", ann.clone())), "group.member_removed");
    assert_eq!(said(&book.give(DESK, "remove_member", ann)), "");
}

#[test]
fn a_retired_group_takes_nobody() {
    let mut book = book();
    assert!(book.give(DESK, "retire", json!({})).is_ok());
    assert_eq!(book.state(DESK).unwrap().status, Status::Retired);
    assert_eq!(said(&book.give(DESK, "add_member", json!({ "user": ANN.id() }))), "INVALID_TRANSITION");
}
