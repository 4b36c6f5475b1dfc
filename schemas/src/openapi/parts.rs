//! What all operations have in common: receipts, errors, headers, and how to say who one is.

use serde_json::{Map, Value as Json, json};

use super::reference;

/// The tags of operations that belong to no single aggregate.
pub const TAGS: &[(&str, &str)] = &[
    ("search", "Everything, by its words."),
    ("figures", "Figures of incidents over time."),
    ("access", "Who may do what, and why."),
    ("sign-in", "Who one is: accounts, passwords, second factors, sessions, API keys."),
];

/// The refusals: the name of the component, the status, and what it says.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("Validation", "400", "`VALIDATION_ERROR`: the request is not as described; the details name each field."),
    (
        "Unauthenticated",
        "401",
        "`UNAUTHENTICATED`: there is no token, or it is expired, or its signature is not right.",
    ),
    (
        "Forbidden",
        "403",
        "`FORBIDDEN`: the caller lacks the permission; `TENANT_SUSPENDED`: the tenant takes no commands.",
    ),
    ("NotFound", "404", "`NOT_FOUND`: there is no such thing in the caller's tenant."),
    (
        "Conflict",
        "409",
        "`INVALID_TRANSITION`: not in this status, the details name the commands allowed; or a rule says no, with a code of its own.",
    ),
    ("Gone", "410", "`GONE`: the cursor belongs to an earlier version of the view; begin again without it."),
    ("Stale", "412", "`STALE_VERSION`: the aggregate has another version than `If-Match` says."),
    (
        "TooLarge",
        "413",
        "`BODY_TOO_LARGE` or `ENTRY_TOO_LARGE`: the request, or the entry it would make, is too large.",
    ),
    (
        "Unprocessable",
        "422",
        "`IDEMPOTENCY_KEY_REUSED`: the key was used for another request; or a rule refuses the content, with a code of its own.",
    ),
    (
        "UnsupportedMediaType",
        "415",
        "`UNSUPPORTED_MEDIA_TYPE`: the body says that it is something else than JSON in UTF-8.",
    ),
    (
        "TooManyRequests",
        "429",
        "`TOO_MANY_REQUESTS`: the user or the tenant asks more than a limit lets through, or more than is served at once; \
         the message says which. `QUOTA_EXCEEDED`: its plan has no room for one more, which does not pass with time. Nothing was \
          done.",
    ),
    ("BadGateway", "502", "`PROVIDER_UNREACHABLE`: an identity provider gives no answer that can be used."),
    (
        "Unavailable",
        "503",
        "`UNAVAILABLE`: a store is away or behind, or the service is busy; nothing was done, try again.",
    ),
    (
        "Timeout",
        "504",
        "`TIMEOUT`: no answer in time; of a command, the same Idempotency-Key later gives the definite one.",
    ),
];

/// The statuses with which a command may be refused.
pub const COMMAND_REFUSALS: &[&str] = &["400", "401", "403", "404", "409", "412", "413", "415", "422", "503"];
/// The statuses with which a question may be refused.
pub const QUERY_REFUSALS: &[&str] = &["400", "401", "403", "404", "503"];

/// The statuses with which anything may be refused.
const ALL_REFUSALS: &[&str] = &["429", "504"];

/// The answers of an operation: those it gives, and how it may be refused.
pub fn responses(given: Json, refusals: &[&str]) -> Json {
    let mut responses = match given {
        Json::Object(given) => given,
        _ => Map::new(),
    };
    for status in refusals.iter().chain(ALL_REFUSALS) {
        if let Some((name, ..)) = REFUSALS.iter().find(|(_, of, _)| of == status) {
            responses.insert((*status).to_owned(), reference("responses", name));
        }
    }
    responses.into()
}

/// That what is personal in a record is not for the caller.
pub fn masked() -> Json {
    json!({
        "type": "boolean",
        "const": true,
        "description": "Only where what is personal is not for the caller, and therefore null: it needs the permission to read what is personal.",
    })
}

/// A JSON answer.
pub fn answer(about: &str, schema: Json) -> Json {
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

/// A parameter of the query string.
pub fn parameter(name: &str, about: &str, schema: Json) -> Json {
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

/// The answer to an accepted command.
pub fn receipt() -> Json {
    json!({
        "type": "object",
        "description": "A command that is in the journal.",
        "required": ["id", "version", "position"],
        "properties": {
            "id": { "type": "string", "format": "uuid", "description": "The aggregate." },
            "version": { "type": "integer", "minimum": 1, "description": "Its version after the command." },
            "position": { "type": "string", "description": "Where the entry stands.", "examples": ["journal.incident/3#4711"] },
            "number": { "type": "string", "description": "Its number, where it has one.", "examples": ["INC0000001"] },
            "unchanged": { "type": "boolean", "description": "What was asked was so already; nothing was written." },
        },
    })
}

/// An event as a timeline shows it.
pub fn event() -> Json {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let time = |about: &str| json!({ "type": "string", "format": "date-time", "description": about });
    json!({
        "type": "object",
        "description": "Something that happened to an aggregate.",
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "type": { "type": "string", "description": "The event's type.", "examples": ["incident.created"] },
            "version": { "type": "integer", "minimum": 1, "description": "The aggregate's version after it." },
            "recorded_at": time("When it was recorded."),
            "occurred_at": time("When it happened."),
            "actor": text("Who gave the command: `user/<uuid>`, `service/<name>` or `scheduler/<name>`."),
            "on_behalf_of": { "type": ["string", "null"], "description": "For whom, where that is somebody else." },
            "correlation_id": text("What it and its cause have in common."),
            "position": text("Where its entry stands in the journal."),
            "masked": masked(),
            "data": { "type": "object", "description": "What it says; its schema is registered under its type." },
        },
    })
}

/// The envelope of every error.
pub fn error() -> Json {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": { "type": "string", "description": "For programs; part of the contract.", "examples": ["VALIDATION_ERROR"] },
                "message": { "type": "string", "description": "For people." },
                "details": { "type": "array", "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {
                        "field": { "type": "string", "description": "The path of the field.", "examples": ["comment.body"] },
                        "message": { "type": "string", "description": "What is wrong with it, or what is allowed." },
                    },
                } },
                "request_id": { "type": "string", "description": "For asking about it; also in X-Request-Id." },
            },
        } },
    })
}

