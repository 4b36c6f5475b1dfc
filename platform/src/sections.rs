//! The sections of the settings that services share: one struct per real component a process talks to or duty it has.
//!
//! A service composes the sections it needs in a struct of its own. The defaults are those of the local system that
//! `make up` starts; none of them holds a secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// `[kafka]`: the brokers that keep the journals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Kafka {
    /// Bootstrap servers, `host:port` separated by commas.
    pub brokers: String,
    /// A development cluster: one broker without replication is accepted. Never set it where data matters.
    pub development: bool,
}

impl Default for Kafka {
    fn default() -> Self {
        Self { brokers: "127.0.0.1:19092".into(), development: false }
    }
}

/// `[registry]`: the schema registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Registry {
    /// Base URL of the registry's REST interface.
    pub url: String,
}

impl Default for Registry {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:18081".into() }
    }
}

/// `[postgres]`: the store of the default views.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Postgres {
    /// `postgres://host:port/database`, without user and password.
    pub url: String,
    /// The role to connect as.
    pub user: String,
    /// The role's password, from the environment or from `password_file`.
    pub password: Option<Secret>,
    /// Path of a file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Most connections held open at once.
    pub pool: u32,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            url: "postgres://127.0.0.1:15432/daybook".into(),
            user: "daybook".into(),
            password: None,
            password_file: None,
            pool: 8,
        }
    }
}

/// `[clickhouse]`: the store of facts and metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Clickhouse {
    /// Base URL of the HTTP interface.
    pub url: String,
    /// The user to connect as.
    pub user: String,
    /// The user's password, from the environment or from `password_file`.
    pub password: Option<Secret>,
    /// Path of a file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The database that holds the tables.
    pub database: String,
}

impl Default for Clickhouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:18123".into(),
            user: "daybook".into(),
            password: None,
            password_file: None,
            database: "daybook".into(),
        }
    }
}

/// `[opensearch]`: the search index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Opensearch {
    /// Base URL of the REST interface.
    pub url: String,
}

impl Default for Opensearch {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:19200".into() }
    }
}

/// `[auth]`: whose tokens are believed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// The `iss` a token must carry.
    pub issuer: String,
    /// The `aud` a token must carry, alone or among others.
    pub audience: String,
    /// Where the issuer's public keys (RFC 7517) are: a file path, or an `http://` URL.
    pub jwks: String,
    /// How far the clocks of issuer and service may differ, in seconds.
    pub leeway_s: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: "https://issuer.daybook.localhost".into(),
            audience: "daybook".into(),
            jwks: ".local/issuer/jwks.json".into(),
            leeway_s: 5,
        }
    }
}

/// `[sealing]`: the installation's secret. Requests, cursors and blind indexes are hashed with it; what was sealed before there was a vault
/// opens with keys derived from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sealing {
    /// The master key, from the environment or from `key_file`.
    pub key: Option<Secret>,
    /// Path of a file that holds the master key.
    pub key_file: Option<PathBuf>,
}

/// `[vault]`: the keys of personal data. They lie in the Postgres of `[postgres]`, wrapped by key-encryption keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    /// The folder of the key-encryption keys: a file of 64 hexadecimal digits for each, the last by name being the current one.
    pub keys: Option<PathBuf>,
    /// How long a process uses a data key without looking it up again, in seconds: so long at most is one used that was destroyed.
    pub cache_s: u64,
    /// How many data keys a process keeps in memory at most.
    pub cached: usize,
    /// The Postgres role that query-api connects as; it is granted the right to read.
    pub reader: String,
}

impl Default for Vault {
    fn default() -> Self {
        Self { keys: None, cache_s: 15, cached: 10_000, reader: "daybook_app".into() }
    }
}

/// `[http]`: the HTTP interface of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// Address to listen on, `host:port`.
    pub listen: String,
    /// Largest request body, in bytes; a larger one is answered 413.
    pub body_limit: usize,
    /// Time for a whole request, body included, in milliseconds; then 504.
    pub timeout_ms: u64,
    /// Time for a client to send its request's head, in milliseconds; then the connection is closed.
    pub header_timeout_ms: u64,
    /// Time for the requests under way when a shutdown is asked for, in milliseconds.
    pub drain_ms: u64,
    /// One log line for each request. Server errors are always logged.
    pub access_log: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:18000".into(),
            body_limit: 1024 * 1024,
            timeout_ms: 10_000,
            header_timeout_ms: 30_000,
            drain_ms: 10_000,
            access_log: true,
        }
    }
}

/// `[ops]`: the small HTTP server for health and metrics of a process without an HTTP interface of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Ops {
    /// Address to listen on, `host:port`.
    pub listen: String,
}

impl Default for Ops {
    fn default() -> Self {
        Self { listen: "127.0.0.1:18020".into() }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// Plain text, for a developer's terminal.
    Text,
}

/// `[store]`: the local store of folded books, a cache that may be lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// Its folder: one for each instance. Deleted, it is made anew from the journals.
    pub folder: PathBuf,
    /// How much of it is kept in memory as it is stored, in MiB.
    pub cache_mb: u64,
    /// How many aggregates of each partition are kept in memory ready for use.
    pub aggregates: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self { folder: "command-api-store".into(), cache_mb: 64, aggregates: 8_192 }
    }
}

/// `[telemetry]`: logs and traces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// The name under which this process logs and traces.
    pub service: String,
    /// How log lines look: `json` or `text`.
    pub format: LogFormat,
    /// What is logged, as a `tracing` filter: `info`, or `info,daybook_journal=debug`.
    pub level: String,
    /// Base URL of an OTLP collector (http/protobuf), such as `http://127.0.0.1:4318`; no traces are sent without it.
    pub otlp_endpoint: Option<String>,
    /// Share of the traces begun here that are sent, from 0 to 1. A caller's own decision is followed.
    pub sampling: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            service: "daybook".into(),
            format: LogFormat::Json,
            level: "info".into(),
            otlp_endpoint: None,
            sampling: 1.0,
        }
    }
}

/// Every shared section at once: what a settings file for all services together may hold.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Shared {
    kafka: Kafka,
    registry: Registry,
    postgres: Postgres,
    clickhouse: Clickhouse,
    opensearch: Opensearch,
    auth: Auth,
    sealing: Sealing,
    vault: Vault,
    store: Store,
    http: Http,
    ops: Ops,
    telemetry: Telemetry,
}
