//! Scenarios of a group.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::json;
use uuid::Uuid;

use super::{Group, Status};
use crate::{Role, User, built_in};

const DESK: Ref<Group> = Ref::new(Uuid::from_u128(1));
const NETWORK: Ref<Group> = Ref::new(Uuid::from_u128(2));
const ANN: Ref<User> = Ref::new(Uuid::from_u128(3));

fn book() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert_eq!(said(&book.give(DESK, "create", json!({ "name": "Service Desk" }))), "group.created");
    book
}

#[test]
fn a_name_is_taken_once_in_any_case() {
    let mut book = book();
    let rejection = book.give(NETWORK, "create", json!({ "name": "SERVICE desk" })).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].field.as_str()), ("NOT_UNIQUE", "name"));
    assert!(book.give(DESK, "rename", json!({ "name": "Front Desk" })).is_ok());
    assert!(book.give(NETWORK, "create", json!({ "name": "Service Desk" })).is_ok());
    assert_eq!(said(&book.give(NETWORK, "rename", json!({ "name": "front desk" }))), "NOT_UNIQUE");
}

#[test]
fn only_an_active_user_becomes_a_member() {
    let mut book = book();
    let ann = json!({ "user": ANN.id() });
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "UNKNOWN_USER");
    assert!(book.give(ANN, "reactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "group.member_added");
    assert_eq!(said(&book.give(DESK, "add_member", ann.clone())), "");
    assert_eq!(said(&book.give(DESK, "remove_member", ann.clone())), "group.member_removed");
    assert_eq!(said(&book.give(DESK, "remove_member", ann)), "");
}

#[test]
fn a_retired_group_takes_nobody() {
    let mut book = book();
    assert!(book.give(DESK, "retire", json!({})).is_ok());
    assert_eq!(book.state(DESK).unwrap().status, Status::Retired);
    assert_eq!(said(&book.give(DESK, "add_member", json!({ "user": ANN.id() }))), "INVALID_TRANSITION");
}

fn group(n: u128) -> Ref<Group> {
    Ref::new(Uuid::from_u128(0x100 + n))
}

fn role(name: &str) -> Ref<Role> {
    Ref::new(built_in::named(name).unwrap().id)
}

/// Groups 0 to `count`, each within the one before.
fn line(count: u128) -> Scenario {
    let mut book = book();
    for n in 0..count {
        assert!(book.give(group(n), "create", json!({ "name": format!("Group {n}") })).is_ok());
        if n > 0 {
            assert_eq!(within(&mut book, n, n - 1), "group.parent_set");
        }
    }
    book
}

fn within(book: &mut Scenario, inner: u128, outer: u128) -> String {
    said(&book.give(group(inner), "set_parent", json!({ "parent": group(outer).id() })))
}

#[test]
fn groups_stand_within_each_other_without_circles() {
    let mut book = line(4);
    assert_eq!(within(&mut book, 0, 0), "OWN_ANCESTOR");
    assert_eq!(within(&mut book, 0, 3), "OWN_ANCESTOR");
    assert_eq!(within(&mut book, 3, 2), "");
    assert_eq!(within(&mut book, 3, 0), "group.parent_set");
    assert_eq!(said(&book.give(group(3), "unset_parent", json!({}))), "group.parent_unset");
    assert_eq!(said(&book.give(group(3), "unset_parent", json!({}))), "");
    assert_eq!(within(&mut book, 3, 9), "UNKNOWN_GROUP");
    assert!(book.give(group(2), "retire", json!({})).is_ok());
    assert_eq!(within(&mut book, 3, 2), "UNKNOWN_GROUP", "it is out of use");
}

#[test]
fn groups_stand_five_deep() {
    let mut book = line(5);
    let desk = json!({ "parent": group(4).id() });
    assert_eq!(said(&book.give(DESK, "set_parent", desk)), "TOO_DEEP");
    assert_eq!(said(&book.give(group(0), "set_parent", json!({ "parent": DESK.id() }))), "TOO_DEEP");
    assert_eq!(said(&book.give(DESK, "set_parent", json!({ "parent": group(3).id() }))), "group.parent_set");
}

#[test]
fn members_hold_the_roles_of_every_group_around_them() {
    let mut book = line(3);
    book.by_service("onboarding");
    let held = json!({ "role": role("Agent").id() });
    assert_eq!(said(&book.give(group(0), "add_role", held.clone())), "group.role_added");
    assert_eq!(said(&book.give(group(0), "add_role", held.clone())), "");
    assert_eq!(said(&book.give(group(2), "add_member", json!({ "user": ANN.id() }))), "group.member_added");
    book.by(ANN.id());
    let ben = Ref::<User>::new(Uuid::from_u128(5));
    assert!(book.give(ben, "register", json!({ "email": "ben@example.org", "name": "Ben" })).is_ok());
    let agent = json!({ "role": role("Agent").id() });
    assert_eq!(said(&book.give(ben, "assign_role", agent.clone())), "role.assigned", "Ann is an agent by her group");
    assert_eq!(said(&book.give(group(1), "unset_parent", json!({}))), "group.parent_unset");
    assert_eq!(said(&book.give(ben, "revoke_role", agent.clone())), "role.revoked");
    assert_eq!(said(&book.give(ben, "assign_role", agent)), "NOT_GRANTABLE", "and is no more");
    assert_eq!(said(&book.give(group(0), "remove_role", held.clone())), "group.role_removed");
    assert_eq!(said(&book.give(group(0), "remove_role", held)), "");
}

#[test]
fn nobody_hands_out_by_a_group_what_they_may_not_do() {
    let mut book = line(2);
    book.by_service("onboarding");
    let held = json!({ "role": role("Agent").id() });
    assert!(book.give(group(0), "add_role", held.clone()).is_ok());
    book.by(ANN.id());
    let ann = json!({ "user": ANN.id() });
    assert_eq!(said(&book.give(group(1), "add_member", ann.clone())), "NOT_GRANTABLE", "the group around has a role");
    assert_eq!(said(&book.give(DESK, "add_member", ann)), "group.member_added");
    assert_eq!(said(&book.give(DESK, "set_parent", json!({ "parent": group(0).id() }))), "NOT_GRANTABLE");
    assert_eq!(said(&book.give(DESK, "add_role", held)), "NOT_GRANTABLE");
    for name in ["Organization Admin", "Importer"] {
        let outcome = said(&book.give(DESK, "add_role", json!({ "role": role(name).id() })));
        assert!(["NOT_FOR_GROUPS", "NOT_FOR_USERS"].contains(&outcome.as_str()), "{name}: {outcome}");
    }
}

#[test]
fn a_retired_group_gives_its_members_nothing() {
    let mut book = line(1);
    book.by_service("onboarding");
    assert!(book.give(group(0), "add_role", json!({ "role": role("Agent").id() })).is_ok());
    assert!(book.give(group(0), "add_member", json!({ "user": ANN.id() })).is_ok());
    assert!(book.give(group(0), "retire", json!({})).is_ok());
    book.by(ANN.id());
    let end_user = json!({ "role": role("End User").id() });
    assert_eq!(said(&book.give(ANN, "assign_role", end_user)), "NOT_GRANTABLE");
}
