//! A ring of data keys: those that some values need, as they stood a moment ago, and which of them were destroyed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use aws_lc_rs::hkdf::Prk;
use daybook_kernel::{Datum, RecordShape, Sealed, Tenant, json};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{DataKey, SealingError, each_in_record};

/// What is held of a key id.
#[derive(Debug, Clone)]
pub enum Held {
    /// The key.
    Key(Arc<DataKey>),
    /// It was destroyed: what it sealed is forgotten.
    Destroyed,
}

/// The keys that some values need.
#[derive(Clone)]
pub struct Ring {
    keys: HashMap<(Tenant, Uuid), Held>,
    master: Prk,
}

/// A sealed value whose key is another, or whose bytes were altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unopenable;

impl Ring {
    pub(super) fn new(master: Prk) -> Self {
        Self { keys: HashMap::new(), master }
    }

    /// Adds what is held of a key.
    pub fn put(&mut self, tenant: Tenant, id: Uuid, held: Held) {
        self.keys.insert((tenant, id), held);
    }

    /// The text of a sealed value; none where its key was destroyed.
    ///
    /// What the key of that id does not open may be from before keys were managed: then the derived one does, unless there is a tombstone.
    ///
    /// # Errors
    /// When neither opens it.
    pub fn open_text(&self, tenant: Tenant, sealed: &Sealed) -> Result<Option<String>, Unopenable> {
        let derived = || DataKey::of(&self.master, tenant, sealed.key).open(sealed);
        let text = match self.keys.get(&(tenant, sealed.key)) {
            Some(Held::Destroyed) => return Ok(None),
            Some(Held::Key(key)) => key.open(sealed).or_else(derived),
            None => derived(),
        };
        text.map(Some).ok_or(Unopenable)
    }

    /// Opens every sealed value; one that is forgotten becomes nothing.
    ///
    /// # Errors
    /// When one cannot be opened, or the datum does not have the record's shape; then the rest may stay sealed.
    pub fn open(&self, tenant: Tenant, shape: &RecordShape, datum: &mut Datum) -> Result<(), SealingError> {
        each_in_record(shape, datum, &mut String::new(), &mut |at, datum| {
            if let Datum::Sealed(sealed) = datum {
                let text = self.open_text(tenant, sealed);
                let text = text.map_err(|Unopenable| SealingError::Unopenable { at: at.to_owned() })?;
                *datum = text.map_or(Datum::Null, Datum::text);
            }
            Ok(())
        })
    }

    /// Opens every `{"sealed": …}` in a document; one that is forgotten becomes `null`.
    ///
    /// # Errors
    /// When one cannot be opened; then the rest may stay sealed.
    pub fn open_json(&self, tenant: Tenant, document: &mut Json) -> Result<(), SealingError> {
        self.open_json_at(tenant, document, "")
    }

    fn open_json_at(&self, tenant: Tenant, json: &mut Json, at: &str) -> Result<(), SealingError> {
        match json {
            Json::Object(object) if is_sealed(object) => {
                let sealed = json::read_sealed(json).ok_or(Unopenable);
                let text = sealed.and_then(|sealed| self.open_text(tenant, &sealed));
                let text = text.map_err(|Unopenable| SealingError::Unopenable { at: at.to_owned() })?;
                *json = text.map_or(Json::Null, Json::String);
                Ok(())
            }
            Json::Object(object) => {
                let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                object.iter_mut().try_for_each(|(name, json)| self.open_json_at(tenant, json, &path(name)))
            }
            Json::Array(items) => items.iter_mut().try_for_each(|json| self.open_json_at(tenant, json, at)),
            _ => Ok(()),
        }
    }
}

pub(super) fn is_sealed(object: &serde_json::Map<String, Json>) -> bool {
    object.len() == 1 && object.contains_key("sealed")
}

/// Adds the ids of the keys that the sealed values of a datum name.
pub fn keys_of(datum: &Datum, found: &mut BTreeSet<Uuid>) {
    match datum {
        Datum::Sealed(sealed) => {
            found.insert(sealed.key);
        }
        Datum::List(items) | Datum::Record(items) | Datum::Log { fresh: items, .. } => {
            items.iter().for_each(|item| keys_of(item, found));
        }
        Datum::Map(items) => items.values().for_each(|item| keys_of(item, found)),
        _ => {}
    }
}

/// Adds the ids of the keys that the sealed values of a document name.
pub fn keys_in(document: &Json, found: &mut BTreeSet<Uuid>) {
    match document {
        Json::Object(object) if is_sealed(object) => found.extend(json::read_sealed(document).map(|sealed| sealed.key)),
        Json::Object(object) => object.values().for_each(|json| keys_in(json, found)),
        Json::Array(items) => items.iter().for_each(|json| keys_in(json, found)),
        _ => {}
    }
}
