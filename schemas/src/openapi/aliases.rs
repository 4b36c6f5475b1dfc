//! Other names for commands, for clients that think in resources: PATCH of an incident, PUT and DELETE of an organisation, PUT of
//! one's own account, POST and DELETE of a user's roles.

use daybook_kernel::Kind;
use serde_json::{Map, Value as Json, json};

use super::{
    Paths, commands, parts, reference,
    shapes::{Owner, Schemas},
};

/// The commands whose fields a PATCH of an incident takes, without their bodies' names.
const PATCHED: &[&str] = &["describe", "categorise", "set_priority", "assign", "hold", "resolve", "reopen"];

/// Adds the aliases.
pub fn add(schemas: &mut Schemas, paths: &mut Paths) {
    if let Some(incident) = daybook_contents::kind("incident.Incident") {
        patch(incident, schemas, paths);
    }
    if let Some(organization) = daybook_contents::kind("tenancy.Organization") {
        let id = format!("/api/v1/{}/{{id}}", organization.meta().path);
        let members = format!("{id}/members");
        for (path, method, name) in
            [(&id, "put", "update"), (&id, "delete", "request_closure"), (&members, "post", "add_member")]
        {
            if let Some(command) = organization.command(name) {
                let operation = commands::operation(organization, command, &format!("organization.{name}.alias"));
                paths.add(path, method, operation);
            }
        }
    }
    if let Some(user) = daybook_contents::kind("identity.User") {
        of_user(user, paths);
    }
    if let Some(subscription) = daybook_contents::kind("tenancy.Subscription")
        && let Some(command) = subscription.command("change_plan")
    {
        let operation = commands::operation(subscription, command, "subscription.change_plan.alias");
        paths.add("/api/v1/organizations/{id}/subscription", "put", operation);
    }
}

fn of_user(user: &'static dyn Kind, paths: &mut Paths) {
    let operation = |name: &str| {
        let command = user.command(name)?;
        Some(commands::operation(user, command, &format!("user.{name}.alias")))
    };
    let without_id = |parameters: &Json| {
        let id = reference("parameters", "Id");
        let others = parameters.as_array().into_iter().flatten().filter(|parameter| **parameter != id);
        others.cloned().collect::<Vec<_>>()
    };
    if let Some(mut own) = operation("update_profile") {
        own["parameters"] = without_id(&own["parameters"]).into();
        paths.add("/api/v1/users/me", "put", own);
    }
    if let Some(given) = operation("assign_role") {
        paths.add("/api/v1/users/{id}/roles", "post", given);
    }
    if let Some(mut taken) = operation("revoke_role") {
        let known = taken["parameters"].as_array().cloned().unwrap_or_default();
        taken["parameters"] = [known, vec![reference("parameters", "Role")]].concat().into();
        if let Some(operation) = taken.as_object_mut() {
            operation.remove("requestBody");
        }
        paths.add("/api/v1/users/{id}/roles/{role}", "delete", taken);
    }
}

fn patch(incident: &'static dyn Kind, schemas: &mut Schemas, paths: &mut Paths) {
    let owner = Owner { context: incident.meta().context, type_name: incident.meta().type_name };
    let mut properties = Map::new();
    for command in PATCHED.iter().filter_map(|name| incident.command(name)) {
        let body = &incident.commands()[command];
        let fields = schemas.object(owner, body.body);
        for (name, schema) in fields["properties"].as_object().into_iter().flatten() {
            // Both a hold and a reopening have a reason; a PATCH tells them apart.
            let name = if body.name == "hold" && name == "reason" { "hold_reason" } else { name };
            properties.entry(name.to_owned()).or_insert_with(|| schema.clone());
        }
    }
    let statuses = ["assigned", "in_progress", "pending", "resolved", "closed", "cancelled"];
    let about = "The new status; the command that leads there is found by the status it has.";
    properties.insert("status".to_owned(), json!({ "type": "string", "enum": statuses, "description": about }));
    schemas.add(
        "incident.Incident.changes",
        json!({
            "type": "object",
            "description": "Fields that change, in the groups of the commands that change them.",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": properties,
            "examples": [{ "assignee": "52367a66-22b1-8f08-825e-915fad80c542", "status": "in_progress" }],
        }),
    );
    let parameters = ["Id", "IfMatch", "IdempotencyKey", "OccurredAt"].map(|name| reference("parameters", name));
    paths.add(
        "/api/v1/incidents/{id}",
        "patch",
        json!({
            "operationId": "incident.change",
            "tags": ["incident.Incident"],
            "summary": "Change fields.",
            "description": "Changed fields become the commands they belong to: all are accepted as one entry, or none. Each \
                            command's permission is needed.",
            "parameters": parameters,
            "requestBody": commands::request("incident.Incident.changes", true),
            "responses": parts::responses(commands::accepted(false), parts::COMMAND_REFUSALS),
        }),
    );
}
