//! Scenarios of a host.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::TenantHost;
use crate::Organization;

const ACME: Ref<Organization> = Ref::new(Uuid::from_u128(1));
const DESK: Ref<TenantHost> = Ref::new(Uuid::from_u128(2));
const HELP: Ref<TenantHost> = Ref::new(Uuid::from_u128(3));

fn claim(host: &str) -> Json {
    json!({ "host": host, "organization": ACME.id() })
}

fn book() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    let acme = json!({ "name": "Acme", "slug": "acme", "isolation": "shared", "owner_email": "owner@acme.example" });
    assert!(book.give(ACME, "create", acme).is_ok());
    book
}

fn verify(book: &mut Scenario, host: Ref<TenantHost>) -> String {
    let token = json!({ "token": book.state(host).unwrap().token });
    said(&book.give(host, "verify", token))
}

#[test]
fn a_host_is_of_one_tenant_until_it_is_released() {
    let mut book = book();
    assert_eq!(said(&book.give(DESK, "claim", claim("Desk.Acme.example"))), "tenant_host.claimed");
    assert_eq!(book.state(DESK).unwrap().host.as_str(), "desk.acme.example");
    assert_eq!(said(&book.give(HELP, "claim", claim("desk.acme.example"))), "NOT_UNIQUE");
    assert_eq!(said(&book.give(DESK, "release", json!({}))), "tenant_host.released");
    assert_eq!(said(&book.give(HELP, "claim", claim("desk.acme.example"))), "tenant_host.claimed");
}

#[test]
fn what_is_no_host_or_of_nobody_is_refused() {
    let mut book = book();
    for host in ["a b", "-desk.example", "desk..example", "désk.example", "desk.example.", &"a".repeat(64)] {
        assert_eq!(said(&book.give(DESK, "claim", claim(host))), "INVALID_HOST", "{host}");
    }
    let nobody = json!({ "host": "desk.example", "organization": Uuid::from_u128(9) });
    assert_eq!(said(&book.give(DESK, "claim", nobody)), "UNKNOWN_ORGANIZATION");
}

#[test]
fn only_who_controls_the_name_has_it_and_one_is_the_first() {
    let mut book = book();
    assert!(book.give(DESK, "claim", claim("desk.example")).is_ok());
    assert!(book.give(HELP, "claim", claim("help.example")).is_ok());
    assert_eq!(said(&book.give(DESK, "verify", json!({ "token": Uuid::from_u128(9) }))), "WRONG_TOKEN");
    assert_eq!(said(&book.give(DESK, "make_primary", json!({}))), "INVALID_TRANSITION");
    for host in [DESK, HELP] {
        assert_eq!(verify(&mut book, host), "tenant_host.verified");
    }
    assert_eq!(said(&book.give(DESK, "make_primary", json!({}))), "tenant_host.made_primary");
    book.after(1);
    assert_eq!(said(&book.give(HELP, "make_primary", json!({}))), "tenant_host.made_primary");
    assert_eq!(said(&book.give(HELP, "make_primary", json!({}))), "");
    assert!(book.state(HELP).unwrap().primary_since > book.state(DESK).unwrap().primary_since);
    book.after(1);
    assert_eq!(said(&book.give(DESK, "make_primary", json!({}))), "tenant_host.made_primary", "and back");
}
