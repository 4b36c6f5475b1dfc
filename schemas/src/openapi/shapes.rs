//! Shapes as JSON schemas (draft 2020-12, the dialect of OpenAPI 3.1), with their limits, options and formats.

use daybook_kernel::{Field, FileRef, LocalTime, Money, Quantity, RecordShape, Shape, log::Item, shape::TextFormat};
use serde_json::{Map, Value as Json, json};

use super::reference;

/// The records that mean the same everywhere.
const EVERYWHERE: [&RecordShape; 4] = [Money::RECORD, Quantity::RECORD, FileRef::RECORD, LocalTime::RECORD];

/// The schemas among a document's components, in the order in which they were met.
#[derive(Default)]
pub struct Schemas {
    components: Map<String, Json>,
    records: Vec<(String, &'static RecordShape)>,
    /// Whether a personal value may be `null`, since it is forgotten: in answers, never in what is asked.
    forgets: bool,
}

/// Whose declaration a shape stands in: decides what its records are called.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The context, such as `incident`.
    pub context: &'static str,
    /// The aggregate's type, such as `incident.Incident`.
    pub type_name: &'static str,
}

impl Schemas {
    /// The schemas of answers.
    pub fn of_answers() -> Self {
        Self { forgets: true, ..Self::default() }
    }

    /// Adds a component.
    pub fn add(&mut self, name: &str, schema: Json) {
        self.components.insert(name.to_owned(), schema);
    }

    pub fn into_json(self) -> Json {
        self.components.into()
    }

    /// What a request says of a record: unknown fields are refused, so none is described.
    pub fn request(&mut self, owner: Owner, record: &'static RecordShape) -> Json {
        let mut schema = self.object(owner, record);
        schema["additionalProperties"] = Json::Bool(false);
        schema
    }

    /// A record's fields as an object.
    pub fn object(&mut self, owner: Owner, record: &'static RecordShape) -> Json {
        let properties: Map<String, Json> =
            said(record).map(|field| (field.name.to_owned(), self.field(owner, field))).collect();
        let absent = |shape: &Shape| {
            matches!(shape, Shape::Optional(_) | Shape::List { .. } | Shape::Map { .. } | Shape::Log(_))
        };
        let required: Vec<_> = said(record).filter(|field| !absent(&field.shape)).map(|field| field.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn field(&mut self, owner: Owner, field: &'static Field) -> Json {
        let mut schema = self.value(owner, &field.shape);
        if !field.doc.is_empty() {
            schema["description"] = field.doc.into();
        }
        if field.shape.holds_personal() && !has_record(&field.shape) {
            schema["x-personal"] = Json::Bool(true);
        }
        schema
    }

    /// The schema of a value.
    pub fn value(&mut self, owner: Owner, shape: &'static Shape) -> Json {
        match shape {
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Whole { min: i64::MIN, max: i64::MAX } => json!({ "type": "integer", "format": "int64" }),
            Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Shape::Text { max, lines, format } => text(*max, *lines, *format),
            Shape::Choice { options, .. } => json!({ "type": "string", "enum": options }),
            Shape::Time => json!({ "type": "string", "format": "date-time" }),
            Shape::Date => json!({ "type": "string", "format": "date" }),
            Shape::Id => json!({ "type": "string", "format": "uuid" }),
            Shape::Ref(of) => json!({ "type": "string", "format": "uuid", "x-references": of }),
            Shape::Number => {
                json!({ "type": "string", "maxLength": 32, "pattern": ONE_LINE, "examples": ["INC0000001"] })
            }
            Shape::Scalar => {
                json!({ "type": ["string", "integer", "boolean"], "maxLength": 1_000, "pattern": ONE_LINE })
            }
            Shape::Optional(Shape::Personal(of)) => or_null(self.value(owner, of)),
            Shape::Personal(of) if self.forgets => or_null(self.value(owner, of)),
            Shape::Personal(of) => self.value(owner, of),
            Shape::Blind => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            Shape::Optional(of) => or_null(self.value(owner, of)),
            Shape::List { of, max } => json!({ "type": "array", "items": self.value(owner, of), "maxItems": max }),
            Shape::Map { of, max } => json!({
                "type": "object",
                "additionalProperties": self.value(owner, of),
                "propertyNames": { "minLength": 1, "maxLength": 64, "pattern": NAME },
                "maxProperties": max,
            }),
            Shape::Record(record) => self.record(owner, record),
            Shape::Log(_) => json!({ "type": "integer", "minimum": 0, "readOnly": true }),
        }
    }

    /// A reference to the record's component, added where it is not there yet.
    pub fn record(&mut self, owner: Owner, record: &'static RecordShape) -> Json {
        let everywhere = EVERYWHERE.contains(&record).then(|| record.name.to_owned());
        let in_context = || format!("{}.{}", owner.context, record.name);
        let mut name = everywhere.unwrap_or_else(in_context);
        if self.records.iter().any(|(known, other)| *known == name && *other != record) {
            name = format!("{}.{}", owner.type_name, record.name);
        }
        if !self.records.iter().any(|(known, _)| *known == name) {
            self.records.push((name.clone(), record));
            let mut schema = self.request(owner, record);
            schema["description"] = record.doc.into();
            self.add(&name, schema);
        }
        reference("schemas", &name)
    }
}

/// The fields that clients give and see.
fn said(record: &'static RecordShape) -> impl Iterator<Item = &'static Field> {
    record.fields.iter().filter(|field| !field.shape.is_blind())
}

fn has_record(shape: &Shape) -> bool {
    match shape {
        Shape::Record(_) => true,
        Shape::Optional(of) | Shape::List { of, .. } | Shape::Map { of, .. } => has_record(of),
        _ => false,
    }
}

/// A text of one line that says something: no control character in it, and not blanks alone.
const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// The same, but of lines.
const LINES: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// A name in a map.
const NAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

fn text(max: usize, lines: bool, format: TextFormat) -> Json {
    let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": max });
    let (key, value, example) = match format {
        TextFormat::Free => {
            schema["pattern"] = if lines { LINES } else { ONE_LINE }.into();
            return schema;
        }
        TextFormat::Email => ("format", "email", "ada@example.org"),
        TextFormat::Slug => ("pattern", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "acme-1"),
        TextFormat::Currency => ("pattern", "^[A-Z]{3}$", "EUR"),
        TextFormat::Zone => ("format", "iana-time-zone", "Europe/Paris"),
        TextFormat::Permission => ("pattern", "^[a-z_]+:[a-z_]+$", "incident:report"),
        TextFormat::CivilTime => ("format", "local-date-time", "2026-11-21T09:00:00"),
        TextFormat::Locale => ("pattern", "^[a-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "de-CH"),
    };
    schema[key] = value.into();
    schema["examples"] = json!([example]);
    schema
}

/// The schema of a value that may be absent.
fn or_null(mut schema: Json) -> Json {
    match schema.get_mut("type") {
        Some(Json::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.clone(), "null"]),
        None => return json!({ "anyOf": [schema, { "type": "null" }] }),
    }
    if let Some(Json::Array(options)) = schema.get_mut("enum") {
        options.push(Json::Null);
    }
    schema
}
