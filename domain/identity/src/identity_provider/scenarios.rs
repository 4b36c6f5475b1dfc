//! Scenarios of an identity provider.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{IdentityProvider, Status};

const OFFICE: Ref<IdentityProvider> = Ref::new(Uuid::from_u128(1));
const OTHER: Ref<IdentityProvider> = Ref::new(Uuid::from_u128(2));

fn configuration(name: &str) -> Json {
    json!({ "name": name, "protocol": "oidc", "endpoint": "https://id.example.org", "client": "daybook" })
}

fn give(book: &mut Scenario, command: &str, body: Json) -> String {
    said(&book.give(OFFICE, command, body))
}

fn described() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert_eq!(give(&mut book, "configure", configuration("Office")), "idp.configured");
    book
}

#[test]
fn a_provider_is_tried_before_it_is_used() {
    let mut book = described();
    assert_eq!(give(&mut book, "enable", json!({})), "INVALID_TRANSITION");
    assert_eq!(give(&mut book, "test", json!({ "passed": false, "note": "No answer" })), "idp.tested");
    assert_eq!(give(&mut book, "enable", json!({})), "INVALID_TRANSITION", "it failed");
    assert_eq!(give(&mut book, "test", json!({ "passed": true })), "idp.tested");
    assert_eq!(give(&mut book, "enable", json!({})), "idp.enabled");
    assert_eq!(give(&mut book, "reconfigure", configuration("Other")), "INVALID_TRANSITION");
    assert_eq!(give(&mut book, "disable", json!({})), "idp.disabled");
    assert_eq!(give(&mut book, "reconfigure", configuration("Other")), "idp.reconfigured");
    assert_eq!(give(&mut book, "reconfigure", configuration("Other")), "");
    assert_eq!(book.state(OFFICE).unwrap().status, Status::Draft);
}

#[test]
fn it_vouches_only_for_domains_that_are_proved() {
    let mut book = described();
    let domain = |domain: &str| json!({ "domain": domain });
    assert_eq!(give(&mut book, "claim_domain", domain("Example.org")), "idp.domain_claimed");
    assert_eq!(give(&mut book, "claim_domain", domain("example.ORG.")), "");
    assert_eq!(give(&mut book, "test", json!({ "passed": true })), "idp.tested");
    assert_eq!(give(&mut book, "enable", json!({})), "DOMAIN_NOT_VERIFIED");
    assert_eq!(give(&mut book, "verify_domain", domain("example.net")), "UNKNOWN_DOMAIN");
    assert_eq!(give(&mut book, "verify_domain", domain("example.org")), "idp.domain_verified");
    assert_eq!(give(&mut book, "verify_domain", domain("example.org")), "");
    assert_eq!(give(&mut book, "enable", json!({})), "idp.enabled");
    assert!(book.give(OTHER, "configure", configuration("Other")).is_ok());
    assert_eq!(said(&book.give(OTHER, "claim_domain", domain("EXAMPLE.org"))), "NOT_UNIQUE");
    assert!(book.give(OFFICE, "disable", json!({})).is_ok());
    assert_eq!(give(&mut book, "release_domain", domain("example.org")), "idp.domain_released");
    assert_eq!(give(&mut book, "release_domain", domain("example.org")), "");
    assert_eq!(said(&book.give(OTHER, "claim_domain", domain("example.org"))), "idp.domain_claimed");
}

#[test]
fn certificates_and_directories() {
    let mut book = described();
    let certificate = |expires_at: &str| json!({ "certificate": OFFICE.id(), "expires_at": expires_at });
    assert_eq!(give(&mut book, "rotate_certificate", certificate("2025-12-31T00:00:00Z")), "EXPIRED_ALREADY");
    assert_eq!(give(&mut book, "rotate_certificate", certificate("2027-01-01T00:00:00Z")), "idp.certificate_rotated");
    assert_eq!(give(&mut book, "rotate_certificate", certificate("2027-01-01T00:00:00Z")), "");
    let run = json!({ "created": 3, "updated": 1, "disabled": 0 });
    assert_eq!(give(&mut book, "run_directory_sync", run.clone()), "INVALID_TRANSITION");
    assert!(book.give(OFFICE, "test", json!({ "passed": true })).is_ok());
    assert!(book.give(OFFICE, "enable", json!({})).is_ok());
    assert_eq!(give(&mut book, "run_directory_sync", run), "idp.directory_synced");
}