/// The components of the command API beside its schemas.
pub fn command_components() -> Json {
    let header = |name: &str, about: &str, schema: Json| json!({ "name": name, "in": "header", "description": about, "schema": schema });
    json!({
        "responses": refusals(&[COMMAND_REFUSALS, ALL_REFUSALS].concat()),
        "securitySchemes": security(),
        "parameters": {
            "Id": { "name": "id", "in": "path", "required": true, "description": "The aggregate.", "schema": { "type": "string", "format": "uuid" } },
            "Role": { "name": "role", "in": "path", "required": true, "description": "The role.", "schema": { "type": "string", "format": "uuid" } },
            "IdempotencyKey": header(
                "Idempotency-Key",
                "The same key never does a thing twice: the first answer is given again, for a day. Made up and returned where it is absent.",
                json!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" }),
            ),
            "IfMatch": header(
                "If-Match",
                "The version that the aggregate must have.",
                json!({ "type": "string", "pattern": "^(\"[0-9]{1,19}\"|\\*)$", "examples": ["\"3\""] }),
            ),
            "OccurredAt": header(
                "Daybook-Occurred-At",
                "When it happened in the business, for imports; needs the permission `import:occurred_at`.",
                json!({ "type": "string", "format": "date-time" }),
            ),
        },
        "headers": {
            "Position": { "description": "Where the entry stands; send it to the query API.", "schema": { "type": "string" } },
            "ETag": { "description": "The aggregate's version, in quotes.", "schema": { "type": "string" } },
            "IdempotencyKey": { "description": "The key of this command.", "schema": { "type": "string" } },
            "Location": { "description": "The address of what was begun.", "schema": { "type": "string", "format": "uri-reference" } },
        },
    })
}

/// The components of the query API beside its schemas.
pub fn query_components() -> Json {
    let statuses = [QUERY_REFUSALS, &["410", "422"], ALL_REFUSALS].concat();
    json!({
        "responses": refusals(&statuses),
        "securitySchemes": security(),
        "parameters": {
            "Id": { "name": "id", "in": "path", "required": true, "description": "The aggregate.", "schema": { "type": "string", "format": "uuid" } },
            "Position": {
                "name": "Daybook-Position",
                "in": "header",
                "description": "Positions, separated by commas, that the answer must have passed; 503 if the view is behind for too long.",
                "schema": { "type": "string", "pattern": positions(), "examples": ["journal.incident/3#4711"] },
            },
            "Limit": { "name": "limit", "in": "query", "description": "The most items of a page.", "schema": { "type": "integer", "minimum": 1, "maximum": 200, "default": 50 } },
            "Cursor": { "name": "cursor", "in": "query", "description": "`next_cursor` of the page before.", "schema": { "type": "string" } },
        },
        "headers": {
            "ETag": { "description": "The aggregate's version, in quotes.", "schema": { "type": "string" } },
        },
    })
}

/// What a list of positions looks like.
fn positions() -> String {
    let contexts: Vec<_> = daybook_contents::CONTEXTS.iter().map(|context| context.name).collect();
    let one = format!(r"journal\.({})/(0|[1-9][0-9]{{0,8}})#(0|[1-9][0-9]{{0,18}})", contexts.join("|"));
    format!("^({one}( *, *{one}){{0,63}})?$")
}

/// The components of the API of sign-in beside its schemas.
pub fn sign_in_components() -> Json {
    json!({
        "responses": refusals(&["400", "401", "403", "404", "409", "422", "429", "502", "503", "504"]),
        "securitySchemes": security(),
        "parameters": {
            "Id": { "name": "id", "in": "path", "required": true, "description": "Which one.", "schema": { "type": "string", "format": "uuid" } },
            "Organization": { "name": "organization", "in": "path", "required": true, "description": "The organisation: its slug, or its id.", "schema": { "type": "string" } },
            "Provider": { "name": "provider", "in": "path", "required": true, "description": "The identity provider.", "schema": { "type": "string", "format": "uuid" } },
        },
        "headers": {},
    })
}

fn refusals(statuses: &[&str]) -> Json {
    let refusals = REFUSALS.iter().filter(|(_, status, _)| statuses.contains(status)).map(|(name, status, about)| {
        let mut response = answer(about, reference("schemas", "Error"));
        if matches!(*status, "429" | "503") {
            let about = "After how many seconds to try again.";
            response["headers"] = json!({ "Retry-After": { "description": about, "schema": { "type": "integer" } } });
        }
        if *status == "429" {
            let field = |about: &str, example: &str| json!({ "description": about, "schema": { "type": "string", "examples": [example] } });
            let about = "The limits, after draft-ietf-httpapi-ratelimit-headers-11; on other answers too.";
            response["headers"]["RateLimit-Policy"] = field(about, r#""user-minute";q=500;w=60"#);
            response["headers"]["RateLimit"] = field("What is left, and in how many seconds all is there again.", r#""user-minute";r=0;t=60"#);
        }
        ((*name).to_owned(), response)
    });
    Json::Object(refusals.collect())
}

fn security() -> Json {
    json!({ "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "RS256, audience `daybook`; `tenant_id`, `sub` and `permissions` say who one is and what one may.",
    } })
}
