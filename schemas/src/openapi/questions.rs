//! The questions that every aggregate answers: list, get, timeline, actions, growing lists; and the special lists.

use daybook_contents::{BoundedContext, permissions::to_read};
use daybook_kernel::{Kind, RecordShape, Shape};
use serde_json::{Value as Json, json};

use super::{
    Paths, parts, reference,
    shapes::{Owner, Schemas},
};

/// Adds the questions of a kind.
pub fn of(kind: &'static dyn Kind, schemas: &mut Schemas, paths: &mut Paths) {
    let (meta, owner) = (kind.meta(), owner(kind));
    let path = format!("/api/v1/{}", meta.path);
    add_shown(schemas, meta.type_name, owner, meta.shape);
    let state = || reference("schemas", meta.type_name);
    let ask = |name: &str, about: &str, parameters: Vec<Json>, given: Json, refusals: &[&str]| {
        let id = format!("{}.{name}", meta.events);
        question(&id, meta.type_name, about, &to_read(kind), parameters, given, refusals)
    };

    let about = format!("Those of the caller's tenant, newest first: {}", meta.shape.doc);
    let page = json!({ "200": parts::answer("A page.", page_of(state())) });
    paths.add(&path, "get", ask("list", &about, list_parameters(meta.shape), page, WITH_CURSOR));

    let as_of = "As it was known at that time.";
    let parameters = vec![
        reference("parameters", "Id"),
        time("as_of", as_of),
        fields(meta.shape),
        reference("parameters", "Position"),
    ];
    let mut found = parts::answer("The aggregate.", state());
    found["headers"] = json!({ "ETag": reference("headers", "ETag") });
    let given = json!({ "200": found, "304": { "description": "It is what `If-None-Match` says." } });
    let one = format!("{path}/{{id}}");
    paths.add(&one, "get", ask("get", "One, as it is or as it was.", parameters, given, parts::QUERY_REFUSALS));

    for (name, about) in [("timeline", "What happened to it, in order."), ("events", "The same as its timeline.")] {
        let given = json!({ "200": parts::answer("A page.", page_of(reference("schemas", "Event"))) });
        let parameters = sequence_parameters("version");
        paths.add(&format!("{one}/{name}"), "get", ask(name, about, parameters, given, WITH_CURSOR));
    }

    let about = "What the caller may do to it now.";
    let parameters = vec![reference("parameters", "Id"), reference("parameters", "Position")];
    let given = json!({ "200": parts::answer("The commands.", actions()) });
    paths.add(&format!("{one}/actions"), "get", ask("actions", about, parameters, given, parts::QUERY_REFUSALS));

    for field in meta.shape.fields {
        if let Shape::Log(item) = field.shape {
            let name = format!("{}.{}", meta.type_name, item.name);
            let mut schema = schemas.object(owner, item);
            schema["properties"]["item"] = json!({ "type": "integer", "description": "Its number, from 1." });
            schema["properties"]["at"] =
                json!({ "type": "string", "format": "date-time", "description": "When it was recorded." });
            if Shape::Record(item).holds_personal() {
                schema["properties"]["masked"] = parts::masked();
            }
            schema["description"] = item.doc.into();
            schemas.add(&name, schema);
            let given = json!({ "200": parts::answer("A page.", page_of(reference("schemas", &name))) });
            let operation = ask(field.name, field.doc, sequence_parameters("item"), given, WITH_CURSOR);
            paths.add(&format!("{one}/{}", field.name), "get", operation);
        }
    }
}

/// Adds the lists of a context beside the default ones.
pub fn special_views(context: &'static BoundedContext, schemas: &mut Schemas, paths: &mut Paths) {
    for view in context.views {
        let Some(kind) = daybook_contents::kind(view.of) else { continue };
        let name = format!("{}.{}", context.name, view.name);
        add_shown(schemas, &name, owner(kind), view.shape);
        let given = json!({ "200": parts::answer("A page.", page_of(reference("schemas", &name))) });
        let id = format!("{}.{}", kind.meta().events, view.name);
        let parameters = list_parameters(view.shape);
        let operation = question(&id, kind.meta().type_name, view.doc, &to_read(kind), parameters, given, WITH_CURSOR);
        paths.add(&format!("/api/v1/{}/{}", kind.meta().path, view.name), "get", operation);
    }
}

/// The refusals of what has a cursor.
const WITH_CURSOR: &[&str] = &["400", "401", "403", "404", "410", "503"];

fn owner(kind: &'static dyn Kind) -> Owner {
    Owner { context: kind.meta().context, type_name: kind.meta().type_name }
}

/// The operation of a question.
pub fn question(
    id: &str,
    tag: &str,
    about: &str,
    permission: &str,
    parameters: Vec<Json>,
    given: Json,
    refusals: &[&str],
) -> Json {
    json!({
        "operationId": id,
        "tags": [tag],
        "summary": about,
        "description": format!("{about}\n\nPermission: `{permission}`."),
        "x-permission": permission,
        "parameters": parameters,
        "responses": parts::responses(given, refusals),
    })
}

/// Adds an aggregate as an answer shows it: its fields, and what every aggregate has.
fn add_shown(schemas: &mut Schemas, name: &str, owner: Owner, shape: &'static RecordShape) {
    let mut schema = schemas.object(owner, shape);
    for (name, more) in [
        ("id", json!({ "type": "string", "format": "uuid", "description": "Its id." })),
        ("version", json!({ "type": "integer", "minimum": 1, "description": "How many events it has had." })),
        ("created_at", json!({ "type": "string", "format": "date-time", "description": "When it began." })),
        ("updated_at", json!({ "type": "string", "format": "date-time", "description": "When it last changed." })),
    ] {
        schema["properties"][name] = more;
    }
    if shape.fields.iter().any(|field| field.shape.holds_personal()) {
        schema["properties"]["masked"] = parts::masked();
    }
    // Sparse fields leave out all but these.
    schema["required"] = json!(["id", "version"]);
    schema["description"] = shape.doc.into();
    schemas.add(name, schema);
}

