//! Scenarios of a configuration item.

use daybook_facts as facts;
use daybook_kernel::{
    Published, Ref, Scalar,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{ConfigurationItem, Status};

const MAIL: Ref<ConfigurationItem> = ci(1);
const SHOP: Ref<ConfigurationItem> = ci(2);
const SERVER: Ref<ConfigurationItem> = ci(3);
const OWNER: Uuid = Uuid::from_u128(0x0e);

const fn ci(n: u128) -> Ref<ConfigurationItem> {
    Ref::new(Uuid::from_u128(n))
}

fn item(name: &str, ci_type: &str) -> Json {
    json!({ "name": name, "ci_type": ci_type, "environment": "production", "owner": OWNER, "attributes": { "cores": 8 } })
}

/// Two active applications and an active server.
fn estate() -> Scenario {
    let owner = Published::new(facts::User::with(facts::user::Status::Active));
    let mut book = Scenario::new(crate::KINDS).knowing(OWNER, owner);
    for (id, name, ci_type) in
        [(MAIL, "mail", "application"), (SHOP, "shop", "application"), (SERVER, "alpha", "server")]
    {
        assert_eq!(said(&book.give(id, "create", item(name, ci_type))), "ci.created");
        assert_eq!(said(&book.give(id, "activate", json!({}))), "ci.activated");
    }
    book
}

fn to(target: Ref<ConfigurationItem>, r#type: &str) -> Json {
    json!({ "target": target.id(), "type": r#type })
}

#[test]
fn a_name_is_taken_once_in_its_type_and_environment() {
    let mut book = estate();
    assert_eq!(said(&book.give(ci(9), "create", item("ALPHA", "server"))), "NOT_UNIQUE");
    assert_eq!(said(&book.give(ci(9), "create", item("alpha", "virtual_machine"))), "ci.created");
    let server = json!({ "ci_type": "server", "environment": "production" });
    assert_eq!(said(&book.give(ci(9), "reclassify", server)), "NOT_UNIQUE");
    let staging = json!({ "ci_type": "server", "environment": "staging" });
    assert_eq!(said(&book.give(ci(9), "reclassify", staging.clone())), "ci.reclassified");
    assert_eq!(said(&book.give(ci(9), "reclassify", staging)), "");
    assert_eq!(book.state(ci(9)).unwrap().number.as_str(), "CI0000004");
}

#[test]
fn only_what_is_different_changes() {
    let mut book = estate();
    assert_eq!(said(&book.give(MAIL, "update", json!({ "name": "mail", "attributes": { "cores": 8 } }))), "");
    let change = json!({ "attributes": { "cores": 16, "virtual": true }, "removed_attributes": ["nothing"] });
    assert_eq!(said(&book.give(MAIL, "update", change)), "ci.updated");
    assert_eq!(said(&book.give(MAIL, "update", json!({ "removed_attributes": ["virtual"] }))), "ci.updated");
    let attributes = &book.state(MAIL).unwrap().attributes;
    assert_eq!((attributes.get("cores"), attributes.get("virtual")), (Some(&Scalar::Whole(16)), None));
    assert_eq!(said(&book.give(MAIL, "update", json!({ "owner": Uuid::from_u128(5) }))), "UNKNOWN_USER");
}

#[test]
fn relationships_are_those_the_types_allow() {
    let mut book = estate();
    for (target, r#type, outcome) in [
        (SERVER, "runs_on", "ci.relationship_added"),
        (SERVER, "runs_on", ""),
        (SHOP, "runs_on", "RELATIONSHIP_NOT_ALLOWED"),
        (MAIL, "depends_on", "RELATED_TO_ITSELF"),
        (ci(77), "depends_on", "UNKNOWN_CI"),
        (SHOP, "depends_on", "ci.relationship_added"),
    ] {
        assert_eq!(said(&book.give(MAIL, "add_relationship", to(target, r#type))), outcome, "{type}");
    }
    assert_eq!(said(&book.give(SERVER, "add_relationship", to(MAIL, "runs_on"))), "RELATIONSHIP_NOT_ALLOWED");
    let storage = json!({ "ci_type": "storage", "environment": "production" });
    assert_eq!(said(&book.give(SERVER, "reclassify", storage)), "RELATIONSHIP_NOT_ALLOWED");
    assert_eq!(said(&book.give(MAIL, "remove_relationship", to(SERVER, "runs_on"))), "ci.relationship_removed");
    assert_eq!(said(&book.give(MAIL, "remove_relationship", to(SERVER, "runs_on"))), "");
}

#[test]
fn dependence_does_not_run_in_circles_but_connections_may() {
    let mut book = estate();
    assert!(book.give(ci(4), "create", item("pay", "application")).is_ok());
    assert!(book.give(MAIL, "add_relationship", to(SHOP, "depends_on")).is_ok());
    assert!(book.give(SHOP, "add_relationship", to(ci(4), "depends_on")).is_ok());
    assert_eq!(said(&book.give(ci(4), "add_relationship", to(MAIL, "depends_on"))), "RELATIONSHIP_CIRCLE");
    assert_eq!(said(&book.give(ci(4), "add_relationship", to(MAIL, "contains"))), "ci.relationship_added");
    assert!(book.give(MAIL, "add_relationship", to(SHOP, "connects_to")).is_ok());
    assert!(book.give(SHOP, "add_relationship", to(MAIL, "connects_to")).is_ok());
}

#[test]
fn what_others_need_is_retired_by_force_only() {
    let mut book = estate();
    assert!(book.give(MAIL, "add_relationship", to(SERVER, "runs_on")).is_ok());
    let rejection = book.give(SERVER, "retire", json!({})).unwrap_err();
    assert_eq!(
        (rejection.code, rejection.message.as_str()),
        ("HAS_DEPENDANTS", "mail (CI0000001) is active and needs it")
    );
    assert!(book.give(MAIL, "deactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(SERVER, "retire", json!({}))), "ci.retired");
    assert_eq!(book.state(SERVER).unwrap().status, Status::Retired);
    assert_eq!(said(&book.give(SHOP, "add_relationship", to(SERVER, "runs_on"))), "UNKNOWN_CI");
    assert_eq!(said(&book.give(SERVER, "activate", json!({}))), "INVALID_TRANSITION");
}

#[test]
fn force_retires_what_others_need() {
    let mut book = estate();
    assert!(book.give(MAIL, "add_relationship", to(SERVER, "depends_on")).is_ok());
    assert_eq!(said(&book.give(SERVER, "retire", json!({}))), "HAS_DEPENDANTS");
    assert_eq!(said(&book.give(SERVER, "force_retire", json!({}))), "ci.retired");
}

#[test]
fn a_plan_has_room_for_so_many_that_are_not_retired() {
    use facts::subscription::{Limit, Metric, Status as Standing};
    let subscribed = |status| {
        let limits = vec![Limit { metric: Metric::ConfigurationItems, soft: 4, hard: Some(4) }];
        estate().knowing(Scenario::TENANT, Published::new(facts::Subscription { status, limits }))
    };
    let mut book = subscribed(Standing::Active);
    assert_eq!(said(&book.give(ci(4), "create", item("beta", "server"))), "ci.created");
    assert_eq!(said(&book.give(ci(5), "create", item("gamma", "server"))), "QUOTA_EXCEEDED");
    assert!(book.give(ci(4), "retire", json!({})).is_ok());
    assert_eq!(said(&book.give(ci(5), "create", item("gamma", "server"))), "ci.created");
    assert_eq!(
        said(&subscribed(Standing::Expired).give(ci(4), "create", item("beta", "server"))),
        "SUBSCRIPTION_ENDED"
    );
}

#[test]
fn a_batch_does_not_pass_the_limit_either() {
    use daybook_kernel::{book::Call, json::parse, kind::kind};
    use facts::subscription::{Limit, Metric, Status as Standing};
    let limits = vec![Limit { metric: Metric::ConfigurationItems, soft: 4, hard: Some(4) }];
    let subscription = facts::Subscription { status: Standing::Trialing, limits };
    let mut book = estate().knowing(Scenario::TENANT, Published::new(subscription));
    let kind = kind::<ConfigurationItem>();
    let command = kind.command("create").unwrap();
    let call = |n: u128, name: &str| {
        let body = parse(kind.commands()[command].body, &item(name, "server")).unwrap();
        Call { kind, id: Uuid::from_u128(n), command, body }
    };
    assert_eq!(said(&book.batch(&[call(4, "beta"), call(5, "gamma")])), "QUOTA_EXCEEDED");
    assert_eq!(said(&book.batch(&[call(4, "beta")])), "ci.created", "what was taken back does not count");
}
