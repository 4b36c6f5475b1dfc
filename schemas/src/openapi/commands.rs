//! The commands: for every aggregate one route that begins it and one for each command it takes.

use daybook_kernel::{CommandShape, Kind, json};
use serde_json::{Value as Json, json};

use super::{
    Paths, body_name, parts, reference,
    shapes::{Owner, Schemas},
};
use crate::sample;

/// Adds the commands of a kind.
pub fn of(kind: &'static dyn Kind, schemas: &mut Schemas, paths: &mut Paths) {
    let path = kind.meta().path;
    for (command, shape) in kind.commands().iter().enumerate() {
        body(kind, command, schemas);
        let at = match begins(kind, command) {
            true => format!("/api/v1/{path}"),
            false => format!("/api/v1/{path}/{{id}}/{}", shape.name),
        };
        let id = format!("{}.{}", kind.meta().events, shape.name);
        paths.add(&at, "post", operation(kind, command, &id));
    }
}

/// Whether the command is the one that begins an aggregate by a POST to its path.
fn begins(kind: &dyn Kind, command: usize) -> bool {
    kind.begins() == Some(command)
}

/// The component of a command's body.
fn body(kind: &'static dyn Kind, command: usize, schemas: &mut Schemas) {
    let owner = Owner { context: kind.meta().context, type_name: kind.meta().type_name };
    let shape = kind.commands()[command].body;
    let mut schema = schemas.request(owner, shape);
    schema["description"] = shape.doc.into();
    schema["examples"] = json!([json::write_record(shape, &sample::request(shape))]);
    schemas.add(&body_name(kind, command), schema);
}

/// The operation that gives a command.
pub fn operation(kind: &'static dyn Kind, command: usize, id: &str) -> Json {
    let shape = &kind.commands()[command];
    let begins = begins(kind, command);
    let mut parameters = vec!["IdempotencyKey", "OccurredAt"];
    if !begins {
        parameters.splice(0..0, ["Id", "IfMatch"]);
    }
    json!({
        "operationId": id,
        "tags": [kind.meta().type_name],
        "summary": shape.doc,
        "description": about(kind, command, shape),
        "x-permission": kind.permission(command),
        "parameters": parameters.into_iter().map(|name| reference("parameters", name)).collect::<Vec<_>>(),
        "requestBody": request(&body_name(kind, command), needs_body(shape)),
        "responses": parts::responses(accepted(begins), parts::COMMAND_REFUSALS),
    })
}

/// A body of that component.
pub fn request(component: &str, required: bool) -> Json {
    json!({ "required": required, "content": { "application/json": { "schema": reference("schemas", component) } } })
}

/// The answer to an acceptance.
pub fn accepted(begins: bool) -> Json {
    let mut headers = json!({
        "Daybook-Position": reference("headers", "Position"),
        "ETag": reference("headers", "ETag"),
        "Idempotency-Key": reference("headers", "IdempotencyKey"),
    });
    if begins {
        headers["Location"] = reference("headers", "Location");
    }
    let mut answer = parts::answer("It is in the journal.", reference("schemas", "Receipt"));
    answer["headers"] = headers;
    if begins { json!({ "201": answer }) } else { json!({ "200": answer }) }
}

fn needs_body(shape: &CommandShape) -> bool {
    shape.body.fields.iter().any(|field| {
        let absent = matches!(field.shape, daybook_kernel::Shape::List { .. } | daybook_kernel::Shape::Map { .. });
        !field.shape.is_optional() && !absent
    })
}

fn about(kind: &dyn Kind, command: usize, shape: &CommandShape) -> String {
    let transition = kind.transition(command);
    let mut about = format!("{}\n\nPermission: `{}`.", shape.doc, kind.permission(command));
    if let Some(from) = &transition.from {
        about += &format!(" Possible in status {}.", list(from));
    }
    if !transition.to.is_empty() {
        about += &format!(" Leads to {}.", list(&transition.to));
    }
    about
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
