//! What is known of a person, all of it.

use daybook_contents::SUBJECTS;
use serde_json::{Value as Json, json};

use super::{Paths, parts, questions::question, reference};

/// Adds the question.
pub fn add(paths: &mut Paths) {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let record = json!({
        "type": "object",
        "required": ["type", "id", "version", "state", "events"],
        "properties": {
            "type": text("The kind of record, such as `incident.Incident`."),
            "id": { "type": "string", "format": "uuid" },
            "version": { "type": "integer", "minimum": 1 },
            "state": { "type": "object", "description": "What it says now, as the list of its kind shows it." },
            "events": { "type": "array", "items": reference("schemas", "Event"), "description": "What happened to it." },
        },
    });
    let answer: Json = json!({
        "type": "object",
        "required": ["subject", "records"],
        "properties": {
            "subject": { "type": "string", "format": "uuid", "description": "The person's account." },
            "records": { "type": "array", "items": record, "description": "The account, and all that is about the person." },
        },
    });
    let about = "Everything that is known of a person: the account, and every record that is about the person, with what happened to each. \
                 At most 1,000 records; 422 where there are more.";
    let parameters = vec![reference("parameters", "Id"), reference("parameters", "Position")];
    let given = json!({ "200": parts::answer("All of it.", answer) });
    let refusals = &["400", "401", "403", "404", "422", "503"];
    let operation = question("user.export", SUBJECTS, about, "user:export", parameters, given, refusals);
    paths.add("/api/v1/users/{id}/export", "get", operation);
}
