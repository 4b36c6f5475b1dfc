//! The index of a kind: which of its fields are searched, counted and filtered, from the declaration.

use daybook_kernel::{Field, Kind, Shape};
use serde_json::{Map, Value as Json, json};

/// Whether the kind has anything to be found by.
pub fn is_searched(kind: &dyn Kind) -> bool {
    kind.meta().shape.fields.iter().any(|field| field.view.search)
}

/// The fields that a document shows: all that have a hint.
pub fn shown(kind: &dyn Kind) -> impl Iterator<Item = (usize, &'static Field)> {
    let hinted = |field: &Field| field.view.search || field.view.facet || field.view.filter || field.view.sort;
    kind.meta().shape.fields.iter().enumerate().filter(move |(_, field)| hinted(field) && field_type(field).is_some())
}

/// Settings and mapping of the index.
pub fn index(kind: &dyn Kind, replicas: u32) -> Json {
    let mut properties = Map::new();
    for (_, field) in shown(kind) {
        if let Some(mapping) = field_type(field) {
            properties.insert(field.name.to_owned(), mapping);
        }
    }
    for (name, mapping) in [
        ("tenant", json!({ "type": "keyword" })),
        ("id", json!({ "type": "keyword" })),
        ("type", json!({ "type": "keyword" })),
        ("version", json!({ "type": "long" })),
        ("created_at", json!({ "type": "date" })),
        ("updated_at", json!({ "type": "date" })),
        // What the next event is folded into: kept, never searched, its personal fields sealed.
        ("_state", json!({ "type": "object", "enabled": false })),
    ] {
        properties.insert(name.to_owned(), mapping);
    }
    json!({
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            // The projector refreshes after each batch: what its checkpoint says can be found.
            "refresh_interval": "30s",
        },
        "mappings": { "dynamic": "strict", "properties": properties },
    })
}

fn field_type(field: &Field) -> Option<Json> {
    let shape = match field.shape.required() {
        Shape::List { of, .. } => of,
        other => other,
    };
    let text = match shape {
        Shape::Personal(of) if field.view.search => of.required(),
        // Opened only where it is to be found.
        Shape::Personal(_) => return None,
        other => other,
    };
    Some(match text {
        Shape::Text { lines: true, .. } if field.view.search => json!({ "type": "text" }),
        Shape::Text { .. } | Shape::Number | Shape::Scalar if field.view.search && !field.view.facet => {
            // Found while it is being typed.
            json!({ "type": "text", "index_prefixes": {} })
        }
        Shape::Text { .. } | Shape::Choice { .. } | Shape::Number | Shape::Scalar => {
            json!({ "type": "keyword", "ignore_above": 1_000 })
        }
        Shape::Id | Shape::Ref(_) => json!({ "type": "keyword" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole { .. } => json!({ "type": "long" }),
        Shape::Time | Shape::Date => json!({ "type": "date" }),
        _ => return None,
    })
}
