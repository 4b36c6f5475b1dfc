//! The OpenAPI documents: whole in themselves, one name for each operation, examples that the services would take.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::collections::BTreeSet;

use daybook_kernel::json;
use daybook_schemas::openapi::{body_name, command_api, documents};
use serde_json::Value as Json;

fn every(json: &Json, found: &mut dyn FnMut(&str, &Json)) {
    match json {
        Json::Object(object) => object.iter().for_each(|(name, json)| {
            found(name, json);
            every(json, found);
        }),
        Json::Array(items) => items.iter().for_each(|json| every(json, found)),
        _ => {}
    }
}

#[test]
fn every_reference_is_found_and_every_component_is_used() {
    for (name, document) in documents() {
        let mut referred = BTreeSet::new();
        every(&document, &mut |key, json| {
            if key == "$ref" {
                let to = json.as_str().unwrap();
                assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{name}: there is no {to}");
                referred.insert(to.to_owned());
            }
        });
        for kind in ["schemas", "responses", "parameters", "headers"] {
            for component in document["components"][kind].as_object().unwrap().keys() {
                let to = format!("#/components/{kind}/{component}");
                assert!(referred.contains(&to), "{name}: nothing refers to {to}");
            }
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_tag_that_is_described() {
    for (name, document) in documents() {
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(names.insert(id.to_owned()), "{name}: two operations are called {id}");
                assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name}: {id} has a tag unknown");
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{name}: {id} says nothing"
                );
                for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                    let known = operation["parameters"].as_array().unwrap();
                    let name = format!("{}{}", part[..1].to_uppercase(), &part[1..]);
                    let described = format!("#/components/parameters/{name}");
                    assert!(known.iter().any(|it| it["$ref"] == described), "{id}: {part} is not described");
                }
            }
        }
    }
}

#[test]
fn every_command_is_described_with_an_example_it_would_take() {
    let document = command_api();
    for kind in daybook_contents::kinds() {
        for (command, shape) in kind.commands().iter().enumerate() {
            let name = body_name(kind, command);
            let schema = &document["components"]["schemas"][&name];
            let example = &schema["examples"][0];
            let parsed = json::parse(shape.body, example);
            assert!(parsed.is_ok(), "{name}: {:?} in {example}", parsed.unwrap_err());
            // What only the edge fills in is nobody's to say.
            let said = shape.body.fields.iter().filter(|field| !field.shape.is_blind());
            let fields: Vec<&str> = said.map(|field| field.name).collect();
            let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(described, fields, "{name}");
        }
    }
}
