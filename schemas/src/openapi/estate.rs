//! Questions that only one kind knows: relationships and impact of configuration items, members,
//! subscription and usage of an organisation.

use daybook_kernel::Shape;
use serde_json::{Value as Json, json};

use super::{Paths, parts, questions::question, reference, shapes::Schemas};

/// Adds the questions.
pub fn add(schemas: &mut Schemas, paths: &mut Paths) {
    schemas.add("cmdb.Item", item());
    relationships(paths);
    impact(paths);
    members(paths);
    of_organization(paths, "subscription", "tenancy.Subscription", "What it has subscribed to.");
    of_organization(paths, "usage", "tenancy.UsageMeter", "How much of what its plan counts it uses in this month.");
}

fn id() -> Json {
    json!({ "type": "string", "format": "uuid" })
}

/// A configuration item in brief.
fn item() -> Json {
    let text = || json!({ "type": "string" });
    json!({
        "type": ["object", "null"],
        "description": "A configuration item in brief.",
        "properties": {
            "id": id(), "number": text(), "name": text(), "ci_type": text(), "environment": text(), "status": text(),
        },
    })
}

/// The types of relationships, as the item's declaration has them.
fn relation_types() -> Vec<&'static str> {
    let item =
        daybook_contents::kind("cmdb.ConfigurationItem").and_then(|kind| kind.meta().shape.field("relationships"));
    let relationship = match item.map(|(_, field)| &field.shape) {
        Some(Shape::List { of: Shape::Record(relationship), .. }) => relationship.field("type"),
        _ => None,
    };
    match relationship.map(|(_, field)| &field.shape) {
        Some(Shape::Choice { options, .. }) => options.to_vec(),
        _ => Vec::new(),
    }
}

fn types() -> Json {
    let items = json!({ "type": "string", "enum": relation_types() });
    let schema = json!({ "type": "array", "items": items, "minItems": 1 });
    let mut parameter = parts::parameter("type", "Only relationships of these types.", schema);
    parameter["style"] = "form".into();
    parameter["explode"] = Json::Bool(false);
    parameter
}

fn direction(options: [&str; 3], default: &str) -> Json {
    let options: Vec<&str> = options.into_iter().filter(|option| !option.is_empty()).collect();
    let schema = json!({ "type": "string", "enum": options, "default": default });
    parts::parameter("direction", "Which way to follow them.", schema)
}

fn relationships(paths: &mut Paths) {
    let parameters = vec![
        reference("parameters", "Id"),
        direction(["outgoing", "incoming", "both"], "both"),
        types(),
        reference("parameters", "Position"),
    ];
    let answer = json!({
        "type": "object",
        "required": ["id", "version", "items", "truncated"],
        "properties": {
            "id": id(),
            "version": { "type": "integer", "minimum": 1 },
            "items": { "type": "array", "items": { "type": "object", "properties": {
                "direction": { "type": "string", "enum": ["outgoing", "incoming"] },
                "type": { "type": "string", "examples": ["depends_on"] },
                "ci": reference("schemas", "cmdb.Item"),
            } } },
            "truncated": { "type": "boolean", "description": "There are more than an answer holds." },
        },
    });
    let about = "What it has to do with other configuration items, one step in both directions.";
    let given = json!({ "200": parts::answer("Its relationships.", answer) });
    let tag = "cmdb.ConfigurationItem";
    let operation = question("ci.relationships", tag, about, "ci:read", parameters, given, parts::QUERY_REFUSALS);
    paths.add("/api/v1/cmdb/cis/{id}/relationships", "get", operation);
}

fn impact(paths: &mut Paths) {
    let whole =
        |default: i64, maximum: i64| json!({ "type": "integer", "minimum": 1, "maximum": maximum, "default": default });
    let parameters = vec![
        reference("parameters", "Id"),
        direction(["downstream", "upstream", ""], "downstream"),
        parts::parameter("depth", "How many relationships far.", whole(5, 20)),
        types(),
        parts::parameter("limit", "The most items of the answer.", whole(1_000, 1_000)),
        reference("parameters", "Position"),
    ];
    let answer = json!({
        "type": "object",
        "required": ["ci", "direction", "depth", "items", "truncated", "services"],
        "properties": {
            "ci": reference("schemas", "cmdb.Item"),
            "direction": { "type": "string", "enum": ["downstream", "upstream"] },
            "depth": { "type": "integer", "minimum": 1 },
            "items": { "type": "array", "items": { "type": "object", "properties": {
                "ci": reference("schemas", "cmdb.Item"),
                "depth": { "type": "integer", "minimum": 1, "description": "How many relationships away." },
                "via": { "type": "object", "properties": { "from": id(), "type": { "type": "string" } } },
            } } },
            "truncated": { "type": "boolean", "description": "There are more than the answer holds." },
            "services": { "type": "array", "items": id(), "description": "Those of the items that are services." },
            "open_incidents": {
                "type": "array",
                "description": "Open incidents on any of them; for callers with `incident:read`.",
                "items": { "type": "object", "properties": {
                    "id": id(),
                    "number": { "type": "string" },
                    "status": { "type": "string" },
                    "priority": { "type": "string" },
                    "cis": { "type": "array", "items": id() },
                } },
            },
        },
    });
    let about = "What is affected when it fails (downstream), or what it needs (upstream).";
    let given = json!({ "200": parts::answer("What was found, nearest first.", answer) });
    let tag = "cmdb.ConfigurationItem";
    let operation = question("ci.impact", tag, about, "ci:read", parameters, given, parts::QUERY_REFUSALS);
    paths.add("/api/v1/cmdb/cis/{id}/impact-analysis", "get", operation);
}

fn members(paths: &mut Paths) {
    let parameters = vec![reference("parameters", "Id"), reference("parameters", "Position")];
    let answer = json!({
        "type": "object",
        "required": ["id", "version", "items"],
        "properties": {
            "id": id(),
            "version": { "type": "integer", "minimum": 1 },
            "items": { "type": "array", "items": { "type": "object", "properties": {
                "user": id(),
                "role": { "type": "string" },
                "name": { "type": ["string", "null"], "description": "For callers with `user:read`." },
                "status": { "type": ["string", "null"], "description": "For callers with `user:read`." },
            } } },
        },
    });
    let given = json!({ "200": parts::answer("Its members.", answer) });
    let (tag, permission) = ("tenancy.Organization", "organization:read");
    let operation = question(
        "organization.members",
        tag,
        "Who belongs to it.",
        permission,
        parameters,
        given,
        parts::QUERY_REFUSALS,
    );
    paths.add("/api/v1/organizations/{id}/members", "get", operation);
}

/// What there is one of for each organisation, below it.
fn of_organization(paths: &mut Paths, name: &str, of: &str, about: &str) {
    let Some(kind) = daybook_contents::kind(of) else { return };
    let parameters = vec![reference("parameters", "Id"), reference("parameters", "Position")];
    let given = json!({ "200": parts::answer(about, reference("schemas", of)) });
    let (id, permission) = (format!("organization.{name}"), daybook_contents::permissions::to_read(kind));
    let operation = question(&id, of, about, &permission, parameters, given, parts::QUERY_REFUSALS);
    paths.add(&format!("/api/v1/organizations/{{id}}/{name}"), "get", operation);
}
