//! Scenarios of the roles that a user holds.

use daybook_facts as facts;
use daybook_kernel::{Permission, Published};

use super::*;
use crate::{
    Group, Role,
    built_in::{self, ORGANIZATION_ADMIN, SUPER_ADMIN},
};

const NURSES: Ref<Role> = Ref::new(Uuid::from_u128(0xa1));
const DATING: Ref<Role> = Ref::new(Uuid::from_u128(0xa2));
const GRANTING: Ref<Role> = Ref::new(Uuid::from_u128(0xa3));
const WARD: Ref<Group> = Ref::new(Uuid::from_u128(0x6a));

/// A book with two people, of whom Ann runs the organisation and acts.
fn book() -> Scenario {
    let all = ["incident:read", "import:occurred_at", "user:assign_role", "role:create"].map(Permission::from).into();
    let catalogue = Published::new(facts::Permissions { all });
    let mut book = Scenario::new(crate::KINDS).knowing(facts::Permissions::ID.id(), catalogue);
    assert!(book.give(ANN, "register", person("Ann")).is_ok());
    assert!(book.give(BEN, "register", person("Ben")).is_ok());
    assert_eq!(assign(&mut book, ANN, ORGANIZATION_ADMIN), "role.assigned", "the first comes from outside");
    book.by(ANN.id());
    book
}

fn assign(book: &mut Scenario, user: Ref<User>, role: Ref<Role>) -> String {
    said(&book.give(user, "assign_role", json!({ "role": role.id() })))
}

fn revoke(book: &mut Scenario, user: Ref<User>, role: Ref<Role>) -> String {
    said(&book.give(user, "revoke_role", json!({ "role": role.id() })))
}

fn role(name: &str) -> Ref<Role> {
    Ref::new(built_in::named(name).unwrap().id)
}

fn own_role(book: &mut Scenario, id: Ref<Role>, name: &str, permissions: &[&str]) -> String {
    said(&book.give(id, "create", json!({ "name": name, "scope": "org", "permissions": permissions })))
}

#[test]
fn a_role_is_assigned_once_and_taken_away_once() {
    let mut book = book();
    assert_eq!(assign(&mut book, BEN, role("Agent")), "role.assigned");
    assert_eq!(assign(&mut book, BEN, role("Agent")), "");
    assert_eq!(revoke(&mut book, BEN, role("Agent")), "role.revoked");
    assert_eq!(revoke(&mut book, BEN, role("Agent")), "");
    assert_eq!(assign(&mut book, BEN, NURSES), "UNKNOWN_ROLE");
    assert_eq!(own_role(&mut book, NURSES, "Nurses", &["incident:read"]), "role.created");
    assert_eq!(said(&book.give(NURSES, "retire", json!({}))), "role.retired");
    assert_eq!(assign(&mut book, BEN, NURSES), "RETIRED_ROLE");
}

#[test]
fn nobody_passes_on_what_they_may_not_do() {
    let mut book = book();
    assert_eq!(assign(&mut book, BEN, role("Agent")), "role.assigned");
    book.by(BEN.id());
    assert_eq!(assign(&mut book, BEN, role("Administrator")), "NOT_GRANTABLE", "not even to oneself");
    assert_eq!(assign(&mut book, ANN, role("End User")), "role.assigned", "an agent may do all of that");
    assert_eq!(own_role(&mut book, GRANTING, "Granting", &["user:assign_role"]), "NOT_GRANTABLE");
    let invitation = json!({
        "email": "eve@example.org", "name": "Eve", "roles": [{ "role": role("Administrator").id() }],
    });
    let eve = Ref::<User>::new(Uuid::from_u128(9));
    assert_eq!(said(&book.give(eve, "invite", invitation)), "NOT_GRANTABLE");
    book.by(Uuid::from_u128(0xff));
    assert_eq!(assign(&mut book, BEN, role("Viewer")), "NOT_GRANTABLE", "who has no account here holds nothing");
}

#[test]
fn what_ran_out_is_passed_on_no_longer() {
    let mut book = book();
    let until = json!({ "role": role("Administrator").id(), "expires_at": "2026-01-02T00:00:00Z" });
    assert_eq!(said(&book.give(BEN, "assign_role", until.clone())), "role.assigned");
    book.by(BEN.id());
    assert_eq!(assign(&mut book, ANN, role("Agent")), "role.assigned");
    book.after(24 * 3_600);
    assert_eq!(assign(&mut book, ANN, role("Viewer")), "NOT_GRANTABLE");
    book.by(ANN.id());
    assert_eq!(said(&book.give(BEN, "assign_role", until)), "", "it is held as it was given");
    let past = json!({ "role": role("Agent").id(), "expires_at": "2026-01-01T12:00:00Z" });
    assert_eq!(said(&book.give(BEN, "assign_role", past)), "EXPIRED_ALREADY");
}

#[test]
fn roles_of_the_platform_and_of_services_are_not_for_users_of_a_tenant() {
    let mut book = book();
    assert_eq!(assign(&mut book, BEN, SUPER_ADMIN), "PLATFORM_ONLY");
    assert_eq!(assign(&mut book, BEN, role("Importer")), "NOT_FOR_USERS");
}

