//! Figures of incidents over time: how many came and went, and how many are open.

use serde_json::{Map, Value as Json, json};

use super::{Paths, parts, questions::question, reference, shapes::Schemas};

/// Adds both questions.
pub fn add(_: &mut Schemas, paths: &mut Paths) {
    let volume = [
        ("opened", "How many were reported."),
        ("resolved", "How many were resolved."),
        ("closed", "How many were closed."),
        ("reopened", "How many were reopened."),
        ("cancelled", "How many were cancelled."),
    ];
    let about = "How many incidents came and went, by day, group or category.";
    paths.add("/api/v1/metrics/incidents/volume", "get", operation("figures.volume", about, &volume));
    let backlog = [("open", "How many are open at the end of the day.")];
    let about = "How many incidents are open at the end of each day, by group or category.";
    paths.add("/api/v1/metrics/incidents/backlog", "get", operation("figures.backlog", about, &backlog));
}

fn operation(id: &str, about: &str, counts: &[(&str, &str)]) -> Json {
    let date = || json!({ "type": "string", "format": "date" });
    let mut by = parts::parameter(
        "by",
        "What to tell apart.",
        json!({ "type": "array", "items": { "type": "string", "enum": ["day", "group", "category"] }, "minItems": 1, "default": ["day"] }),
    );
    by["style"] = "form".into();
    by["explode"] = Json::Bool(false);
    let parameters = vec![
        parts::parameter("from", "The first day, in UTC; 30 days before the last, if left out.", date()),
        parts::parameter("to", "The last day; today, if left out.", date()),
        by,
        reference("parameters", "Position"),
    ];
    let mut item = Map::new();
    item.insert("day".to_owned(), date());
    item.insert("group".to_owned(), json!({ "type": ["string", "null"], "format": "uuid" }));
    item.insert("category".to_owned(), json!({ "type": ["string", "null"] }));
    for (name, about) in counts {
        item.insert((*name).to_owned(), json!({ "type": "integer", "description": about }));
    }
    let answer = json!({
        "type": "object",
        "required": ["from", "to", "by", "items"],
        "properties": {
            "from": date(),
            "to": date(),
            "by": { "type": "array", "items": { "type": "string" } },
            "items": { "type": "array", "items": { "type": "object", "properties": item } },
        },
    });
    let given = json!({ "200": parts::answer("The figures.", answer) });
    question(id, "figures", about, "incident:measure", parameters, given, &["400", "401", "403", "503"])
}
