//! Scenarios of a role.

use daybook_facts as facts;
use daybook_kernel::{
    Permission, Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Role, Status};
use crate::{Group, User};

const NURSES: Ref<Role> = Ref::new(Uuid::from_u128(1));
const CARE: Ref<Role> = Ref::new(Uuid::from_u128(2));
const ANN: Ref<User> = Ref::new(Uuid::from_u128(3));
const WARD: Ref<Group> = Ref::new(Uuid::from_u128(4));

/// A book in which a service acts: it may give whatever it says.
fn book() -> Scenario {
    let all = ["incident:read", "incident:report", "ci:read", "import:occurred_at", "user:assign_role"];
    let catalogue = Published::new(facts::Permissions { all: all.map(Permission::from).into() });
    let mut book = Scenario::new(crate::KINDS).knowing(facts::Permissions::ID.id(), catalogue);
    book.by_service("onboarding");
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert!(book.give(WARD, "create", json!({ "name": "Ward" })).is_ok());
    assert_eq!(said(&book.give(NURSES, "create", role("Nurses", &["incident:read"]))), "role.created");
    book
}

fn role(name: &str, permissions: &[&str]) -> Json {
    json!({ "name": name, "scope": "org", "permissions": permissions })
}

#[test]
fn a_name_is_taken_once_in_its_scope() {
    let mut book = book();
    assert_eq!(said(&book.give(CARE, "create", role("NURSES", &[]))), "NOT_UNIQUE");
    assert_eq!(said(&book.give(CARE, "create", role("viewer", &[]))), "NOT_UNIQUE", "a built-in one is called so");
    let of_domain = json!({ "name": "Nurses", "scope": "domain", "domain": "healthcare", "permissions": [] });
    assert_eq!(said(&book.give(CARE, "create", of_domain)), "role.created");
    assert_eq!(said(&book.give(NURSES, "rename", json!({ "name": "Agent" }))), "NOT_UNIQUE");
    assert_eq!(said(&book.give(NURSES, "rename", json!({ "name": "Nurses" }))), "");
    assert_eq!(said(&book.give(NURSES, "rename", json!({ "name": "Night nurses" }))), "role.renamed");
    for (scope, domain) in [("domain", Json::Null), ("org", "healthcare".into()), ("global", "healthcare".into())] {
        let odd = json!({ "name": "Odd", "scope": scope, "domain": domain, "permissions": [] });
        assert_eq!(said(&book.give(Ref::<Role>::new(Uuid::from_u128(9)), "create", odd)), "DOMAIN_OF_ROLE");
    }
}

#[test]
fn permissions_are_those_that_are_declared() {
    let mut book = book();
    let unheard = book.give(CARE, "create", role("Care", &["incident:unheard_of"])).unwrap_err();
    assert_eq!((unheard.code, unheard.details[0].field.as_str()), ("UNKNOWN_PERMISSION", "permissions"));
    let ill_formed = book.give(CARE, "create", role("Care", &["incident"])).unwrap_err();
    assert_eq!(ill_formed.details[0].field, "permissions[0]");
    let more = json!({ "permissions": ["ci:read", "incident:read"] });
    assert_eq!(said(&book.give(NURSES, "update_permissions", more.clone())), "role.permissions_changed");
    assert_eq!(said(&book.give(NURSES, "update_permissions", more)), "");
    let unheard = json!({ "permissions": ["incident:unheard_of"] });
    assert_eq!(said(&book.give(NURSES, "update_permissions", unheard)), "UNKNOWN_PERMISSION");
    let other = json!({ "permissions": ["incident:report"] });
    assert!(book.give(NURSES, "update_permissions", other).is_ok());
    assert_eq!(book.state(NURSES).unwrap().permissions, ["incident:report"].map(Permission::from).into());
}

#[test]
fn a_role_never_carries_what_is_kept_apart() {
    let mut book = book();
    let both = ["import:occurred_at", "user:assign_role"];
    assert_eq!(said(&book.give(CARE, "create", role("Care", &both))), "SEPARATION_OF_DUTIES");
    let more = json!({ "permissions": both });
    assert_eq!(said(&book.give(NURSES, "update_permissions", more)), "SEPARATION_OF_DUTIES", "nobody holds it yet");
}

#[test]
fn nobody_widens_a_role_beyond_their_own() {
    let mut book = book();
    book.by(ANN.id());
    let more = json!({ "permissions": ["ci:read", "incident:read"] });
    assert_eq!(said(&book.give(NURSES, "update_permissions", more)), "NOT_GRANTABLE");
    assert_eq!(
        said(&book.give(NURSES, "update_permissions", json!({ "permissions": [] }))),
        "role.permissions_changed"
    );
}

#[test]
fn a_role_that_is_held_needs_a_replacement() {
    let mut book = book();
    assert_eq!(said(&book.give(CARE, "create", role("Care", &["ci:read"]))), "role.created");
    let held = json!({ "role": NURSES.id(), "expires_at": "2027-01-01T00:00:00Z" });
    assert!(book.give(ANN, "assign_role", held).is_ok());
    assert!(book.give(WARD, "add_role", json!({ "role": NURSES.id() })).is_ok());
    assert_eq!(said(&book.give(NURSES, "retire", json!({}))), "STILL_ASSIGNED");
    assert_eq!(said(&book.give(NURSES, "retire", json!({ "replacement": NURSES.id() }))), "OWN_REPLACEMENT");
    assert_eq!(said(&book.give(NURSES, "retire", json!({ "replacement": WARD.id() }))), "UNKNOWN_ROLE");
    let outcome = book.give(NURSES, "retire", json!({ "replacement": CARE.id() }));
    assert_eq!(said(&outcome), "role.retired role.revoked role.assigned group.role_removed group.role_added");
    let ann = book.state(ANN).unwrap();
    assert!(ann.roles.len() == 1 && ann.roles[0].role == CARE && ann.roles[0].expires_at.is_some(), "{:?}", ann.roles);
    assert_eq!(book.state(NURSES).unwrap().status, Status::Retired);
    assert_eq!(said(&book.give(NURSES, "rename", json!({ "name": "Others" }))), "INVALID_TRANSITION");
    assert_eq!(said(&book.give(Ref::<Role>::new(Uuid::from_u128(9)), "create", role("Nurses", &[]))), "role.created");
}

#[test]
fn a_replacement_fits_whoever_is_given_it() {
    let mut book = book();
    let ben = Ref::<User>::new(Uuid::from_u128(5));
    let registration = json!({ "email": "ben@example.org", "name": "Ben", "domain": "healthcare" });
    assert!(book.give(ben, "register", registration).is_ok());
    let global = json!({ "name": "Everywhere", "scope": "global", "permissions": ["import:occurred_at"] });
    assert!(book.give(CARE, "create", global).is_ok());
    let granting = Ref::<Role>::new(Uuid::from_u128(9));
    assert!(book.give(granting, "create", role("Granting", &["user:assign_role"])).is_ok());
    assert!(book.give(ben, "assign_role", json!({ "role": CARE.id() })).is_ok());
    assert_eq!(said(&book.give(CARE, "retire", json!({ "replacement": NURSES.id() }))), "FOREIGN_ROLE");
    assert!(book.give(ANN, "assign_role", json!({ "role": granting.id() })).is_ok());
    assert!(book.give(ANN, "assign_role", json!({ "role": NURSES.id() })).is_ok());
    assert_eq!(said(&book.give(NURSES, "retire", json!({ "replacement": CARE.id() }))), "SEPARATION_OF_DUTIES");
}
