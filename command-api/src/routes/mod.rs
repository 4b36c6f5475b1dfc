//! The routes: two for every aggregate, the aliases that clients know by other names, and the documents about them.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use daybook_platform::{ApiError, Authenticator};

use crate::engine::Engine;

mod aggregates;
pub mod ask;
mod documents;
mod incidents;
mod organizations;
mod users;

/// What every handler shares. The engine is there once all journals are served.
#[derive(Clone)]
pub struct Api {
    /// The engine, once it is open.
    pub engine: Arc<OnceLock<Engine>>,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
}

impl FromRef<Api> for Arc<Authenticator> {
    fn from_ref(api: &Api) -> Self {
        api.authenticator.clone()
    }
}

/// All routes, without the edge around them.
pub fn routes(api: Api) -> Router {
    // Routes by name win over those with parameters, so the aliases need no order.
    Router::new()
        .merge(incidents::routes())
        .merge(organizations::routes())
        .merge(users::routes())
        .merge(aggregates::routes())
        .merge(documents::routes())
        .with_state(api)
}

/// The engine, for handlers: 503 until it is open.
pub struct Open(Arc<OnceLock<Engine>>);

impl FromRequestParts<Api> for Open {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match api.engine.get() {
            Some(_) => Ok(Self(api.engine.clone())),
            None => Err(ApiError::unavailable(
                "the service is starting: its journals are being read",
                Duration::from_secs(2),
            )),
        }
    }
}

impl std::ops::Deref for Open {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.0.get().expect("it was open when the request came")
    }
}
