//! Whether two versions of a schema read each other: FULL_TRANSITIVE, and a little more.
//!
//! Avro's own rules are checked by apache-avro. They see neither logical types nor that a text and bytes differ, so a text
//! could turn into an id; here a field that stays keeps its type to the letter.

use std::collections::BTreeMap;

use apache_avro::{
    Schema,
    schema_compatibility::{Compatibility, SchemaCompatibility},
};
use serde_json::Value as Json;

/// Why the two versions do not read each other, one sentence each; none if they do.
pub fn conflicts(earlier: &str, later: &str) -> Vec<String> {
    let (Ok(earlier_json), Ok(later_json)) = (serde_json::from_str(earlier), serde_json::from_str(later)) else {
        return vec!["one of the two is no JSON document".to_owned()];
    };
    let conflicts = of_fields(&earlier_json, &later_json);
    if conflicts.is_empty() { by_avro(&earlier_json, &later_json).into_iter().collect() } else { conflicts }
}

fn by_avro(earlier: &Json, later: &Json) -> Option<String> {
    let parse = |schema: &Json| Schema::parse(&SpelledOut::default().schema(schema));
    let (earlier, later) = match (parse(earlier), parse(later)) {
        (Ok(earlier), Ok(later)) => (earlier, later),
        (Err(error), _) | (_, Err(error)) => return Some(error.to_string()),
    };
    match SchemaCompatibility::mutual_read(&earlier, &later) {
        Ok(Compatibility::Full) => None,
        Ok(Compatibility::Partial) => Some("some values of one cannot be read as the other".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn of_fields(earlier: &Json, later: &Json) -> Vec<String> {
    let (earlier, later) = (records(earlier), records(later));
    let mut conflicts = Vec::new();
    for (record, fields) in &earlier {
        let Some(others) = later.get(record) else { continue };
        for (name, field) in fields {
            match others.get(name) {
                Some(other) if other.form != field.form => {
                    conflicts.push(format!("field {name} of {record} was {} and is now {}", field.form, other.form));
                }
                None if !field.default => {
                    conflicts.push(format!("field {name} of {record} is gone, though it was always there"));
                }
                _ => {}
            }
        }
        let added = others.iter().filter(|(name, field)| !field.default && !fields.contains_key(*name));
        conflicts.extend(added.map(|(name, _)| {
            format!("field {name} of {record} is new and required; make it optional, a list or a map")
        }));
    }
    conflicts
}

/// A field without what may change freely: documentation and hints.
struct Field {
    form: Json,
    default: bool,
}

type Records = BTreeMap<String, BTreeMap<String, Field>>;

/// Every record by its full name.
fn records(schema: &Json) -> Records {
    let mut records = Records::new();
    form(schema, "", &mut records);
    records
}

/// The form of a type, in which a record is its name only; records met on the way are written down.
fn form(schema: &Json, namespace: &str, records: &mut Records) -> Json {
    match schema {
        Json::Array(branches) => branches.iter().map(|branch| form(branch, namespace, records)).collect(),
        Json::Object(object) if object.get("type").is_some_and(|of| of == "record") => {
            let text = |key: &str| object.get(key).and_then(Json::as_str);
            let namespace = text("namespace").unwrap_or(namespace);
            let name = format!("{namespace}.{}", text("name").unwrap_or_default());
            let fields = object.get("fields").and_then(Json::as_array).into_iter().flatten();
            let fields = fields
                .map(|field| {
                    let form = form(&field["type"], namespace, records);
                    let name = field["name"].as_str().unwrap_or_default().to_owned();
                    (name, Field { form, default: field.get("default").is_some() })
                })
                .collect();
            records.insert(name.clone(), fields);
            name.into()
        }
        Json::Object(object) => {
            let kept = ["type", "items", "values", "logicalType"].into_iter().filter_map(|key| {
                let value = object.get(key)?;
                Some((
                    key.to_owned(),
                    if key == "logicalType" { value.clone() } else { form(value, namespace, records) },
                ))
            });
            Json::Object(kept.collect())
        }
        other => other.clone(),
    }
}

/// Writes a schema so that each record is spelled out wherever it stands, every time in a namespace of its own.
///
/// apache-avro takes a record's definition and its mere name for different types, so a field in front of the one that
/// held the definition would look like a conflict. It compares records by their short names, which stay.
#[derive(Default)]
struct SpelledOut {
    records: BTreeMap<String, Json>,
    count: usize,
}

impl SpelledOut {
    fn schema(&mut self, schema: &Json) -> Json {
        match schema {
            Json::String(name) => match self.records.get(name).cloned() {
                Some(record) => self.schema(&record),
                None => schema.clone(),
            },
            Json::Array(branches) => branches.iter().map(|branch| self.schema(branch)).collect(),
            Json::Object(object) if object.get("type").is_some_and(|of| of == "record") => {
                let text = |key: &str| object.get(key).and_then(Json::as_str);
                let name = text("name").unwrap_or_default();
                let full = text("namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}.{name}"));
                self.records.insert(full, schema.clone());
                self.count += 1;
                let mut record = object.clone();
                record.insert("namespace".to_owned(), format!("place{}", self.count).into());
                if let Some(fields) = record.get_mut("fields").and_then(Json::as_array_mut) {
                    fields.iter_mut().for_each(|field| field["type"] = self.schema(&field["type"]));
                }
                record.into()
            }
            Json::Object(object) => {
                let mut object = object.clone();
                for key in ["type", "items", "values"] {
                    if let Some(inner) = object.get_mut(key) {
                        *inner = self.schema(inner);
                    }
                }
                object.into()
            }
            other => other.clone(),
        }
    }
}
