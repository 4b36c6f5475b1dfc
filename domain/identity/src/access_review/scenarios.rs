//! Scenarios of an access review.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{AccessReview, Status};
use crate::{
    Role, User,
    built_in::{self, ORGANIZATION_ADMIN},
};

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));
const BEN: Ref<User> = Ref::new(Uuid::from_u128(2));
const EVE: Ref<User> = Ref::new(Uuid::from_u128(3));
const REVIEW: Ref<AccessReview> = Ref::new(Uuid::from_u128(4));

fn agent() -> Ref<Role> {
    Ref::new(built_in::named("Agent").unwrap().id)
}

fn request(role: Ref<Role>) -> Json {
    json!({ "title": "Who works on incidents", "role": role.id(), "due": "2026-02-01T00:00:00Z" })
}

/// Ann runs the organisation and acts; Ben and Eve are agents.
fn book() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    for (user, name) in [(ANN, "ann"), (BEN, "ben"), (EVE, "eve")] {
        let registration = json!({ "email": format!("{name}@example.org"), "name": name });
        assert!(book.give(user, "register", registration).is_ok());
    }
    assert!(book.give(ANN, "assign_role", json!({ "role": ORGANIZATION_ADMIN.id() })).is_ok());
    book.by(ANN.id());
    for user in [BEN, EVE] {
        assert!(book.give(user, "assign_role", json!({ "role": agent().id() })).is_ok());
    }
    book
}

fn decide(book: &mut Scenario, command: &str, user: Ref<User>) -> String {
    said(&book.give(REVIEW, command, json!({ "user": user.id() })))
}

#[test]
fn everybody_who_holds_the_role_is_decided_on() {
    let mut book = book();
    assert_eq!(said(&book.give(REVIEW, "start", request(agent()))), "access_review.started");
    assert_eq!(said(&book.give(REVIEW, "complete", json!({}))), "ITEMS_OPEN");
    assert_eq!(decide(&mut book, "certify_item", BEN), "access_review.item_certified");
    assert_eq!(decide(&mut book, "certify_item", BEN), "");
    assert_eq!(decide(&mut book, "certify_item", ANN), "NOT_IN_REVIEW");
    assert_eq!(said(&book.give(REVIEW, "complete", json!({}))), "ITEMS_OPEN");
    assert_eq!(decide(&mut book, "revoke_item", EVE), "access_review.item_revoked role.revoked");
    assert_eq!(decide(&mut book, "revoke_item", EVE), "");
    assert!(book.state(EVE).unwrap().roles.is_empty() && !book.state(BEN).unwrap().roles.is_empty());
    assert_eq!(said(&book.give(REVIEW, "complete", json!({}))), "access_review.completed");
    assert_eq!(book.state(REVIEW).unwrap().status, Status::Completed);
    assert_eq!(decide(&mut book, "certify_item", EVE), "INVALID_TRANSITION");
}

#[test]
fn nobody_decides_on_their_own_access() {
    let mut book = book();
    assert!(book.give(REVIEW, "start", request(agent())).is_ok());
    book.by(BEN.id());
    assert_eq!(decide(&mut book, "certify_item", BEN), "OWN_ACCESS");
    assert_eq!(decide(&mut book, "certify_item", EVE), "access_review.item_certified");
}

#[test]
fn the_last_admin_is_not_reviewed_away() {
    let mut book = book();
    assert!(book.give(REVIEW, "start", request(ORGANIZATION_ADMIN)).is_ok());
    book.by(BEN.id());
    assert_eq!(decide(&mut book, "revoke_item", ANN), "LAST_ADMIN");
    assert_eq!(decide(&mut book, "certify_item", ANN), "access_review.item_certified");
}

#[test]
fn a_review_has_something_to_review_and_time_for_it() {
    let mut book = book();
    let viewer = Ref::new(built_in::named("Viewer").unwrap().id);
    assert_eq!(said(&book.give(REVIEW, "start", request(viewer))), "NOTHING_TO_REVIEW");
    assert_eq!(said(&book.give(REVIEW, "start", request(Ref::new(ANN.id())))), "UNKNOWN_ROLE");
    book.after(40 * 24 * 3_600);
    assert_eq!(said(&book.give(REVIEW, "start", request(agent()))), "DUE_ALREADY");
}
