//! The APIs of the services as OpenAPI 3.1 documents: most of it from the declaration, the rest described by hand.

mod access;
mod aliases;
mod commands;
mod estate;
mod figures;
mod page;
mod parts;
mod questions;
mod search;
mod shapes;
mod sign_in;
mod subjects;

use daybook_kernel::Kind;
use serde_json::{Map, Value as Json, json};

pub use page::page;
use shapes::Schemas;
pub use sign_in::sign_in;

/// The documents by the name of their file.
pub fn documents() -> Vec<(&'static str, Json)> {
    vec![("command-api", command_api()), ("query-api", query_api()), ("sign-in", sign_in())]
}

/// The name of the component that describes the body of a command, such as `incident.Incident.assign`.
pub fn body_name(kind: &dyn Kind, command: usize) -> String {
    format!("{}.{}", kind.meta().type_name, kind.commands()[command].name)
}

/// The API that takes commands.
pub fn command_api() -> Json {
    let mut schemas = Schemas::default();
    let mut paths = Paths::default();
    for kind in daybook_contents::kinds() {
        commands::of(kind, &mut schemas, &mut paths);
    }
    aliases::add(&mut schemas, &mut paths);
    schemas.add("Receipt", parts::receipt());
    document(
        "Daybook commands",
        "Every accepted command is one entry in the journal, and is answered when it is there. The answer names its \
         position: a query that sends it back in `Daybook-Position` sees at least this.",
        schemas,
        paths,
        parts::command_components(),
    )
}

/// The API that answers questions.
pub fn query_api() -> Json {
    let mut schemas = Schemas::of_answers();
    let mut paths = Paths::default();
    for kind in daybook_contents::kinds() {
        questions::of(kind, &mut schemas, &mut paths);
    }
    for context in daybook_contents::CONTEXTS {
        questions::special_views(context, &mut schemas, &mut paths);
    }
    estate::add(&mut schemas, &mut paths);
    search::add(&mut schemas, &mut paths);
    figures::add(&mut schemas, &mut paths);
    access::add(&mut schemas, &mut paths);
    subjects::add(&mut paths);
    schemas.add("Event", parts::event());
    document(
        "Daybook queries",
        "Answers come from views that follow the journal within moments. A request that names positions in \
         `Daybook-Position` waits, bounded, until the view has passed them.",
        schemas,
        paths,
        parts::query_components(),
    )
}

/// Paths with their operations, in the order in which they were added.
#[derive(Default)]
struct Paths(Map<String, Json>);

impl Paths {
    fn add(&mut self, path: &str, method: &str, operation: Json) {
        let item = self.0.entry(path).or_insert_with(|| Json::Object(Map::new()));
        item[method] = operation;
    }
}

fn document(title: &str, about: &str, mut schemas: Schemas, paths: Paths, components: Json) -> Json {
    schemas.add("Error", parts::error());
    let tags: Vec<Json> = daybook_contents::kinds()
        .map(|kind| json!({ "name": kind.meta().type_name, "description": kind.meta().shape.doc }))
        .chain(parts::TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })))
        .filter(|tag| paths.0.values().any(|item| has_tag(item, &tag["name"])))
        .collect();
    let mut all = json!({ "schemas": schemas.into_json() });
    if let (Json::Object(all), Json::Object(more)) = (&mut all, components) {
        all.extend(more);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": about,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "this service" }],
        "security": [{ "bearer": [] }],
        "tags": tags,
        "paths": paths.0,
        "components": all,
    })
}

fn has_tag(item: &Json, name: &Json) -> bool {
    let operations = item.as_object().into_iter().flat_map(Map::values);
    operations.filter_map(|operation| operation["tags"].as_array()).any(|tags| tags.contains(name))
}

/// A reference to a component.
fn reference(kind: &str, name: &str) -> Json {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}
