//! The plan for a row: the commands that bring an incident from where it stands to where the row of the log leaves it.
//!
//! Pure: a row, the row before it, and the incident as it stands give the commands; the mapping table in docs/guide/import.md
//! says the same in words. A command that no change of the row asks for, but that the life cycle needs on the way (such as a
//! resume before a resolve), is marked as inserted.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::incident::{Incident, Reason, Status};
use super::log::{Row, State};

#[cfg(test)]
pub mod rows;
#[cfg(test)]
mod scenarios;

/// The name of the group that stands for the one the log leaves out.
pub const UNNAMED_GROUP: &str = "Group not named in the log";

/// The most that one line of a description can hold.
const LINE: usize = 160;

/// Who and what the log names, as Daybook knows them.
pub trait Names {
    /// The user of that name.
    fn user(&self, name: &str) -> Option<Uuid>;
    /// The group of that name.
    fn group(&self, name: &str) -> Option<Uuid>;
    /// The configuration item of that name.
    fn ci(&self, name: &str) -> Option<Uuid>;
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The command's name.
    pub command: &'static str,
    /// Its body.
    pub body: Json,
    /// Whether the life cycle asks for it and the log does not.
    pub inserted: bool,
}

impl Step {
    /// Whether the steps after it make no sense where it is refused.
    pub fn carries_the_rest(&self) -> bool {
        matches!(self.command, "report" | "reopen" | "start" | "resume" | "hold" | "resolve" | "close")
    }
}

/// A plan under way: where the incident will stand after the steps so far.
struct Plan<'a> {
    previous: Option<&'a Row>,
    row: &'a Row,
    at: Status,
    waits_for: Option<Reason>,
    steps: Vec<Step>,
}

/// The commands for a row, in order.
///
/// `previous` is the row before it of the same incident, `now` the incident as it stands (`None`: not yet reported).
pub fn plan(previous: Option<&Row>, row: &Row, now: Option<&Incident>, names: &impl Names) -> Vec<Step> {
    let mut plan = Plan {
        previous,
        row,
        at: now.map_or(Status::New, |incident| incident.status),
        waits_for: now.and_then(|incident| Some(incident.hold?.reason)),
        steps: Vec::new(),
    };
    match now {
        None => plan.report(names),
        Some(incident) => {
            // Tried where the log does it: refused once, it would be refused in every row that follows.
            let then = previous.is_none_or(|before| matches!(before.state, State::Resolved | State::Closed));
            if incident.status == Status::Resolved && then && !matches!(row.state, State::Resolved | State::Closed) {
                plan.asked("reopen", json!({ "reason": "Reopened in the tool it comes from" }));
                plan.at = Status::InProgress;
            }
            plan.details(incident);
        }
    }
    plan.watch(now, names);
    plan.assign(now, names);
    plan.remark();
    plan.go_to(row.state);
    plan.steps
}

