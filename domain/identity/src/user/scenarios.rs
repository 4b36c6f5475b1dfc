//! Scenarios of a user.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::json;
use uuid::Uuid;

use super::{Status, User};

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));

fn registered() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    let registration = json!({ "email": "ann@example.org", "name": "Ann" });
    assert_eq!(said(&book.give(ANN, "register", registration)), "user.registered");
    book
}

#[test]
fn an_account_is_opened_once() {
    let mut book = registered();
    let again = json!({ "email": "ann@example.org", "name": "Ann" });
    assert_eq!(said(&book.give(ANN, "register", again)), "ALREADY_EXISTS");
    assert_eq!(said(&book.give(ANN, "update_profile", json!({ "name": "Ann" }))), "");
    assert_eq!(said(&book.give(ANN, "update_profile", json!({ "locale": "fr" }))), "user.profile_updated");
}

#[test]
fn an_account_out_of_use_comes_back_but_does_not_change() {
    let mut book = registered();
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert_eq!(book.state(ANN).unwrap().status, Status::Inactive);
    let rejection = book.give(ANN, "update_profile", json!({ "name": "Anna" })).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].message.as_str()), ("INVALID_TRANSITION", "reactivate"));
    assert!(book.give(ANN, "reactivate", json!({})).is_ok());
}

#[test]
fn an_address_that_is_none_is_named() {
    let mut book = Scenario::new(crate::KINDS);
    let rejection = book.give(ANN, "register", json!({ "email": "ann", "name": "Ann" })).unwrap_err();
    assert_eq!(rejection.details[0].field, "email");
}
