//! What an operator tells the query API.

use daybook_platform::sections::{
    Auth, Clickhouse, Http, Limits, Opensearch, Postgres, Sealing, Telemetry, Trail, Vault,
};
use serde::{Deserialize, Serialize};

/// The settings, a section for each thing the process talks to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The default views and the entries.
    pub postgres: Postgres,
    /// The facts and figures.
    pub clickhouse: Clickhouse,
    /// The search index.
    pub opensearch: Opensearch,
    /// Whose tokens are believed.
    pub auth: Auth,
    /// The installation's secret.
    pub sealing: Sealing,
    /// The keys of personal data.
    pub vault: Vault,
    /// The HTTP interface.
    pub http: Http,
    /// How many requests are let through.
    pub limits: Limits,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Where refusals are kept.
    pub trail: Trail,
    /// What is this service's own.
    pub query_api: QueryApi,
}

/// `[query_api]`: what is this service's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryApi {
    /// How long a request waits for a store to pass the positions in `Daybook-Position`, in milliseconds; then 503.
    pub position_wait_ms: u64,
    /// Where commands are given, as the caller of this API reaches it: what `actions` link to. Empty for paths alone.
    pub command_url: String,
    /// The prefix of tables and indexes outside Postgres; empty but for tests.
    pub prefix: String,
}

impl Default for QueryApi {
    fn default() -> Self {
        Self { position_wait_ms: 3_000, command_url: String::new(), prefix: String::new() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            postgres: Postgres { user: "daybook_app".into(), ..Postgres::default() },
            clickhouse: Clickhouse { user: "daybook_query".into(), ..Clickhouse::default() },
            opensearch: Opensearch::default(),
            auth: Auth::default(),
            sealing: Sealing::default(),
            vault: Vault::default(),
            http: Http { listen: "127.0.0.1:18010".into(), ..Http::default() },
            limits: Limits::default(),
            telemetry: Telemetry { service: "query-api".into(), ..Telemetry::default() },
            trail: Trail::default(),
            query_api: QueryApi::default(),
        }
    }
}
