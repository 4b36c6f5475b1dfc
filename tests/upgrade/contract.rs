//! What one release has promised beyond another: its new events and commands, by the contracts committed with each.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value as Json, json};

/// A command that only the newer release has, for an aggregate that is there.
#[derive(Debug, Clone)]
pub struct Command {
    /// The aggregates it is for, as in `/api/v1/<aggregates>`.
    pub aggregates: String,
    /// Its name.
    pub name: String,
    /// What its description gives as an example.
    pub body: Json,
}

/// The types of event that only the newer of two checkouts declares.
pub fn new_events(older: &Path, newer: &Path) -> Vec<String> {
    let (known, declared) = (events(older), events(newer));
    declared.difference(&known).cloned().collect()
}

fn events(checkout: &Path) -> BTreeSet<String> {
    let schemas = fs::read_dir(checkout.join("schemas/avro")).unwrap();
    let names = schemas.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".avsc").map(str::to_owned)).collect()
}

/// The commands that only the newer of two checkouts describes, for aggregates that are there.
pub fn new_commands(older: &Path, newer: &Path) -> Vec<Command> {
    let (known, described) = (description(older), description(newer));
    let paths = described["paths"].as_object().unwrap().iter();
    let fresh = paths.filter(|(path, _)| known["paths"].get(path.as_str()).is_none());
    fresh.filter_map(|(path, item)| command(path, item, &described)).collect()
}

fn description(checkout: &Path) -> Json {
    let path = checkout.join("schemas/openapi/command-api.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The command of a path such as `/api/v1/incidents/{id}/assign`; none for paths of another form.
fn command(path: &str, item: &Json, described: &Json) -> Option<Command> {
    let (aggregates, name) = path.strip_prefix("/api/v1/")?.split_once("/{id}/")?;
    let form = item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    let shape = described.pointer(form.strip_prefix('#')?)?;
    let body = shape["examples"].get(0).cloned().unwrap_or_else(|| json!({}));
    Some(Command { aggregates: aggregates.to_owned(), name: name.to_owned(), body })
}
