//! An incident as it stands in Daybook, as far as an import must know it to plan the next commands and to compare.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::log::{Row, State};

/// An incident, read from the query API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Where it stands.
    pub status: Status,
    /// What it waits for, while it is on hold.
    pub hold: Option<Hold>,
    /// What went wrong, in one line.
    pub short_description: String,
    /// How many suffer.
    pub impact: u8,
    /// How soon it hurts.
    pub urgency: u8,
    /// What kind of thing went wrong.
    pub category: Option<String>,
    /// More exactly what kind.
    pub subcategory: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// The group that has the work.
    pub group: Option<Uuid>,
    /// The member of the group that has it.
    pub assignee: Option<Uuid>,
    /// Who wants to hear of it.
    #[serde(default)]
    pub watchers: Vec<Uuid>,
    /// How often it went to another group.
    pub reassignment_count: u64,
    /// How often it was opened again.
    pub reopen_count: u64,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not given to anybody.
    New,
    /// Given to a group or a person.
    Assigned,
    /// Being worked on.
    InProgress,
    /// On hold.
    Pending,
    /// Solved.
    Resolved,
    /// Over.
    Closed,
    /// Given up.
    Cancelled,
}

/// What an incident on hold waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whom or what.
    pub reason: Reason,
}

/// Whom or what an incident waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The caller.
    Caller,
    /// A supplier.
    Vendor,
    /// A change.
    Change,
    /// A problem.
    Problem,
    /// Evidence.
    Evidence,
}

impl Reason {
    /// Its name in a command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Vendor => "vendor",
            Self::Change => "change",
            Self::Problem => "problem",
            Self::Evidence => "evidence",
        }
    }
}

impl State {
    /// What an incident in this state of the log waits for, if it waits.
    pub fn waits_for(self) -> Option<Reason> {
        match self {
            Self::AwaitingUserInfo => Some(Reason::Caller),
            Self::AwaitingProblem => Some(Reason::Problem),
            Self::AwaitingVendor => Some(Reason::Vendor),
            Self::AwaitingEvidence => Some(Reason::Evidence),
            Self::New | Self::Active | Self::Resolved | Self::Closed => None,
        }
    }
}

impl Incident {
    /// Where it stands, in the log's words; `None` where the log has no word for it.
    pub fn state(&self) -> Option<State> {
        match self.status {
            // The log has a group from the first row on, and calls it New until somebody begins the work.
            Status::New | Status::Assigned => Some(State::New),
            Status::InProgress => Some(State::Active),
            Status::Pending => match self.hold?.reason {
                Reason::Caller => Some(State::AwaitingUserInfo),
                Reason::Problem => Some(State::AwaitingProblem),
                Reason::Vendor => Some(State::AwaitingVendor),
                Reason::Evidence => Some(State::AwaitingEvidence),
                Reason::Change => None,
            },
            Status::Resolved => Some(State::Resolved),
            Status::Closed => Some(State::Closed),
            Status::Cancelled => None,
        }
    }

    /// What differs from the row, in words; empty where state and both counts are equal.
    pub fn differences(&self, row: &Row) -> Vec<String> {
        let mut differences = Vec::new();
        if self.state() != Some(row.state) {
            differences.push(format!("state {:?}, in the log {:?}", self.status, row.state));
        }
        if self.reassignment_count != row.reassignments {
            differences.push(format!("reassignments {}, in the log {}", self.reassignment_count, row.reassignments));
        }
        if self.reopen_count != row.reopenings {
            differences.push(format!("reopenings {}, in the log {}", self.reopen_count, row.reopenings));
        }
        differences
    }
}
