//! Search over everything the caller may read, and suggestions while somebody types.

use std::collections::BTreeSet;

use daybook_kernel::Kind;
use serde_json::{Value as Json, json};

use super::{Paths, parts, questions::question, reference, shapes::Schemas};

/// Adds both questions.
pub fn add(_: &mut Schemas, paths: &mut Paths) {
    let permission = "read of any kind";
    let mut parameters = vec![words(false), types(), limit(20, 100), reference("parameters", "Cursor")];
    for (facet, about) in facets() {
        let about = format!("{about} Any of these, separated by commas.");
        parameters.push(parts::parameter(facet, &about, json!({ "type": "string" })));
    }
    parameters.push(reference("parameters", "Position"));
    let given = json!({ "200": parts::answer("A page of what was found, best first.", found()) });
    let refusals = &["400", "401", "403", "410", "503"];
    let about = "Finds aggregates by their words, also misspelled, and counts what was found by facets.";
    paths.add("/api/v1/search", "get", question("search", "search", about, permission, parameters, given, refusals));

    let parameters = vec![words(true), types(), limit(10, 50), reference("parameters", "Position")];
    let given = json!({ "200": parts::answer("Suggestions, best first.", suggestions()) });
    let about = "Suggests aggregates while somebody types.";
    let operation =
        question("search.suggest", "search", about, permission, parameters, given, &["400", "401", "403", "503"]);
    paths.add("/api/v1/search/suggest", "get", operation);
}

fn words(required: bool) -> Json {
    let pattern = if required { r"^\s*\S+(\s+\S+){0,19}\s*$" } else { r"^\s*(\S+(\s+\S+){0,19}\s*)?$" };
    let schema = json!({ "type": "string", "maxLength": 400, "pattern": pattern });
    let mut parameter = parts::parameter("q", "The words, at most twenty; without any, everything is found.", schema);
    if required {
        parameter["required"] = Json::Bool(true);
        parameter["description"] = "The first letters of what is looked for.".into();
    }
    parameter
}

fn types() -> Json {
    let names: Vec<_> = searchable().map(|kind| kind.meta().events).collect();
    let schema = json!({ "type": "array", "items": { "type": "string", "enum": names }, "minItems": 1 });
    let mut parameter = parts::parameter("type", "Only these kinds.", schema);
    parameter["style"] = "form".into();
    parameter["explode"] = Json::Bool(false);
    parameter
}

fn limit(default: i64, maximum: i64) -> Json {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": maximum, "default": default });
    parts::parameter("limit", "The most items of the answer.", schema)
}

/// The fields whose values are counted, each once, with what they mean.
fn facets() -> Vec<(&'static str, &'static str)> {
    let mut seen = BTreeSet::new();
    let fields = searchable().flat_map(|kind: &'static dyn Kind| kind.meta().shape.fields);
    let facets = fields.filter(|field| field.view.facet);
    facets.filter(|field| seen.insert(field.name)).map(|field| (field.name, field.doc)).collect()
}

fn found() -> Json {
    json!({
        "type": "object",
        "required": ["items", "total", "facets", "next_cursor"],
        "properties": {
            "items": { "type": "array", "items": { "type": "object", "properties": {
                "type": { "type": "string", "enum": type_names() },
                "id": { "type": "string", "format": "uuid" },
                "version": { "type": "integer", "minimum": 1 },
                "score": { "type": ["number", "null"], "description": "How well it fits." },
                "masked": parts::masked(),
                "fields": { "type": "object", "description": "Its fields as they are searched." },
                "highlights": {
                    "type": "object",
                    "description": "The words found, marked with `<em>` in text that is otherwise escaped for HTML.",
                    "additionalProperties": { "type": "array", "items": { "type": "string" } },
                },
            } } },
            "total": { "type": "object", "properties": {
                "value": { "type": "integer", "minimum": 0 },
                "is_exact": { "type": "boolean", "description": "Above 10,000 it is not counted to the end." },
            } },
            "facets": { "type": "object", "additionalProperties": { "type": "array", "items": { "type": "object", "properties": {
                "value": {}, "count": { "type": "integer", "minimum": 0 },
            } } } },
            "next_cursor": { "type": ["string", "null"] },
        },
    })
}

fn suggestions() -> Json {
    json!({ "type": "object", "required": ["items"], "properties": { "items": { "type": "array", "items": {
        "type": "object",
        "properties": {
            "type": { "type": "string", "enum": type_names() },
            "id": { "type": "string", "format": "uuid" },
            "number": { "type": ["string", "null"] },
            "title": { "type": ["string", "null"], "description": "Null also where it is personal, and not for the caller." },
        },
    } } } })
}

fn type_names() -> Vec<&'static str> {
    searchable().map(|kind| kind.meta().type_name).collect()
}

/// The kinds that have a field to search in.
fn searchable() -> impl Iterator<Item = &'static dyn Kind> {
    daybook_contents::kinds().filter(|kind| kind.meta().shape.fields.iter().any(|field| field.view.search))
}
