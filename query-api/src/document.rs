//! Documents: an aggregate as an answer shows it, its personal data opened, its fields in the order of the declaration.

use std::collections::BTreeSet;

use daybook_kernel::{FieldError, RecordShape, Shape, Tenant, Time};
use daybook_schemas::sealing::{Ring, keys_in, mask_json};
use serde_json::{Map, Value as Json};
use sqlx::postgres::PgRow;
use sqlx::{Row as _, types};
use uuid::Uuid;

use crate::stores::{Fault, Store};

/// An aggregate as a view holds it.
#[derive(Debug)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its version: the number of its events.
    pub version: i64,
    /// When it began.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Whether the caller may see what is personal in it.
    pub is_clear: bool,
    /// Its fields, personal data sealed.
    pub document: Map<String, Json>,
}

impl Stored {
    /// From a row with the columns `id`, `version`, `created_at`, `updated_at` (microseconds), `is_clear` and `doc`.
    ///
    /// # Errors
    /// When the row is of another form.
    pub fn read(row: &PgRow) -> Result<Self, Fault> {
        let types::Json(document) = row.try_get("doc")?;
        Ok(Self {
            id: row.try_get("id")?,
            version: row.try_get("version")?,
            created_at: Time(row.try_get("created_at")?),
            updated_at: Time(row.try_get("updated_at")?),
            is_clear: row.try_get("is_clear")?,
            document,
        })
    }
}

impl Stored {
    /// Adds the ids of the keys that its personal values name, where they are to be opened.
    pub fn keys(&self, found: &mut BTreeSet<Uuid>) {
        if self.is_clear {
            self.document.values().for_each(|value| keys_in(value, found));
        }
    }
}

/// What an answer shows of each aggregate.
#[derive(Debug, Clone)]
pub struct Shown {
    shape: &'static RecordShape,
    /// The fields asked for; everything where nothing is asked.
    fields: Option<Vec<String>>,
}

/// What says in an answer that what is personal was left out of it, where it was.
pub const MASKED: &str = "masked";

/// What every answer has, whatever the fields asked for: without these two nobody could refer to it.
const ALWAYS: [&str; 2] = ["id", "version"];

/// What every aggregate has beside its declared fields.
const TIMES: [&str; 2] = ["created_at", "updated_at"];

impl Shown {
    /// Everything.
    pub fn all(shape: &'static RecordShape) -> Self {
        Self { shape, fields: None }
    }

    /// The fields that a caller names, separated by commas.
    ///
    /// # Errors
    /// When there is no such field; the message names all.
    pub fn read(shape: &'static RecordShape, said: Option<&str>) -> Result<Self, FieldError> {
        let Some(said) = said else { return Ok(Self::all(shape)) };
        let mut fields = Vec::new();
        for name in said.split(',').map(str::trim) {
            let declared = || shape.fields.iter().filter(|field| !field.shape.is_blind()).map(|field| field.name);
            if !ALWAYS.contains(&name) && !TIMES.contains(&name) && !declared().any(|known| known == name) {
                let known: Vec<_> = ALWAYS.into_iter().chain(declared()).chain(TIMES).collect();
                return Err(FieldError::new(
                    "fields",
                    format!("must name fields of {}: {}; not {name:?}", shape.name, known.join(", ")),
                ));
            }
            fields.push(name.to_owned());
        }
        Ok(Self { shape, fields: Some(fields) })
    }

