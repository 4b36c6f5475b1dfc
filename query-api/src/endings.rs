//! What has ended, as Postgres shows it: asked at most once a second for each session or key in use.
//!
//! A projector that stands still would show an ended session as open. So how old its rows may be is asked too, and beyond
//! [`BOUND`] nobody is let in by a session.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use daybook_platform::{ApiError, Basis, Endings, basis::Asked};
use sqlx::Row as _;
use uuid::Uuid;

use crate::stores::{Fault, postgres::Postgres};

/// How long an answer serves.
const SERVES: Duration = Duration::from_secs(1);

/// How old the rows may be, in seconds: longer than a projector takes to be started again.
const BOUND: f64 = 30.0;

/// So many answers are kept.
const KEPT: usize = 20_000;

/// How a session and a key stand, and how old that may be, in seconds; none where it is not known.
pub const ENDED: &str = "
SELECT CASE $3
    WHEN 'session' THEN (SELECT status = 'ended' FROM identity.sessions WHERE tenant = $1 AND id = $2)
    ELSE (SELECT status <> 'active' FROM identity.api_keys WHERE tenant = $1 AND id = $2) END AS ended,
    CASE WHEN EXISTS (SELECT FROM daybook.parked WHERE sink = 'postgres' AND topic = 'journal.identity' AND tenant = $1)
    THEN NULL
    ELSE (SELECT extract(epoch FROM now() - applied_until)::float8 FROM daybook.horizons WHERE sink = 'postgres') END AS age";

/// The rows of sessions and keys.
pub struct Shown {
    postgres: Postgres,
    known: Mutex<HashMap<Basis, (Instant, bool)>>,
}

impl Shown {
    /// Those of that store.
    pub fn new(postgres: Postgres) -> Self {
        Self { postgres, known: Mutex::default() }
    }

    async fn ask(&self, tenant: Uuid, basis: Basis) -> Result<bool, ApiError> {
        let (kind, id) = match basis {
            Basis::Session(id) => ("session", id),
            Basis::ApiKey(id) => ("api_key", id),
        };
        let asked = Instant::now();
        let mut reading = self.postgres.reading(tenant, None).await?;
        let query = sqlx::query(ENDED).bind(tenant).bind(id).bind(kind);
        let row = query.fetch_one(&mut *reading).await.map_err(Fault::from)?;
        let ended: Option<bool> = row.try_get("ended").map_err(Fault::from)?;
        let age: Option<f64> = row.try_get("age").map_err(Fault::from)?;
        if age.is_none_or(|age| age > BOUND) {
            let message = "whether the session is open is not known at present";
            return Err(ApiError::unavailable(message, Duration::from_secs(2)));
        }
        let ended = ended.unwrap_or(false);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.retain(|_, (at, _)| at.elapsed() < SERVES);
        }
        if known.len() < KEPT {
            known.insert(basis, (asked, ended));
        }
        Ok(ended)
    }
}

impl Endings for Shown {
    fn has_ended(&self, tenant: Uuid, basis: Basis) -> Asked<'_> {
        Box::pin(async move {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&basis).copied();
            match known {
                // What has ended is final.
                Some((at, ended)) if ended || at.elapsed() < SERVES => Ok(ended),
                _ => self.ask(tenant, basis).await,
            }
        })
    }
}
