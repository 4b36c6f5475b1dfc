//! Who one is, what somebody may do, and why, or why not.

use serde_json::{Value as Json, json};

use super::{Paths, parts, questions::question, reference, shapes::Schemas};

/// Adds the question.
pub fn add(_: &mut Schemas, paths: &mut Paths) {
    let id = || json!({ "type": "string", "format": "uuid" });
    let types: Vec<_> = daybook_contents::kinds().map(|kind| kind.meta().events).collect();
    let permissions: Vec<_> = daybook_contents::permissions::all().into_iter().collect();
    let mut permission =
        parts::parameter("permission", "What somebody asks to do.", json!({ "type": "string", "enum": permissions }));
    permission["required"] = Json::Bool(true);
    let parameters = vec![
        permission,
        parts::parameter(
            "type",
            "What the record is; to be given with `id`.",
            json!({ "type": "string", "enum": types }),
        ),
        parts::parameter("id", "Which record it is; without one it is about the whole organisation.", id()),
        parts::parameter("user", "Who asks; the caller, if left out. Others need `access:explain`.", id()),
        reference("parameters", "Position"),
    ];
    let text = |about: &str| json!({ "type": "string", "description": about });
    let maybe = |about: &str| json!({ "type": ["string", "null"], "format": "uuid", "description": about });
    let answer = json!({
        "type": "object",
        "required": ["user", "permission", "permitted", "reason", "considered"],
        "properties": {
            "user": id(),
            "permission": text("What is asked."),
            "permitted": { "type": "boolean" },
            "reason": { "type": "object", "required": ["code", "message"], "properties": {
                "code": text("What decides it."),
                "message": text("The same in words."),
            } },
            "considered": { "type": "array", "description": "All that was looked at.", "items": { "type": "object", "properties": {
                "what": { "type": "string", "enum": ["account", "token", "domain", "policy", "role"] },
                "id": maybe("The role or policy."),
                "through": maybe("The group by which a role is held."),
                "says": text("What it says."),
                "applies": { "type": "boolean", "description": "Whether it counts for this record." },
            } } },
        },
    });
    let given = json!({ "200": parts::answer("The decision, and why.", answer) });
    let about = "Why somebody may do something to a record, or may not.";
    let refusals = &["400", "401", "403", "404", "503"];
    let operation = question("access.why", "access", about, "none for oneself", parameters, given, refusals);
    paths.add("/api/v1/access/why", "get", operation);
    own(paths);
    held(paths);
}

/// One's own account.
fn own(paths: &mut Paths) {
    let shown = parts::answer("The account.", reference("schemas", "identity.User"));
    let given = json!({ "200": shown, "304": { "description": "It is as `If-None-Match` says." } });
    let parameters = vec![reference("parameters", "Position")];
    let refusals = &["400", "401", "403", "404", "503"];
    let operation =
        question("user.me", "identity.User", "One's own account.", "user:read", parameters, given, refusals);
    paths.add("/api/v1/users/me", "get", operation);
}

/// What somebody may do by what they hold.
fn held(paths: &mut Paths) {
    let id = || json!({ "type": "string", "format": "uuid" });
    let maybe = |schema: Json| json!({ "anyOf": [schema, { "type": "null" }] });
    let answer = json!({
        "type": "object",
        "required": ["user", "items"],
        "properties": {
            "user": id(),
            "items": { "type": "array", "items": {
                "type": "object",
                "required": ["permission", "reach", "role", "role_name"],
                "properties": {
                    "permission": { "type": "string" },
                    "reach": { "type": "string", "enum": ["own", "team", "domain", "tenant"], "description": "To which records it reaches." },
                    "role": id(),
                    "role_name": { "type": "string", "description": "The role that gives it." },
                    "through": maybe(id()),
                    "domain": maybe(json!({ "type": "string", "description": "The only domain for whose records the role is held." })),
                },
            } },
        },
    });
    let given = json!({ "200": parts::answer("Each permission, once for each role that gives it.", answer) });
    let parameters = vec![reference("parameters", "Id"), reference("parameters", "Position")];
    let about =
        "What somebody may do by the roles held; policies look at more. Of others it is told with `access:explain`.";
    let refusals = &["400", "401", "403", "404", "503"];
    let operation =
        question("user.permissions", "identity.User", about, "none for oneself", parameters, given, refusals);
    paths.add("/api/v1/users/{id}/permissions", "get", operation);
}
