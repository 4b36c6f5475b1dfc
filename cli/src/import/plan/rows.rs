//! Rows of a log, for scenarios.

use super::*;

/// A plain row, New with Group 70, changed as said.
pub fn row(change: impl FnOnce(&mut Row)) -> Row {
    let mut row = Row {
        place: 1,
        number: "INC0000045".into(),
        state: State::New,
        reassignments: 0,
        reopenings: 0,
        caller: Some("Caller 7".into()),
        opened_by: None,
        opened_at: Some("2016-02-29T01:16:00Z".into()),
        updated_at: Some("2016-02-29T01:23:00Z".into()),
        channel: Some("Phone".into()),
        location: Some("Location 143".into()),
        category: Some("Category 55".into()),
        subcategory: Some("Subcategory 170".into()),
        symptom: Some("Symptom 72".into()),
        ci: None,
        impact: 2,
        urgency: 2,
        priority: 3,
        group: Some("Group 70".into()),
        assignee: None,
        resolution: Some("code 5".into()),
        resolved_by: Some("Resolved by 149".into()),
        resolved_at: None,
        problem: None,
        change: None,
        caused_by: None,
    };
    change(&mut row);
    row
}
