//! What has ended, as the views show it: asked for each request, for few come here with a token. What they ask for is decided
//! by the book, which knows better.

use std::sync::Arc;

use daybook_platform::{ApiError, Basis, Endings, basis::Asked};
use sqlx::Row as _;
use uuid::Uuid;

use crate::{
    sql,
    store::{Fault, Store},
};

/// The rows of sessions and keys.
pub struct Shown(Arc<Store>);

impl Shown {
    /// Those of that store.
    pub fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    async fn ask(&self, tenant: Uuid, basis: Basis) -> Result<bool, Fault> {
        let (kind, id) = match basis {
            Basis::Session(id) => ("session", id),
            Basis::ApiKey(id) => ("api_key", id),
        };
        let query = sqlx::query(sql::ENDED).bind(tenant).bind(id).bind(kind);
        let ended: Option<bool> = query.fetch_one(self.0.pool()).await?.try_get("ended")?;
        Ok(ended.unwrap_or(false))
    }
}

impl Endings for Shown {
    fn has_ended(&self, tenant: Uuid, basis: Basis) -> Asked<'_> {
        Box::pin(async move { self.ask(tenant, basis).await.map_err(ApiError::from) })
    }
}
