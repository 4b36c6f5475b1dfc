//! Scenarios of an identity provider.

use daybook_facts as facts;
use daybook_kernel::{
    Permission, Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{IdentityProvider, Status};
use crate::{Role, Session, User, built_in};

const OFFICE: Ref<IdentityProvider> = Ref::new(Uuid::from_u128(1));
const OTHER: Ref<IdentityProvider> = Ref::new(Uuid::from_u128(2));

fn configuration(name: &str) -> Json {
    json!({ "name": name, "protocol": "oidc", "endpoint": "https://id.example.org", "client": "daybook" })
}

fn give(book: &mut Scenario, command: &str, body: Json) -> String {
    said(&book.give(OFFICE, command, body))
}

fn described() -> Scenario {
    let catalogue = Published::new(facts::Permissions { all: ["import:occurred_at"].map(Permission::from).into() });
    let mut book = Scenario::new(crate::KINDS).knowing(facts::Permissions::ID.id(), catalogue);
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

const ANN: Ref<User> = Ref::new(Uuid::from_u128(3));
const DESK: Ref<Role> = Ref::new(Uuid::from_u128(4));

fn role(name: &str) -> Ref<Role> {
    Ref::new(built_in::named(name).unwrap().id)
}

fn admission(roles: &[(&str, Ref<Role>)]) -> Json {
    let roles: Vec<_> = roles.iter().map(|(value, role)| json!({ "value": value, "role": role.id() })).collect();
    json!({
        "creates_accounts": true, "links_accounts": false, "second_factor": "told", "claim": "groups", "roles": roles,
    })
}

/// A provider in use, and Ann, whom the service that signs people in knows.
fn in_use(roles: &[(&str, Ref<Role>)]) -> Scenario {
    let mut book = described();
    book.by_service("setup");
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert_eq!(give(&mut book, "set_admission", admission(roles)), "idp.admission_set");
    assert!(book.give(OFFICE, "test", json!({ "passed": true })).is_ok());
    assert!(book.give(OFFICE, "enable", json!({})).is_ok());
    book.by_service("sign-in");
    book
}

fn sign_in(book: &mut Scenario, n: u128, values: &[&str]) -> String {
    let session: Ref<Session> = Ref::new(Uuid::from_u128(0x100 + n));
    let said_of_her = json!({
        "user": ANN.id(), "method": "oidc", "amr": ["fed"], "provider": OFFICE.id(), "values": values,
    });
    said(&book.give(session, "login", said_of_her))
}

fn held(book: &Scenario) -> Vec<Ref<Role>> {
    book.state(ANN).unwrap().roles.iter().map(|holding| holding.role).collect()
}

#[test]
fn roles_come_with_a_sign_in_and_go_with_the_next() {
    let mut book = in_use(&[("agents", role("Agent")), ("bosses", role("IT Manager"))]);
    assert_eq!(sign_in(&mut book, 1, &["agents", "unknown"]), "user.logged_in role.assigned");
    assert_eq!(sign_in(&mut book, 2, &["agents"]), "user.logged_in");
    assert_eq!(held(&book), [role("Agent")]);
    let viewer = json!({ "role": role("Viewer").id() });
    assert!(book.give(ANN, "assign_role", viewer).is_ok());
    assert_eq!(sign_in(&mut book, 3, &["bosses"]), "user.logged_in role.revoked role.assigned");
    assert_eq!(held(&book), [role("Viewer"), role("IT Manager")], "what the mapping does not name stays");
    assert_eq!(sign_in(&mut book, 4, &[]), "user.logged_in role.revoked");
    let session = book.state(Ref::<Session>::new(Uuid::from_u128(0x104))).unwrap();
    assert_eq!(session.provider, Some(OFFICE));
}

#[test]
fn a_role_that_cannot_be_held_keeps_nobody_out() {
    let mut book = in_use(&[]);
    book.by_service("setup");
    let dating = json!({ "name": "Dating", "permissions": ["import:occurred_at"], "scope": "global" });
    assert_eq!(said(&book.give(DESK, "create", dating)), "role.created");
    assert_eq!(give(&mut book, "set_admission", admission(&[("x", DESK), ("x", role("Admin"))])), "idp.admission_set");
    book.by_service("sign-in");
    assert_eq!(sign_in(&mut book, 1, &["x"]), "user.logged_in role.assigned", "the two are kept apart");
    assert_eq!(held(&book), [DESK]);
    assert_eq!(sign_in(&mut book, 2, &[]), "user.logged_in role.revoked");
    assert!(book.give(DESK, "retire", json!({})).is_ok());
    assert_eq!(sign_in(&mut book, 3, &["x"]), "user.logged_in role.assigned");
    assert_eq!(held(&book), [role("Admin")], "the other is out of use");
}

#[test]
fn nobody_declares_a_mapping_to_what_they_may_not_pass_on() {
    let mut book = in_use(&[]);
    for all in [built_in::ORGANIZATION_ADMIN, built_in::SUPER_ADMIN] {
        assert_eq!(give(&mut book, "set_admission", admission(&[("x", all)])), "NOT_FOR_GROUPS");
    }
    assert_eq!(give(&mut book, "set_admission", admission(&[("x", role("Policy"))])), "NOT_FOR_USERS");
    assert_eq!(give(&mut book, "set_admission", admission(&[("x", DESK)])), "UNKNOWN_ROLE");
    book.by(ANN.id());
    assert_eq!(give(&mut book, "set_admission", admission(&[("x", role("Admin"))])), "NOT_GRANTABLE");
    assert_eq!(give(&mut book, "set_admission", admission(&[])), "", "it is so already");
}

#[test]
fn only_a_provider_in_use_vouches_and_only_in_its_way() {
    let mut book = in_use(&[]);
    let session: Ref<Session> = Ref::new(Uuid::from_u128(0x200));
    let login = |book: &mut Scenario, method: &str, provider: Option<Ref<IdentityProvider>>| {
        let provider = provider.map(|provider| provider.id());
        let body = json!({ "user": ANN.id(), "method": method, "amr": ["fed"], "provider": provider });
        said(&book.give(session, "login", body))
    };
    for (method, provider) in [
        ("oidc", None),
        ("oidc", Some(OTHER)),
        ("saml", Some(OFFICE)),
        ("ldap", None),
        ("password", Some(OFFICE)),
        ("webauthn", Some(OFFICE)),
    ] {
        assert_eq!(login(&mut book, method, provider), "PROVIDER_NOT_IN_USE", "{method}");
    }
    assert!(book.give(OFFICE, "disable", json!({})).is_ok());
    assert_eq!(login(&mut book, "oidc", Some(OFFICE)), "PROVIDER_NOT_IN_USE");
    assert!(book.give(OFFICE, "enable", json!({})).is_ok());
    assert_eq!(login(&mut book, "oidc", Some(OFFICE)), "user.logged_in");
}
