//! Faults: why a store gave no answer, and what the caller is told of it.

use std::time::Duration;

use daybook_platform::ApiError;
use daybook_vault::VaultError;

use super::Store;

/// After what time a caller may find the store back.
const STORE_BACK: Duration = Duration::from_secs(2);

/// After what time a caller may find a view built.
const VIEW_BUILT: Duration = Duration::from_secs(10);

/// An outage or a flaw of a store. Never half an answer: what was read before it is thrown away.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store cannot be reached or has no room for us.
    #[error("{store} is not available: {source}")]
    Away {
        /// Which.
        store: Store,
        /// What its client says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The projector has not made the view yet, or has made another than this program knows.
    #[error("{store} has no view as this program reads it: {source}")]
    NotBuilt {
        /// Which.
        store: Store,
        /// What the store says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store refuses what we ask, or holds what we cannot read: a flaw in one of us.
    #[error("{store} gave no usable answer: {source}")]
    Broken {
        /// Which.
        store: Store,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Fault {
    /// What a store holds cannot be read.
    pub fn unreadable(store: Store, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Fault::Broken { store, source: source.into() }
    }
}

impl From<VaultError> for Fault {
    /// The vault lies in Postgres; without it nothing personal can be shown.
    fn from(error: VaultError) -> Self {
        Fault::Away { store: Store::Postgres, source: error.into() }
    }
}

impl From<Fault> for ApiError {
    /// What the caller is told; the reason itself goes to the log, under the request's id.
    fn from(fault: Fault) -> Self {
        match &fault {
            Fault::Away { store, .. } => {
                tracing::warn!(%fault, "a store is away");
                ApiError::unavailable(format!("{store} is not available at present"), STORE_BACK)
            }
            Fault::NotBuilt { store, .. } => {
                tracing::warn!(%fault, "a view is not built");
                ApiError::unavailable(format!("the view asked for is not built yet in {store}"), VIEW_BUILT)
            }
            Fault::Broken { .. } => {
                tracing::error!(%fault, "a store gave no usable answer");
                ApiError::internal()
            }
        }
    }
}
