//! Scenarios of work: given away, in pieces, watched and linked.

use super::*;

#[test]
fn the_assignee_is_an_active_member_of_the_group() {
    let mut book = reported();
    for (to, code) in [
        (json!({}), "NOBODY_NAMED"),
        (json!({ "group": SERVER }), "UNKNOWN_GROUP"),
        (json!({ "group": DESK, "assignee": CALLER }), "NOT_A_MEMBER"),
        (json!({ "group": DESK, "assignee": GONE }), "INACTIVE_USER"),
        (json!({ "group": DESK }), "incident.assigned"),
        (json!({ "assignee": CALLER }), "NOT_A_MEMBER"),
        (json!({ "assignee": AGENT }), "incident.assigned"),
        (json!({ "assignee": AGENT }), ""),
    ] {
        assert_eq!(said(&book.give(INC, "assign", to.clone())), code, "{to}");
    }
}

#[test]
fn what_is_taken_from_somebody_is_left_to_whoever_has_it_by_now() {
    let mut book = assigned();
    let from = |user: Uuid| json!({ "group": DESK, "instead_of": user });
    assert_eq!(said(&book.give(INC, "assign", from(CALLER))), "");
    assert_eq!(book.state(INC).unwrap().assignee, Some(Ref::new(AGENT)));
    assert_eq!(said(&book.give(INC, "assign", from(AGENT))), "incident.assigned");
    assert_eq!(book.state(INC).unwrap().assignee, None);
    assert_eq!(said(&book.give(INC, "assign", from(AGENT))), "");
}

#[test]
fn each_other_group_after_the_first_counts() {
    let mut book = assigned();
    let count = |book: &Scenario| book.state(INC).unwrap().reassignment_count;
    assert_eq!(count(&book), 0);
    assert!(book.give(INC, "assign", json!({ "group": DESK })).is_ok());
    assert_eq!((count(&book), book.state(INC).unwrap().assignee), (0, None));
    assert!(book.give(INC, "start", json!({})).is_ok());
    assert!(book.give(INC, "hold", json!({ "reason": "vendor" })).is_ok());
    assert!(book.give(INC, "assign", json!({ "group": NETWORK })).is_ok());
    let incident = book.state(INC).unwrap();
    assert_eq!((incident.reassignment_count, incident.status, &incident.hold), (1, Status::Assigned, &None));
}

#[test]
fn open_tasks_are_in_the_way_of_a_resolution() {
    let mut book = assigned();
    assert_eq!(said(&book.give(INC, "add_task", json!({ "title": "Look at the log" }))), "incident.task_added");
    assert_eq!(said(&book.give(INC, "add_task", json!({ "title": "Call", "assignee": GONE }))), "INACTIVE_USER");
    assert_eq!(said(&book.give(INC, "resolve", resolution())), "OPEN_TASKS");
    let task = json!({ "task": book.state(INC).unwrap().tasks[0].id });
    assert_eq!(said(&book.give(INC, "complete_task", task.clone())), "incident.task_completed");
    assert_eq!(said(&book.give(INC, "complete_task", task.clone())), "");
    assert_eq!(said(&book.give(INC, "cancel_task", task)), "TASK_ENDED");
    assert_eq!(said(&book.give(INC, "cancel_task", json!({ "task": DESK }))), "UNKNOWN_TASK");
    assert_eq!(said(&book.give(INC, "resolve", resolution())), "incident.resolved");
}

#[test]
fn who_names_nobody_watches() {
    let mut book = resolved();
    assert_eq!(said(&book.give(INC, "watch", json!({}))), "incident.watched");
    assert!(book.state(INC).unwrap().watchers.contains(&Ref::new(AGENT)));
    assert_eq!(said(&book.give(INC, "watch", json!({ "user": AGENT }))), "");
    assert_eq!(said(&book.give(INC, "watch", json!({ "user": GONE }))), "INACTIVE_USER");
    assert_eq!(said(&book.give(INC, "unwatch", json!({}))), "incident.unwatched");
    assert_eq!(said(&book.give(INC, "unwatch", json!({}))), "");
}

#[test]
fn links_lead_to_what_there_is() {
    let mut book = reported();
    let other = Ref::<Incident>::new(DESK);
    assert!(book.give(other, "report", report()).is_ok());
    let link = |target: Uuid| json!({ "target_type": "incident.Incident", "target": target, "relation": "caused_by" });
    assert_eq!(said(&book.give(INC, "link", link(INC.id()))), "LINK_TO_ITSELF");
    assert_eq!(said(&book.give(INC, "link", link(SERVER))), "UNKNOWN_TARGET");
    assert_eq!(said(&book.give(INC, "link", link(DESK))), "incident.linked");
    assert_eq!(said(&book.give(INC, "link", link(DESK))), "");
    assert_eq!(said(&book.give(INC, "unlink", link(DESK))), "incident.unlinked");
    assert_eq!(said(&book.give(INC, "link_ci", json!({ "ci": DESK }))), "UNKNOWN_CI");
    assert_eq!(said(&book.give(INC, "link_ci", json!({ "ci": SERVER }))), "incident.ci_linked");
    assert_eq!(said(&book.give(INC, "unlink_ci", json!({ "ci": SERVER }))), "incident.ci_unlinked");
}

#[test]
fn an_escalation_leaves_the_work_where_it_is() {
    let mut book = assigned();
    let up = json!({ "level": 2, "kind": "hierarchical", "reason": "third day" });
    assert_eq!(said(&book.give(INC, "escalate", up)), "incident.escalated");
    let incident = book.state(INC).unwrap();
    assert_eq!((incident.status, incident.escalation.unwrap().get()), (Status::Assigned, 2));
}
