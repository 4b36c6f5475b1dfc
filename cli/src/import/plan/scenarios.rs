//! What is planned for which row.

use super::rows::row;
use super::*;
use crate::import::incident::Hold;

/// Every name is known; its id follows from it.
struct Everyone;

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

impl Names for Everyone {
    fn user(&self, name: &str) -> Option<Uuid> {
        Some(id(name))
    }

    fn group(&self, name: &str) -> Option<Uuid> {
        Some(id(name))
    }

    fn ci(&self, name: &str) -> Option<Uuid> {
        Some(id(name))
    }
}

/// The incident that a row left behind, standing as said.
fn standing(row: &Row, status: Status) -> Incident {
    Incident {
        status,
        hold: (status == Status::Pending).then_some(Hold { reason: Reason::Caller }),
        short_description: short_description(row),
        impact: row.impact,
        urgency: row.urgency,
        category: row.category.clone(),
        subcategory: row.subcategory.clone(),
        location: row.location.clone(),
        group: Everyone.group(row.group.as_deref().unwrap_or(UNNAMED_GROUP)),
        assignee: row.assignee.as_deref().map(id),
        watchers: Vec::new(),
        reassignment_count: row.reassignments,
        reopen_count: row.reopenings,
    }
}

/// The commands from a state of the log to the next, an inserted one in brackets.
fn commands(before: State, at: Status, change: impl FnOnce(&mut Row)) -> String {
    let previous = row(|row| row.state = before);
    let mut next = previous.clone();
    change(&mut next);
    told(&plan(Some(&previous), &next, Some(&standing(&previous, at)), &Everyone))
}

fn told(steps: &[Step]) -> String {
    let told: Vec<_> = steps
        .iter()
        .map(|step| if step.inserted { format!("[{}]", step.command) } else { step.command.to_owned() })
        .collect();
    told.join(" ")
}

#[test]
fn the_first_row_reports_and_gives_to_the_group() {
    let first = row(|row| row.opened_by = Some("Opened by 8".into()));
    let steps = plan(None, &first, None, &Everyone);
    assert_eq!(told(&steps), "report watch assign");
    assert_eq!(steps[0].body["external_number"], "INC0000045");
    assert_eq!(steps[0].body["short_description"], "Symptom 72, Category 55, Subcategory 170");
    assert_eq!(steps[1].body["user"], json!(id("Opened by 8")));
    assert_eq!(steps[2].body, json!({ "group": id("Group 70") }));
}

#[test]
fn a_first_row_may_stand_anywhere_in_the_life() {
    let first = |state| told(&plan(None, &row(|row| row.state = state), None, &Everyone));
    assert_eq!(first(State::Active), "report assign start");
    assert_eq!(first(State::AwaitingProblem), "report assign [start] hold");
    assert_eq!(first(State::Resolved), "report assign resolve");
    assert_eq!(first(State::Closed), "report assign [resolve] close");
}

#[test]
fn a_row_that_changes_nothing_commands_nothing() {
    assert_eq!(commands(State::New, Status::Assigned, |_| {}), "");
    assert_eq!(commands(State::AwaitingUserInfo, Status::Pending, |_| {}), "");
    assert_eq!(commands(State::Closed, Status::Closed, |_| {}), "");
}

#[test]
fn what_the_log_skips_is_inserted() {
    assert_eq!(commands(State::New, Status::Assigned, |row| row.state = State::Active), "start");
    assert_eq!(commands(State::New, Status::Assigned, |row| row.state = State::AwaitingVendor), "[start] hold");
    assert_eq!(
        commands(State::AwaitingUserInfo, Status::Pending, |row| row.state = State::Resolved),
        "[resume] resolve"
    );
    assert_eq!(commands(State::AwaitingUserInfo, Status::Pending, |row| row.state = State::AwaitingVendor), "hold");
    assert_eq!(commands(State::Resolved, Status::Resolved, |row| row.state = State::Active), "reopen");
    assert_eq!(commands(State::Active, Status::InProgress, |row| row.state = State::Closed), "[resolve] close");
}

#[test]
fn work_that_changes_hands_goes_on_where_it_was() {
    let other = |row: &mut Row| row.group = Some("Group 24".into());
    assert_eq!(commands(State::New, Status::Assigned, other), "assign");
    assert_eq!(commands(State::Active, Status::InProgress, other), "assign [start]");
    assert_eq!(commands(State::AwaitingUserInfo, Status::Pending, other), "assign [start] [hold]");
    let and_active = |row: &mut Row| (row.group, row.state) = (Some("Group 24".into()), State::Active);
    assert_eq!(commands(State::AwaitingUserInfo, Status::Pending, and_active), "assign start");
    assert_eq!(commands(State::Resolved, Status::Resolved, and_active), "reopen assign [start]");
}

#[test]
fn a_group_the_log_leaves_out_is_one_of_its_own() {
    let previous = row(|_| {});
    let next = row(|row| row.group = None);
    let steps = plan(Some(&previous), &next, Some(&standing(&previous, Status::Assigned)), &Everyone);
    assert_eq!(steps[0].body, json!({ "group": id(UNNAMED_GROUP) }));
}

#[test]
fn what_could_not_be_reopened_is_not_tried_in_every_row() {
    assert_eq!(commands(State::Active, Status::Resolved, |_| {}), "");
    assert_eq!(commands(State::Active, Status::Resolved, |row| row.state = State::AwaitingUserInfo), "");
    assert_eq!(commands(State::Active, Status::Resolved, |row| row.state = State::Closed), "close");
}

#[test]
fn resolved_work_that_changes_hands_is_tried_once() {
    let other = |row: &mut Row| row.group = Some("Group 24".into());
    assert_eq!(commands(State::Resolved, Status::Resolved, other), "assign");
    let previous = row(|row| (row.group, row.state) = (Some("Group 24".into()), State::Resolved));
    let closed = Row { state: State::Closed, ..previous.clone() };
    let refused = standing(&row(|_| {}), Status::Resolved);
    assert_eq!(told(&plan(Some(&previous), &closed, Some(&refused), &Everyone)), "close");
}

#[test]
fn what_is_said_otherwise_is_said_and_a_question_mark_says_nothing() {
    let told = |change: fn(&mut Row)| commands(State::Active, Status::InProgress, change);
    assert_eq!(told(|row| row.category = Some("Category 9".into())), "describe categorise");
    assert_eq!(told(|row| row.urgency = 1), "set_priority");
    assert_eq!(told(|row| row.location = None), "");
    assert_eq!(told(|row| row.problem = Some("Problem ID 2".into())), "add_comment");
    assert_eq!(told(|row| (row.urgency, row.state) = (1, State::Resolved)), "set_priority resolve");
}

#[test]
fn a_difference_is_named() {
    let row = row(|row| (row.state, row.reassignments) = (State::Active, 2));
    let mut incident = standing(&row, Status::InProgress);
    assert!(incident.differences(&row).is_empty());
    incident.reassignment_count = 1;
    incident.reopen_count = 1;
    incident.status = Status::Pending;
    assert_eq!(
        incident.differences(&row),
        ["state Pending, in the log Active", "reassignments 1, in the log 2", "reopenings 1, in the log 0"]
    );
}
