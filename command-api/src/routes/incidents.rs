//! `PATCH` of an incident: changed fields become commands, all or none, as one entry.
//!
//! Which command a new status asks for depends on the status the incident has, so a step may have alternatives: the owner
//! takes the first that its status allows.

use axum::{Router, extract::Path, response::Response, routing::patch};
use daybook_kernel::{FieldError, Kind, book::Call};
use daybook_platform::ApiError;
use serde_json::{Map, Value as Json};

use crate::{
    prepare,
    reply::{Accepted, malformed},
    routes::{
        Api,
        ask::{Ask, command_of, parse_id},
    },
};

/// A command, and the fields of a change that are its body.
type Body = (&'static str, &'static [&'static str]);

/// The fields that are one command's body, and that command.
const GROUPS: &[Body] = &[
    ("describe", &["short_description", "description", "location"]),
    ("categorise", &["category", "subcategory"]),
    ("set_priority", &["impact", "urgency", "priority", "override_reason"]),
    ("assign", &["group", "assignee"]),
];

/// What a new status asks for: commands to choose from, each with the fields of its body.
const STATUSES: &[(&str, &[Body])] = &[
    ("assigned", &[]),
    ("in_progress", &[("start", &[]), ("resume", &[]), ("reopen", &["reason"])]),
    ("pending", &[("hold", &["hold_reason", "resume_at"])]),
    ("resolved", &[("resolve", &["resolution_code", "resolution_notes", "cause"])]),
    ("closed", &[("close", &[]), ("confirm_resolution", &[])]),
    ("cancelled", &[("cancel", &["reason"])]),
];

/// `PATCH /api/v1/incidents/{id}`.
pub fn routes() -> Router<Api> {
    Router::new().route("/api/v1/incidents/{id}", patch(change))
}

async fn change(Path(id): Path<String>, ask: Ask) -> Result<Response, ApiError> {
    let incident = daybook_contents::kind("incident.Incident").expect("the incident stands in the contents");
    let id = parse_id(incident, &id)?;
    let tenant = prepare::book_of(incident, Some(id), &ask.caller)?;
    let Json::Object(fields) = ask.json()? else {
        return Err(ApiError::field("body", "must be an object of the fields that change"));
    };
    let plan = plan(fields).map_err(malformed)?;
    let mut steps: Vec<Vec<Call>> = Vec::new();
    for alternatives in plan {
        let mut calls = Vec::new();
        let mut refusal = None;
        for (name, body) in alternatives {
            match ask.call(incident, command_of(incident, name)?, id, tenant, &Json::Object(body)).await {
                Ok(call) => calls.push(call),
                Err(error) if error.status.is_server_error() => return Err(error),
                // The caller may not, or it lacks a field: another alternative may do.
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(refusal) if calls.is_empty() => return Err(refusal),
            _ => steps.push(calls),
        }
    }
    ask.give(incident as &'static dyn Kind, tenant, steps, Accepted::Done).await
}

type Alternatives = Vec<(&'static str, Map<String, Json>)>;

/// The commands that changed fields ask for, in the order in which they are given.
fn plan(mut fields: Map<String, Json>) -> Result<Vec<Alternatives>, Vec<FieldError>> {
    let status = fields.remove("status");
    let mut steps: Vec<Alternatives> = Vec::new();
    let mut errors = Vec::new();
    let take = |fields: &mut Map<String, Json>, names: &[&str]| -> Map<String, Json> {
        names
            .iter()
            .filter_map(|name| fields.remove_entry(*name))
            .map(|(name, value)| (body_name(&name), value))
            .collect()
    };
    for (command, names) in GROUPS {
        let body = take(&mut fields, names);
        if !body.is_empty() {
            steps.push(vec![(*command, body)]);
        }
    }
    if let Some(status) = status {
        let known = || STATUSES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match status.as_str().and_then(|status| STATUSES.iter().find(|(name, _)| *name == status)) {
            None => errors.push(FieldError::new("status", format!("must be one of: {}", known()))),
            Some(("assigned", _)) if steps.iter().all(|step| step[0].0 != "assign") => {
                errors.push(FieldError::new("status", "assigned needs a group or an assignee"));
            }
            Some((_, [])) => {}
            Some((_, commands)) => {
                let names: Vec<_> = commands.iter().flat_map(|(_, names)| names.iter().copied()).collect();
                let given: Map<_, _> = names.iter().filter_map(|name| fields.remove_entry(*name)).collect();
                let body = |names: &[&str]| take(&mut given.clone(), names);
                let step: Alternatives = commands.iter().map(|(command, names)| (*command, body(names))).collect();
                // What is resolved takes no other change until it is reopened.
                let reopens = step.iter().any(|(command, body)| *command == "reopen" && !body.is_empty());
                steps.insert(if reopens { 0 } else { steps.len() }, step);
            }
        }
    }
    errors.extend(fields.keys().map(|name| FieldError::new(name, "unknown field, or not one that this status takes")));
    if errors.is_empty() && steps.is_empty() {
        errors.push(FieldError::new("body", "holds nothing to change"));
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors) }
}

/// The field's name in the command's body: a PATCH has two kinds of reasons.
fn body_name(name: &str) -> String {
    if name == "hold_reason" { "reason".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn commands(body: Json) -> Result<Vec<Vec<&'static str>>, Vec<String>> {
        let Json::Object(fields) = body else { panic!("an object") };
        match plan(fields) {
            Ok(steps) => Ok(steps.iter().map(|step| step.iter().map(|(name, _)| *name).collect()).collect()),
            Err(errors) => Err(errors.into_iter().map(|error| error.field).collect()),
        }
    }

    #[test]
    fn fields_become_the_commands_they_belong_to() {
        let body = json!({ "assignee": "x", "impact": 1, "urgency": 2, "status": "in_progress" });
        let expected = vec![vec!["set_priority"], vec!["assign"], vec!["start", "resume", "reopen"]];
        assert_eq!(commands(body), Ok(expected));
    }

    #[test]
    fn reopening_comes_before_what_only_an_open_incident_takes() {
        let body = json!({ "status": "in_progress", "reason": "it is back", "category": "network" });
        assert_eq!(commands(body), Ok(vec![vec!["start", "resume", "reopen"], vec!["categorise"]]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(commands(json!({ "status": "gone" })), Err(vec!["status".to_owned()]));
        assert_eq!(commands(json!({ "status": "assigned" })), Err(vec!["status".to_owned()]));
        assert_eq!(commands(json!({ "colour": "red" })), Err(vec!["colour".to_owned()]));
        assert_eq!(commands(json!({ "status": "closed", "reason": "done" })), Err(vec!["reason".to_owned()]));
        assert_eq!(commands(json!({})), Err(vec!["body".to_owned()]));
    }

    #[test]
    fn every_command_named_here_exists() {
        let incident = daybook_contents::kind("incident.Incident").unwrap();
        let of_status = STATUSES.iter().flat_map(|(_, commands)| commands.iter());
        for (name, fields) in GROUPS.iter().chain(of_status) {
            let command = incident.command(name).unwrap_or_else(|| panic!("no command {name}"));
            let shape = incident.commands()[command].body;
            for field in *fields {
                assert!(shape.field(&body_name(field)).is_some(), "{name} has no field {field}");
            }
        }
    }
}