    fn has(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.iter().any(|field| field == name))
    }

    /// The aggregate as the caller sees it: what is forgotten is `null`, and what is personal where it is not for the caller.
    ///
    /// # Errors
    /// When personal data cannot be opened: the key is another than it was sealed with.
    pub fn of(&self, mut stored: Stored, tenant: Tenant, ring: &Ring) -> Result<Json, Fault> {
        let mut shown = Map::with_capacity(self.shape.fields.len() + 4);
        shown.insert("id".into(), stored.id.to_string().into());
        shown.insert("version".into(), stored.version.into());
        for field in self.shape.fields.iter().filter(|field| self.has(field.name) && !field.shape.is_blind()) {
            let mut value = stored.document.remove(field.name).unwrap_or(Json::Null);
            in_order(&field.shape, &mut value);
            if field.shape.holds_personal() && !stored.is_clear {
                mask_json(&mut value);
            } else if field.shape.holds_personal() {
                ring.open_json(tenant, &mut value).map_err(|error| {
                    Fault::unreadable(
                        Store::Postgres,
                        format!("{} {}, {}: {error}", self.shape.name, stored.id, field.name),
                    )
                })?;
            }
            shown.insert(field.name.into(), value);
        }
        for (name, time) in [("created_at", stored.created_at), ("updated_at", stored.updated_at)] {
            if self.has(name) {
                shown.insert(name.into(), time.to_string().into());
            }
        }
        if !stored.is_clear {
            shown.insert(MASKED.into(), true.into());
        }
        Ok(Json::Object(shown))
    }
}

/// Puts the fields of every record in a value in the order of its declaration; Postgres keeps them in one of its own.
pub fn in_order(shape: &Shape, value: &mut Json) {
    match (shape, value) {
        (Shape::Optional(of) | Shape::Personal(of), value) => in_order(of, value),
        (Shape::List { of, .. }, Json::Array(items)) => items.iter_mut().for_each(|item| in_order(of, item)),
        (Shape::Map { of, .. }, Json::Object(items)) => items.values_mut().for_each(|item| in_order(of, item)),
        (Shape::Record(record), Json::Object(found))
            if record.fields.iter().all(|field| found.contains_key(field.name)) =>
        {
            let ordered = record.fields.iter().map(|field| {
                let mut value = found.get_mut(field.name).map(Json::take).unwrap_or_default();
                in_order(&field.shape, &mut value);
                (field.name.to_owned(), value)
            });
            *found = ordered.collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use daybook_schemas::Sealer;
    use serde_json::json;

    use super::*;

    fn shape() -> &'static RecordShape {
        daybook_contents::kind("tenancy.Organization").unwrap().meta().shape
    }

    fn stored() -> Stored {
        let Json::Object(document) = json!({ "slug": "acme", "name": "Acme", "status": "active" }) else {
            unreachable!()
        };
        Stored { id: Uuid::nil(), version: 3, created_at: Time(0), updated_at: Time(1), is_clear: true, document }
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let shown = Shown::read(shape(), Some("slug, name,updated_at")).unwrap();
        let answer = shown.of(stored(), Tenant::nil(), &Sealer::new(&[7; 32]).ring()).unwrap().to_string();
        assert_eq!(
            answer,
            r#"{"id":"00000000-0000-0000-0000-000000000000","version":3,"name":"Acme","slug":"acme","updated_at":"1970-01-01T00:00:00.000001Z"}"#
        );
    }

    #[test]
    fn records_inside_are_in_order_as_well() {
        let mut value = json!([{ "role": "admin", "user": "u" }]);
        let (_, members) = shape().field("members").unwrap();
        in_order(&members.shape, &mut value);
        assert_eq!(value.to_string(), r#"[{"user":"u","role":"admin"}]"#);
    }

    #[test]
    fn an_unknown_field_is_told_the_known_ones() {
        let error = Shown::read(shape(), Some("name,colour")).unwrap_err();
        assert!(
            error.message.starts_with("must name fields of Organization: id, version, status, name"),
            "{}",
            error.message
        );
        assert!(error.message.ends_with(r#"not "colour""#));
    }

    #[test]
    fn no_declared_field_hides_what_every_aggregate_has() {
        for kind in daybook_contents::kinds() {
            for name in ALWAYS.into_iter().chain(TIMES).chain([MASKED, "sort", "fields", "limit", "cursor", "as_of"]) {
                assert!(
                    kind.meta().shape.field(name).is_none(),
                    "{} must not have a field {name}",
                    kind.meta().type_name
                );
            }
        }
    }
}
