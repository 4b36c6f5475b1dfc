//! The sections of the settings that services share: one struct per real component a process talks to or duty it has.
//!
//! A service composes the sections it needs in a struct of its own. The defaults are those of the local system that
//! `make up` starts; none of them holds a secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::limits::Profile;
use crate::network::Networks;
use crate::origins::Origins;
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
    /// The `iss` of tokens of the development issuer.
    pub issuer: String,
    /// The `aud` a token must carry, alone or among others.
    pub audience: String,
    /// Where the development issuer's public keys (RFC 7517) are: a file path, or an `http://` URL. Empty: it is not believed,
    /// as where data matters.
    pub jwks: String,
    /// The `iss` of tokens of sign-in.
    pub sign_in_issuer: String,
    /// Where the public keys of sign-in are; without, its tokens are not believed.
    pub sign_in_jwks: Option<String>,
    /// How far the clocks of issuer and service may differ, in seconds.
    pub leeway_s: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: "https://issuer.daybook.localhost".into(),
            audience: "daybook".into(),
            jwks: ".local/issuer/jwks.json".into(),
            sign_in_issuer: "https://sign-in.daybook.localhost".into(),
            sign_in_jwks: None,
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
    /// How often the eraser looks for records that have been over for longer than their organisation keeps them, in seconds.
    pub retention_s: u64,
}

impl Default for Vault {
    fn default() -> Self {
        Self { keys: None, cache_s: 15, cached: 10_000, reader: "daybook_app".into(), retention_s: 3_600 }
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
    /// Time in which a client has to take some of its answer, in milliseconds; then the connection is closed.
    pub write_timeout_ms: u64,
    /// Largest head of a request (line and headers), in bytes, at least 8192; a larger one is answered 431.
    pub head_limit: usize,
    /// Most connections at once; further ones wait until one ends.
    pub connections: usize,
    /// Most connections at once from one address that is no trusted proxy's; further ones are closed.
    pub connections_per_address: usize,
    /// The service's certificate with its chain, in PEM: with it only TLS 1.3 is spoken. Read anew when it changes.
    pub certificate_file: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    pub key_file: Option<PathBuf>,
    /// The authority of our own services' certificates, in PEM: who shows one of them is a service, and what only services
    /// may say (`Daybook-Forward`, `Daybook-Cause`) is taken from nobody else.
    pub client_ca_file: Option<PathBuf>,
    /// Networks of the proxies before this service, such as `10.0.0.0/8`: what they say in `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// Origins whose pages may read answers, such as `https://desk.example.com` (CORS). None: no page of another origin.
    pub allowed_origins: Origins,
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
            write_timeout_ms: 30_000,
            head_limit: 32 * 1024,
            connections: 8_192,
            connections_per_address: 2_048,
            certificate_file: None,
            key_file: None,
            client_ca_file: None,
            trusted_proxies: Networks::default(),
            allowed_origins: Origins::default(),
            drain_ms: 10_000,
            access_log: true,
        }
    }
}

/// `[services]`: how this service calls others of ours, where they speak TLS.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Services {
    /// The authority of their certificates, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate that this service shows, with its chain, in PEM. Read anew when it changes.
    pub certificate_file: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key_file: Option<PathBuf>,
}

/// `[limits]`: how many requests are let through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The set of figures: `standard`, `strict`, `enterprise`, or `development`, which hinders nobody.
    pub profile: Profile,
    /// The Redis in which all instances count together, `redis://host:port/database`; none, each counts for itself.
    pub redis_url: Option<String>,
    /// Its password, from the environment or from `redis_password_file`.
    pub redis_password: Option<Secret>,
    /// Path of a file that holds the password.
    pub redis_password_file: Option<PathBuf>,
    /// Networks of our own instances: what they forward was counted where it came in.
    pub instances: Networks,
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

/// `[trail]`: where refusals are kept for those who watch over security, and who read what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Trail {
    /// The folder of the files, one for each process; none, records go into the log.
    pub folder: Option<PathBuf>,
    /// Largest file, in bytes; then another is begun.
    pub file_bytes: u64,
    /// How many full files are kept.
    pub files: usize,
    /// What is kept of what was permitted, in files of its own: it must not push out what was refused. Without a folder nothing is.
    pub permitted: Permitted,
}

/// Which requests that were answered as asked leave a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permitted {
    /// None.
    None,
    /// Those that read: commands are in the journal, with who gave them.
    #[default]
    Reads,
    /// All.
    All,
}

impl Default for Trail {
    fn default() -> Self {
        Self { folder: None, file_bytes: 16 << 20, files: 16, permitted: Permitted::default() }
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
    limits: Limits,
    services: Services,
    ops: Ops,
    telemetry: Telemetry,
    trail: Trail,
}
