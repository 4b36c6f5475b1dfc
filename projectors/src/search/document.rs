//! Documents: one aggregate each, what can be found of it in clear, and beside it the folded state.

use daybook_kernel::{Datum, Kind, Shape, Tenant, Time, json as kernel_json};
use daybook_schemas::sealing::{Ring, Unopenable};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::mapping::shown;
use crate::fold::{Folded, restore};

/// A document's id.
pub fn id_of(tenant: Tenant, id: Uuid) -> String {
    format!("{tenant}:{id}")
}

/// The document of an aggregate, without what is forgotten.
///
/// # Errors
/// When a personal value cannot be opened: the key is not the one it was sealed with.
pub fn document(ring: &Ring, kind: &dyn Kind, tenant: Tenant, id: Uuid, folded: &Folded) -> Result<Json, String> {
    let meta = kind.meta();
    let datum = kind.to_datum(&folded.state);
    let mut document = Map::new();
    if let Datum::Record(fields) = &datum {
        for (place, field) in shown(kind) {
            if let Some(value) = open(ring, tenant, &field.shape, &fields[place])
                .map_err(|Unopenable| format!("{} of {} {id} cannot be opened", field.name, meta.type_name))?
            {
                document.insert(field.name.to_owned(), value);
            }
        }
    }
    let own = json!({
        "tenant": tenant,
        "id": id,
        "type": meta.type_name,
        "version": folded.version,
        "created_at": folded.created.to_string(),
        "updated_at": folded.updated.to_string(),
        "_state": {
            "doc": kernel_json::write_record(meta.shape, &datum),
            "partition": folded.partition,
            "number": folded.number,
            "created": folded.created.0,
            "updated": folded.updated.0,
        },
    });
    if let Json::Object(own) = own {
        document.extend(own);
    }
    Ok(document.into())
}

/// A value in clear; none where there is none, or where it is forgotten.
fn open(ring: &Ring, tenant: Tenant, shape: &Shape, datum: &Datum) -> Result<Option<Json>, Unopenable> {
    Ok(match (shape, datum) {
        (_, Datum::Null) => None,
        (_, Datum::Sealed(sealed)) => ring.open_text(tenant, sealed)?.map(Json::String),
        (Shape::Optional(of), datum) => open(ring, tenant, of, datum)?,
        (Shape::List { of, .. }, Datum::List(items)) => {
            let items: Vec<_> = items.iter().map(|item| open(ring, tenant, of, item)).collect::<Result<_, _>>()?;
            Some(items.into_iter().flatten().collect())
        }
        // Numbers and flags among texts are found as texts.
        (Shape::Scalar, Datum::Whole(number)) => Some(Json::String(number.to_string())),
        (Shape::Scalar, Datum::Flag(flag)) => Some(Json::String(flag.to_string())),
        (shape, datum) => Some(kernel_json::write(shape, datum)),
    })
}

/// The folded state in a stored document.
///
/// # Errors
/// When it is not one that this declaration's documents hold.
pub fn state(kind: &dyn Kind, source: &Json) -> Result<Folded, String> {
    let state = &source["_state"];
    let number =
        |value: &Json| value.as_i64().ok_or_else(|| format!("a stored {} has no folded state", kind.meta().type_name));
    Ok(Folded {
        state: restore(kind, &state["doc"])?,
        version: number(&source["version"])?.cast_unsigned(),
        created: Time(number(&state["created"])?),
        updated: Time(number(&state["updated"])?),
        partition: i32::try_from(number(&state["partition"])?).unwrap_or(0),
        number: number(&state["number"])?.cast_unsigned(),
    })
}