/// A page of items.
pub fn page_of(item: Json) -> Json {
    json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "items": item },
            "next_cursor": { "type": ["string", "null"], "description": "The cursor of the next page; null after the last." },
        },
    })
}

fn actions() -> Json {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object",
        "required": ["id", "version", "status", "actions"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "version": { "type": "integer", "minimum": 1 },
            "status": text("Where it stands."),
            "actions": { "type": "array", "items": { "type": "object", "properties": {
                "command": text("The command's name."),
                "description": text("What it asks for."),
                "permission": text("The permission it needs, which the caller has."),
                "leads_to": { "type": "array", "items": { "type": "string" }, "description": "The statuses it may lead to; none if it stays." },
                "method": text("The HTTP method."),
                "href": text("Where to send it."),
                "body_schema": text("Where its body is described."),
            } } },
        },
    })
}

/// A time in the query string.
fn time(name: &str, about: &str) -> Json {
    parts::parameter(name, about, json!({ "type": "string", "format": "date-time" }))
}

/// Which fields are shown.
fn fields(shape: &'static RecordShape) -> Json {
    let declared = shape.fields.iter().filter(|field| !field.shape.is_blind()).map(|field| field.name);
    let names: Vec<_> = ["id", "version"].into_iter().chain(declared).chain(["created_at", "updated_at"]).collect();
    let items = json!({ "type": "string", "enum": names });
    let mut parameter = parts::parameter(
        "fields",
        "Only these fields, separated by commas; `id` and `version` always come.",
        json!({ "type": "array", "items": items, "minItems": 1 }),
    );
    parameter["style"] = "form".into();
    parameter["explode"] = Json::Bool(false);
    parameter
}

fn sequence_parameters(number: &str) -> Vec<Json> {
    let sort = json!({ "type": "string", "enum": [number, format!("-{number}")], "default": number });
    vec![
        reference("parameters", "Id"),
        parts::parameter("sort", "Oldest first, or with - latest first.", sort),
        parts::parameter(
            "limit",
            "The most items of a page.",
            json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 100 }),
        ),
        reference("parameters", "Cursor"),
        reference("parameters", "Position"),
    ]
}

/// The parameters of a list: a filter for each field declared to be one, the order, and the page.
fn list_parameters(shape: &'static RecordShape) -> Vec<Json> {
    let mut parameters = Vec::new();
    let mut sorts = Vec::new();
    let id = json!({ "type": "string", "format": "uuid" });
    parameters.push(filter("id", "Any of these ids.", id));
    for field in shape.fields {
        let (of, many) = match field.shape.required() {
            Shape::List { of, .. } => (*of, true),
            single => (single, false),
        };
        let Some(value) = column(of) else { continue };
        let asked = field.view.filter || field.view.sort;
        if field.view.filter {
            parameters.push(filter(field.name, field.doc, value.clone()));
        }
        if asked && !many && matches!(of, Shape::Whole { .. } | Shape::Time | Shape::Date) {
            parameters.push(parts::parameter(&format!("{}.gte", field.name), "This or greater.", value.clone()));
            parameters.push(parts::parameter(&format!("{}.lte", field.name), "This or less.", value));
        }
        if field.view.filter && field.shape.is_optional() {
            let about = "Whether there is none.";
            parameters.push(parts::parameter(&format!("{}.absent", field.name), about, json!({ "type": "boolean" })));
        }
        if field.view.sort && !many {
            sorts.push(field.name);
        }
    }
    for name in ["created_at", "updated_at"] {
        sorts.push(name);
        parameters.push(time(&format!("{name}.gte"), "This or later."));
        parameters.push(time(&format!("{name}.lte"), "This or earlier."));
    }
    let orders: Vec<String> = sorts.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
    parameters.push(parts::parameter(
        "sort",
        "By what, with - the greatest first.",
        json!({ "type": "string", "enum": orders }),
    ));
    parameters.push(fields(shape));
    parameters.extend(["Limit", "Cursor", "Position"].map(|name| reference("parameters", name)));
    parameters
}

/// A filter: one value, or several of which any may hold.
fn filter(name: &str, about: &str, value: Json) -> Json {
    let mut parameter =
        parts::parameter(name, about, json!({ "type": "array", "items": value, "minItems": 1, "maxItems": 100 }));
    parameter["style"] = "form".into();
    parameter["explode"] = Json::Bool(false);
    parameter
}

/// How a value is said in the query string; `None` for what no list is filtered or sorted by.
fn column(shape: &Shape) -> Option<Json> {
    match shape {
        Shape::Flag => Some(json!({ "type": "boolean" })),
        Shape::Whole { .. } => Some(json!({ "type": "integer" })),
        // No store keeps a zero character.
        Shape::Text { .. } | Shape::Number | Shape::Blind => {
            Some(json!({ "type": "string", "pattern": r"^[^\u0000]*$" }))
        }
        Shape::Choice { options, .. } => Some(json!({ "type": "string", "enum": options })),
        Shape::Time => Some(json!({ "type": "string", "format": "date-time" })),
        Shape::Date => Some(json!({ "type": "string", "format": "date" })),
        Shape::Id | Shape::Ref(_) => Some(json!({ "type": "string", "format": "uuid" })),
        _ => None,
    }
}
