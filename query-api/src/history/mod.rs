//! History: what happened to an aggregate, from the entries that Postgres keeps sealed as they were on the wire.

pub mod as_of;
pub mod event;
pub mod timeline;

use std::sync::{PoisonError, RwLock};

use daybook_kernel::{Datum, Kind};
use daybook_schemas::{Catalogue, WireError};

use crate::stores::postgres::Reading;
use crate::stores::{Fault, Store};
pub use event::Recorded;

/// The text of a schema by its fingerprint.
pub const SCHEMA: &str = "SELECT text FROM daybook.schemas WHERE fingerprint = $1";

/// Reads events of every schema: ours, and those of other releases once an event of theirs is met.
pub struct Reader {
    catalogue: RwLock<Catalogue>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { catalogue: RwLock::new(Catalogue::ours()) }
    }
}

impl Reader {
    /// What an event says, as today's declaration has it.
    ///
    /// # Errors
    /// When its schema is kept nowhere, or its bytes are damaged.
    pub async fn read(
        &self,
        reading: &mut Reading,
        event: &Recorded,
    ) -> Result<(&'static dyn Kind, usize, Datum), Fault> {
        match self.decode(event) {
            Err(WireError::UnknownSchema { .. }) => {
                let text: Option<String> =
                    sqlx::query_scalar(SCHEMA).bind(&event.schema[..]).fetch_optional(&mut **reading).await?;
                if let Some(text) = text {
                    let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
                    catalogue.learn(&text).map_err(|error| Fault::unreadable(Store::Postgres, error))?;
                }
                self.decode(event)
            }
            decoded => decoded,
        }
        .map_err(|error| Fault::unreadable(Store::Postgres, format!("event {}: {error}", event.id)))
    }

    fn decode(&self, event: &Recorded) -> Result<(&'static dyn Kind, usize, Datum), WireError> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        catalogue.decode(&event.event_type, &event.schema, &event.data)
    }
}