impl Plan<'_> {
    fn asked(&mut self, command: &'static str, body: Json) {
        self.steps.push(Step { command, body, inserted: false });
    }

    fn step(&mut self, command: &'static str, body: Json, asked: bool) {
        self.steps.push(Step { command, body, inserted: !asked });
    }

    fn report(&mut self, names: &impl Names) {
        let row = self.row;
        let cis: Vec<_> = row.ci.as_deref().and_then(|name| names.ci(name)).into_iter().collect();
        let mut body = json!({
            "short_description": short_description(row),
            "caller": row.caller.as_deref().and_then(|name| names.user(name)),
            "channel": channel(row),
            "impact": row.impact,
            "urgency": row.urgency,
            "cis": cis,
            "external_number": row.number,
        });
        let optional = [("category", &row.category), ("subcategory", &row.subcategory), ("location", &row.location)];
        for (field, value) in optional {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        self.asked("report", body);
    }

    /// What is said otherwise than before. The log's `?` takes nothing back: it does not say.
    fn details(&mut self, now: &Incident) {
        let row = self.row;
        let mut said = json!({});
        if short_description(row) != now.short_description {
            said["short_description"] = json!(short_description(row));
        }
        if row.location.is_some() && row.location != now.location {
            said["location"] = json!(row.location);
        }
        if said != json!({}) {
            self.asked("describe", said);
        }
        if let Some(category) = &row.category
            && (row.category != now.category || row.subcategory != now.subcategory)
        {
            let mut body = json!({ "category": category });
            if let Some(subcategory) = &row.subcategory {
                body["subcategory"] = json!(subcategory);
            }
            self.asked("categorise", body);
        }
        if (row.impact, row.urgency) != (now.impact, now.urgency) {
            self.asked("set_priority", json!({ "impact": row.impact, "urgency": row.urgency }));
        }
    }

    /// Who wrote it down for somebody else wants to hear how it goes.
    fn watch(&mut self, now: Option<&Incident>, names: &impl Names) {
        let opened_by = self.row.opened_by.as_deref().and_then(|name| names.user(name));
        if let Some(user) = opened_by
            && !now.is_some_and(|incident| incident.watchers.contains(&user))
            && self.previous.is_none()
        {
            self.asked("watch", json!({ "user": user }));
        }
    }

    fn assign(&mut self, now: Option<&Incident>, names: &impl Names) {
        let group = names.group(self.row.group.as_deref().unwrap_or(UNNAMED_GROUP));
        let assignee = self.row.assignee.as_deref().and_then(|name| names.user(name));
        if now.is_some_and(|incident| (incident.group, incident.assignee) == (group, assignee)) {
            return;
        }
        // Resolved work is given to nobody: the command will be refused and listed, once for each change in the log.
        let over = matches!(self.at, Status::Resolved | Status::Closed);
        let same = |before: &Row| (&before.group, &before.assignee) == (&self.row.group, &self.row.assignee);
        if over && self.previous.is_some_and(same) {
            return;
        }
        let mut body = json!({ "group": group });
        if let Some(assignee) = assignee {
            body["assignee"] = json!(assignee);
        }
        self.asked("assign", body);
        if !over {
            self.at = Status::Assigned;
            self.waits_for = None;
        }
    }

    /// What has no field of its own yet, kept in words.
    fn remark(&mut self) {
        let of = |row: &Row| [row.problem.clone(), row.change.clone(), row.caused_by.clone()];
        let before = self.previous.map(of).unwrap_or_default();
        let labels = ["Problem", "Solved by change", "Caused by change"];
        let said: Vec<_> = labels
            .into_iter()
            .zip(of(self.row).into_iter().zip(before))
            .filter(|(_, (now, before))| now != before)
            .map(|(label, (now, _))| format!("{label}: {}", now.as_deref().unwrap_or("none any more")))
            .collect();
        if !said.is_empty() {
            self.asked("add_comment", json!({ "body": said.join("\n"), "visibility": "internal" }));
        }
    }

    /// Leads the incident to where the row says it stands.
    fn go_to(&mut self, state: State) {
        let before = self.previous.map(|row| row.state);
        let changed = before != Some(state);
        match state {
            State::New => {}
            State::Active => match self.at {
                Status::Assigned => self.step("start", json!({}), changed && before != Some(State::Resolved)),
                Status::Pending => self.step("resume", json!({}), changed),
                _ => {}
            },
            State::AwaitingUserInfo | State::AwaitingProblem | State::AwaitingVendor | State::AwaitingEvidence => {
                let Some(reason) = state.waits_for() else { return };
                if matches!(self.at, Status::Resolved | Status::Closed) {
                    return;
                }
                if self.at == Status::Assigned {
                    self.step("start", json!({}), false);
                }
                if self.at != Status::Pending || self.waits_for != Some(reason) {
                    self.step("hold", json!({ "reason": reason.name() }), changed);
                }
            }
            State::Resolved => self.resolve(changed),
            State::Closed => {
                self.resolve(false);
                if self.at != Status::Closed {
                    self.step("close", json!({}), true);
                }
            }
        }
    }

    fn resolve(&mut self, asked: bool) {
        if matches!(self.at, Status::Resolved | Status::Closed) {
            return;
        }
        if self.at == Status::Pending {
            self.step("resume", json!({}), false);
        }
        let notes = match &self.row.resolved_by {
            Some(resolver) => format!("Resolved in the tool it comes from; there by: {resolver}"),
            None => "Resolved in the tool it comes from".to_owned(),
        };
        let code = self.row.resolution.as_deref().unwrap_or("not given");
        self.step("resolve", json!({ "resolution_code": code, "resolution_notes": notes }), asked);
        self.at = Status::Resolved;
    }
}

/// The log has no descriptions; what the caller saw and what it was about say it best.
pub fn short_description(row: &Row) -> String {
    let parts = [&row.symptom, &row.category, &row.subcategory];
    let said: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    match said.is_empty() {
        true => format!("Incident {}", row.number),
        false => said.join(", ").chars().take(LINE).collect(),
    }
}

fn channel(row: &Row) -> &'static str {
    match row.channel.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("email") => "email",
        Some("self service" | "self-service" | "portal") => "portal",
        Some("monitoring" | "event") => "monitoring",
        _ => "phone",
    }
}
