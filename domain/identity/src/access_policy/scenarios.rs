//! Scenarios of an access policy.

use daybook_facts as facts;
use daybook_kernel::{
    Permission, Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{AccessPolicy, Status};

const OWN: Ref<AccessPolicy> = Ref::new(Uuid::from_u128(1));
const OTHER: Ref<AccessPolicy> = Ref::new(Uuid::from_u128(2));

fn book() -> Scenario {
    let all = ["incident:read", "user:update", "access_policy:activate"].map(Permission::from).into();
    let mut book =
        Scenario::new(crate::KINDS).knowing(facts::Permissions::ID.id(), Published::new(facts::Permissions { all }));
    book.by_service("setup");
    book
}

/// Everybody may change what is said of themselves.
fn own_record() -> Json {
    json!({
        "name": "Own record", "effect": "permit", "permissions": ["user:update"], "when": ["own_record"],
        "cases": [
            { "permission": "user:update", "given": ["own_record", "same_group"], "expect": "permitted" },
            { "permission": "user:update", "given": ["same_group"], "expect": "silent" },
            { "permission": "incident:read", "given": ["own_record"], "expect": "silent" },
        ],
    })
}

/// The outcome of an activation of that policy.
fn activated(content: Json) -> String {
    let mut book = book();
    assert_eq!(said(&book.give(OWN, "draft", content)), "access_policy.drafted");
    said(&book.give(OWN, "activate", json!({})))
}

#[test]
fn a_policy_is_put_in_force_when_it_gives_what_its_cases_expect() {
    assert_eq!(activated(own_record()), "access_policy.activated");
    let mut forbids = own_record();
    forbids["effect"] = "forbid".into();
    let mut book = book();
    assert!(book.give(OWN, "draft", forbids.clone()).is_ok());
    let rejection = book.give(OWN, "activate", json!({})).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].field.as_str()), ("CASE_FAILED", "cases[0]"));
    forbids["cases"][0]["expect"] = "forbidden".into();
    assert_eq!(said(&book.give(OWN, "revise", forbids.clone())), "access_policy.revised");
    assert_eq!(said(&book.give(OWN, "revise", forbids.clone())), "");
    assert_eq!(said(&book.give(OWN, "activate", json!({}))), "access_policy.activated");
    assert_eq!(said(&book.give(OWN, "revise", forbids)), "INVALID_TRANSITION", "in force it is not changed");
}

#[test]
fn nobody_permits_what_they_may_not_do() {
    let mut book = book();
    assert!(book.give(OWN, "draft", own_record()).is_ok());
    book.by(Uuid::from_u128(0xad));
    assert_eq!(said(&book.give(OWN, "activate", json!({}))), "NOT_GRANTABLE");
}

#[test]
fn it_says_only_what_is_declared_and_has_a_case() {
    let mut unheard = own_record();
    unheard["permissions"] = json!(["user:unheard_of"]);
    assert_eq!(activated(unheard), "UNKNOWN_PERMISSION");
    let mut untried = own_record();
    untried["cases"] = json!([]);
    assert_eq!(activated(untried), "NO_CASES");
    let mut odd = own_record();
    odd["when"] = json!(["full_moon"]);
    let rejection = book().give(OWN, "draft", odd).unwrap_err();
    assert_eq!(rejection.details[0].field, "when[0]");
}

#[test]
fn nobody_is_locked_out_of_managing_policies() {
    let mut content = own_record();
    content["permissions"] = json!(["access_policy:activate"]);
    content["effect"] = "forbid".into();
    content["cases"] =
        json!([{ "permission": "access_policy:activate", "given": ["own_record"], "expect": "forbidden" }]);
    assert_eq!(activated(content.clone()), "LOCKS_OUT");
    content["effect"] = "permit".into();
    content["cases"][0]["expect"] = "permitted".into();
    assert_eq!(activated(content), "access_policy.activated");
}

#[test]
fn a_name_is_free_again_once_its_policy_is_retired() {
    let mut book = book();
    assert!(book.give(OWN, "draft", own_record()).is_ok());
    assert_eq!(said(&book.give(OTHER, "draft", own_record())), "NOT_UNIQUE");
    assert_eq!(said(&book.give(OWN, "retire", json!({}))), "access_policy.retired");
    assert_eq!(book.state(OWN).unwrap().status, Status::Retired);
    assert_eq!(said(&book.give(OTHER, "draft", own_record())), "access_policy.drafted");
}
