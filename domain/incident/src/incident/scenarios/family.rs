//! Scenarios of parents and children.

use super::*;

fn incident(n: u128) -> Ref<Incident> {
    Ref::new(Uuid::from_u128(0x100 + n))
}

/// Incidents 0 to `count`, each the child of the one before.
fn line(count: u128) -> Scenario {
    let mut book = book();
    for n in 0..count {
        assert!(book.give(incident(n), "report", report()).is_ok());
        if n > 0 {
            let parent = json!({ "parent": incident(n - 1).id() });
            assert_eq!(said(&book.give(incident(n), "set_parent", parent)), "incident.parent_set");
        }
    }
    book
}

#[test]
fn nobody_is_an_own_ancestor() {
    let mut book = line(4);
    for (child, parent, outcome) in [
        (0, 0, "OWN_ANCESTOR"),
        (0, 3, "OWN_ANCESTOR"),
        (1, 3, "OWN_ANCESTOR"),
        (3, 2, ""),
        (3, 1, "incident.parent_set"),
        (2, 3, "incident.parent_set"),
    ] {
        let parent = json!({ "parent": incident(parent).id() });
        assert_eq!(said(&book.give(incident(child), "set_parent", parent)), outcome);
    }
    assert_eq!(said(&book.give(incident(1), "set_parent", json!({ "parent": DESK }))), "UNKNOWN_INCIDENT");
    assert_eq!(said(&book.give(incident(1), "unset_parent", json!({}))), "incident.parent_unset");
    assert_eq!(said(&book.give(incident(1), "unset_parent", json!({}))), "");
}

#[test]
fn children_are_resolved_with_their_parent() {
    let mut book = line(4);
    assert!(book.give(incident(3), "cancel", reason()).is_ok());
    assert!(book.give(incident(0), "assign", json!({ "group": DESK })).is_ok());
    let outcome = book.give(incident(0), "resolve", resolution());
    assert_eq!(said(&outcome), "incident.resolved incident.resolved incident.resolved");
    let grandchild = book.state(incident(2)).unwrap();
    assert_eq!(grandchild.status, Status::Resolved);
    assert_eq!(grandchild.resolution.as_ref().unwrap().with, Some(incident(0)));
    assert_eq!(book.state(incident(3)).unwrap().status, Status::Cancelled);
    assert!(book.give(INC, "report", report()).is_ok());
    assert_eq!(said(&book.give(INC, "set_parent", json!({ "parent": incident(0).id() }))), "PARENT_NOT_OPEN");
}

#[test]
fn a_child_with_open_tasks_holds_its_parent_back() {
    let mut book = line(2);
    assert!(book.give(incident(1), "add_task", json!({ "title": "Look" })).is_ok());
    assert!(book.give(incident(0), "assign", json!({ "group": DESK })).is_ok());
    let rejection = book.give(incident(0), "resolve", resolution()).unwrap_err();
    assert_eq!((rejection.code, rejection.message.as_str()), ("OPEN_TASKS", "its child INC0000002 has open tasks"));
    assert_eq!(book.state(incident(0)).unwrap().status, Status::Assigned);
}

#[test]
fn a_family_fits_into_one_entry() {
    let mut book = book();
    assert!(book.give(incident(0), "report", report()).is_ok());
    let parent = json!({ "parent": incident(0).id() });
    for n in 1..500 {
        assert!(book.give(incident(n), "report", report()).is_ok());
        assert!(book.give(incident(n), "set_parent", parent.clone()).is_ok());
    }
    assert!(book.give(incident(500), "report", report()).is_ok());
    assert_eq!(said(&book.give(incident(500), "set_parent", parent)), "FAMILY_TOO_LARGE");
    assert!(book.give(incident(0), "assign", json!({ "group": DESK })).is_ok());
    assert_eq!(book.give(incident(0), "resolve", resolution()).unwrap().len(), 500);
}
