//! Masks: what is personal left out, for who may read a record but not what is personal in it. Nothing is opened for that.

use daybook_kernel::Datum;
use serde_json::Value as Json;

/// Leaves out every sealed value of a datum.
pub fn mask(datum: &mut Datum) {
    match datum {
        Datum::Sealed(_) => *datum = Datum::Null,
        Datum::List(items) | Datum::Record(items) | Datum::Log { fresh: items, .. } => items.iter_mut().for_each(mask),
        Datum::Map(items) => items.values_mut().for_each(mask),
        _ => {}
    }
}

/// Leaves out every `{"sealed": …}` in a document: it becomes `null`.
pub fn mask_json(document: &mut Json) {
    match document {
        Json::Object(object) if super::ring::is_sealed(object) => *document = Json::Null,
        Json::Object(object) => object.values_mut().for_each(mask_json),
        Json::Array(items) => items.iter_mut().for_each(mask_json),
        _ => {}
    }
}
