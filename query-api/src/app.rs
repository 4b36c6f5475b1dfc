//! What the handlers share: the stores, how fresh each is, who is who, and the key of personal data.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use daybook_authority::Filter;
use daybook_contents::permissions;
use daybook_kernel::{Kind, PLATFORM, Tenant};
use daybook_platform::{ApiError, Authenticator};
use daybook_schemas::sealing::Ring;
use daybook_vault::Vault;
use uuid::Uuid;

use crate::asker::Asker;
use crate::freshness::Tide;
use crate::history::Reader;
use crate::settings::QueryApi;
use crate::standings::Standings;
use crate::stores::postgres::Reading;
use crate::stores::{Fault, Store, clickhouse::Clickhouse, opensearch::Opensearch, postgres::Postgres};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// What they may do.
    pub standings: Standings,
    /// Opens personal data, and authenticates cursors.
    pub vault: Vault,
    /// Reads events of every schema.
    pub history: Reader,
    /// The default views and the entries.
    pub postgres: Postgres,
    /// The facts and figures.
    pub clickhouse: Clickhouse,
    /// The search index.
    pub opensearch: Opensearch,
    /// How fresh each of them is.
    pub tides: Tides,
    /// What is this service's own.
    pub settings: QueryApi,
}

/// How far each store has come.
pub struct Tides {
    /// The default views.
    pub postgres: Tide,
    /// The facts and figures.
    pub clickhouse: Tide,
    /// The search index.
    pub opensearch: Tide,
}

impl Tides {
    /// Watches the stores; requests wait for at most `patience`. Must be called in a tokio runtime.
    pub fn watch(postgres: &Postgres, clickhouse: &Clickhouse, opensearch: &Opensearch, patience: Duration) -> Self {
        Self {
            postgres: Tide::watch(Store::Postgres, postgres.clone(), POSTGRES_LOOK, patience),
            clickhouse: Tide::watch(Store::Clickhouse, clickhouse.clone(), CLICKHOUSE_LOOK, patience),
            opensearch: Tide::watch(Store::Opensearch, opensearch.clone(), OPENSEARCH_LOOK, patience),
        }
    }
}

/// How often Postgres is asked how far it is, while somebody waits: a look costs it a tenth of a millisecond.
const POSTGRES_LOOK: Duration = Duration::from_millis(5);

/// How often ClickHouse is asked.
const CLICKHOUSE_LOOK: Duration = Duration::from_millis(25);

/// How often OpenSearch is asked; it shows new documents only at each refresh, so a shorter time gains nothing.
const OPENSEARCH_LOOK: Duration = Duration::from_millis(50);

impl App {
    /// All parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Parts {
    /// The keys of that tenant by which personal values open.
    ///
    /// # Errors
    /// The vault is away.
    pub async fn ring(&self, tenant: Tenant, keys: BTreeSet<Uuid>) -> Result<Ring, Fault> {
        Ok(self.vault.ring(keys.into_iter().map(|key| (tenant, key))).await?)
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for Arc<Authenticator> {
    fn from_ref(app: &App) -> Self {
        app.authenticator.clone()
    }
}

/// Which rows a caller reads of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The tenant in whose books they stand.
    pub tenant: Tenant,
    /// The only one the caller may know of; all where there is none.
    pub only: Option<Uuid>,
    /// Those that the caller may read.
    pub rows: Filter,
    /// Those in which the caller may see what is personal; in others it is left out.
    pub clear: Filter,
    /// The domain that the caller belongs to; the store keeps others' rows back once more.
    pub domain: Option<String>,
}

impl Scope {
    /// What a caller may read of a kind, if they may read any of it: of their own tenant's, and of what stands in the
    /// platform's books their own organisation.
    ///
    /// # Errors
    /// 403 that names the permission.
    pub fn of(kind: &dyn Kind, caller: &Asker) -> Result<Self, ApiError> {
        Self::with(kind, caller, &permissions::to_read(kind))
    }

    /// To which of a kind a caller may do that.
    ///
    /// # Errors
    /// 403 that names the permission.
    pub fn with(kind: &dyn Kind, caller: &Asker, permission: &str) -> Result<Self, ApiError> {
        let rows = caller.records(permission);
        if rows.is_nothing() {
            return Err(ApiError::forbidden(permission));
        }
        let clear = match permissions::to_read_personal(kind) {
            Some(permission) => caller.records(&permission),
            None => Filter::everything(),
        };
        let domain = caller.domain().map(str::to_owned);
        Ok(match kind.meta().platform {
            false => Self { tenant: caller.tenant(), only: None, rows, clear, domain },
            true => {
                Self { tenant: PLATFORM, only: (!caller.is_platform()).then_some(caller.tenant()), rows, clear, domain }
            }
        })
    }

    /// Begins to read the rows of the tenant.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn reading(&self, app: &App) -> Result<Reading, Fault> {
        app.postgres.reading(self.tenant, self.domain.as_deref()).await
    }

    /// Whether the caller may know of that one, as far as its id says.
    pub fn includes(&self, id: Uuid) -> bool {
        self.only.is_none_or(|only| only == id)
    }
}

/// The id in a path.
///
/// # Errors
/// 404: one that is none names nothing that exists.
pub fn parse_id(kind: &dyn Kind, id: &str) -> Result<Uuid, ApiError> {
    id.parse().map_err(|_| ApiError::not_found(format!("{} {id}: its id is a UUID", kind.meta().shape.name)))
}

/// 404 for an id that does not exist, or not for this caller: the two look the same.
pub fn unknown(kind: &dyn Kind, id: Uuid) -> ApiError {
    ApiError::not_found(format!("{} {id}", kind.meta().shape.name))
}
