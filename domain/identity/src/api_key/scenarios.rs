//! Scenarios of an API key.

use daybook_facts as facts;
use daybook_kernel::{
    Permission, Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{ApiKey, Status};
use crate::{User, built_in};

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));
const KEY: Ref<ApiKey> = Ref::new(Uuid::from_u128(2));

/// A book in which Ann, an agent, acts.
fn book() -> Scenario {
    let all = ["incident:read", "ci:read", "role:create"].map(Permission::from).into();
    let catalogue = Published::new(facts::Permissions { all });
    let mut book = Scenario::new(crate::KINDS).knowing(facts::Permissions::ID.id(), catalogue);
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    book.by_service("onboarding");
    let agent = built_in::named("Agent").unwrap().id;
    assert!(book.give(ANN, "assign_role", json!({ "role": agent })).is_ok());
    book.by(ANN.id());
    book
}

fn request(scopes: &[&str]) -> Json {
    let secret = Uuid::from_u128(0x5ec);
    json!({ "name": "Script", "scopes": scopes, "expires_at": "2026-02-01T00:00:00Z", "secret": secret })
}

#[test]
fn a_key_opens_nothing_that_its_owner_may_not() {
    let mut book = book();
    assert_eq!(said(&book.give(KEY, "issue", request(&["role:create"]))), "NOT_GRANTABLE");
    assert_eq!(said(&book.give(KEY, "issue", request(&["incident:unheard_of"]))), "UNKNOWN_PERMISSION");
    assert_eq!(said(&book.give(KEY, "issue", request(&["incident:read", "ci:read"]))), "apikey.issued");
    assert_eq!(book.state(KEY).unwrap().owner, Some(ANN));
}

#[test]
fn a_key_ends_by_time_or_by_hand() {
    let mut book = book();
    let other = json!({ "secret": Uuid::from_u128(0x5ed) });
    assert_eq!(said(&book.give(KEY, "issue", request(&[]))), "apikey.issued");
    assert_eq!(said(&book.give(KEY, "rotate", other.clone())), "apikey.rotated");
    assert_eq!(said(&book.give(KEY, "rotate", other.clone())), "");
    assert_eq!(said(&book.give(KEY, "expire", json!({}))), "NOT_EXPIRED");
    book.after(31 * 24 * 3_600);
    assert_eq!(said(&book.give(KEY, "rotate", json!({ "secret": Uuid::from_u128(0x5ee) }))), "KEY_EXPIRED");
    assert_eq!(said(&book.give(KEY, "expire", json!({}))), "apikey.expired");
    assert_eq!(book.state(KEY).unwrap().status, Status::Expired);
    let late = Ref::<ApiKey>::new(Uuid::from_u128(3));
    assert_eq!(said(&book.give(late, "issue", request(&[]))), "EXPIRED_ALREADY");
    assert_eq!(said(&book.give(KEY, "revoke", json!({ "reason": "Lost" }))), "INVALID_TRANSITION");
}

#[test]
fn a_key_is_taken_back_for_good() {
    let mut book = book();
    assert_eq!(said(&book.give(KEY, "issue", request(&[]))), "apikey.issued");
    assert_eq!(said(&book.give(KEY, "revoke", json!({ "reason": "Lost" }))), "apikey.revoked");
    assert_eq!(said(&book.give(KEY, "rotate", json!({ "secret": ANN.id() }))), "INVALID_TRANSITION");
}