#[test]
fn the_last_admin_stays() {
    let mut book = book();
    let why = json!({ "reason": "An inquiry" });
    let until = json!({ "role": ORGANIZATION_ADMIN.id(), "expires_at": "2026-06-01T00:00:00Z" });
    assert_eq!(revoke(&mut book, ANN, ORGANIZATION_ADMIN), "LAST_ADMIN");
    assert_eq!(said(&book.give(BEN, "assign_role", until.clone())), "role.assigned");
    assert_eq!(said(&book.give(ANN, "deactivate", json!({}))), "LAST_ADMIN", "the other one is so for a while only");
    assert_eq!(said(&book.give(ANN, "suspend", why.clone())), "LAST_ADMIN");
    assert_eq!(said(&book.give(ANN, "assign_role", until)), "LAST_ADMIN");
    assert_eq!(assign(&mut book, BEN, ORGANIZATION_ADMIN), "role.assigned");
    assert_eq!(said(&book.give(ANN, "suspend", why)), "user.suspended");
    assert_eq!(said(&book.give(BEN, "deactivate", json!({}))), "LAST_ADMIN", "who is suspended runs nothing");
}

#[test]
fn a_user_of_a_domain_holds_its_roles_and_global_ones() {
    let mut book = book();
    let eve = Ref::<User>::new(Uuid::from_u128(9));
    let registration = json!({ "email": "eve@example.org", "name": "Eve", "domain": "healthcare" });
    assert!(book.give(eve, "register", registration).is_ok());
    let mut n = 0xb0;
    let mut create = |book: &mut Scenario, scope: &str, domain: Option<&str>| {
        n += 1;
        let id = Ref::<Role>::new(Uuid::from_u128(n));
        let definition = json!({ "name": format!("Role {n}"), "scope": scope, "domain": domain, "permissions": [] });
        assert_eq!(said(&book.give(id, "create", definition)), "role.created");
        id
    };
    for (scope, domain, outcome) in [
        ("global", None, "role.assigned"),
        ("domain", Some("healthcare"), "role.assigned"),
        ("domain", Some("justice"), "FOREIGN_ROLE"),
        ("org", None, "FOREIGN_ROLE"),
    ] {
        let id = create(&mut book, scope, domain);
        assert_eq!(assign(&mut book, eve, id), outcome, "{scope} {domain:?}");
        assert_eq!(assign(&mut book, BEN, id), "role.assigned", "{scope} {domain:?} for a user of no domain");
    }
    assert_eq!(assign(&mut book, eve, role("Agent")), "role.assigned", "built-in roles are global");
    let elsewhere = json!({ "role": role("Viewer").id(), "scope": "justice" });
    assert_eq!(said(&book.give(eve, "assign_role", elsewhere.clone())), "FOREIGN_SCOPE");
    assert_eq!(said(&book.give(BEN, "assign_role", elsewhere)), "role.assigned");
}

#[test]
fn duties_that_are_kept_apart_never_meet_in_one_person() {
    let mut book = book();
    // A service brings the roles in: nobody in the book holds what they carry.
    book.by_service("onboarding");
    let both = ["import:occurred_at", "user:assign_role"];
    assert_eq!(own_role(&mut book, NURSES, "Both", &both), "SEPARATION_OF_DUTIES");
    assert_eq!(own_role(&mut book, DATING, "Dating", &both[..1]), "role.created");
    assert_eq!(own_role(&mut book, GRANTING, "Granting", &both[1..]), "role.created");
    assert_eq!(assign(&mut book, BEN, DATING), "role.assigned");
    assert_eq!(assign(&mut book, BEN, GRANTING), "SEPARATION_OF_DUTIES");
    let more = json!({ "permissions": both });
    assert_eq!(said(&book.give(DATING, "update_permissions", more)), "SEPARATION_OF_DUTIES");

    // By a group, from either side.
    assert!(book.give(WARD, "create", json!({ "name": "Ward" })).is_ok());
    assert_eq!(said(&book.give(WARD, "add_role", json!({ "role": GRANTING.id() }))), "group.role_added");
    assert_eq!(said(&book.give(WARD, "add_member", json!({ "user": BEN.id() }))), "SEPARATION_OF_DUTIES");
    assert_eq!(said(&book.give(WARD, "remove_role", json!({ "role": GRANTING.id() }))), "group.role_removed");
    assert_eq!(said(&book.give(WARD, "add_member", json!({ "user": BEN.id() }))), "group.member_added");
    assert_eq!(said(&book.give(WARD, "add_role", json!({ "role": GRANTING.id() }))), "SEPARATION_OF_DUTIES");

    // By what a role comes to carry.
    assert_eq!(own_role(&mut book, NURSES, "Nurses", &["incident:read"]), "role.created");
    assert_eq!(assign(&mut book, BEN, NURSES), "role.assigned");
    let more = json!({ "permissions": ["user:assign_role"] });
    assert_eq!(said(&book.give(NURSES, "update_permissions", more)), "SEPARATION_OF_DUTIES");
    let invitation = json!({
        "email": "eve@example.org", "name": "Eve", "roles": [{ "role": DATING.id() }, { "role": GRANTING.id() }],
    });
    let eve = Ref::<User>::new(Uuid::from_u128(9));
    assert_eq!(said(&book.give(eve, "invite", invitation)), "SEPARATION_OF_DUTIES");
}
