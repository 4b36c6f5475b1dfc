//! What an operator tells the command API.

use daybook_contents::CODE_VERSION;
use daybook_journal::{Limits as JournalLimits, Settings as Journal};
use daybook_platform::sections::{
    Auth, Http, Kafka, Limits, Postgres, Registry, Sealing, Services, Store, Telemetry, Trail, Vault,
};
use serde::{Deserialize, Serialize};

/// The settings, a section for each thing the process talks to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The brokers.
    pub kafka: Kafka,
    /// The schema registry.
    pub registry: Registry,
    /// Whose tokens are believed.
    pub auth: Auth,
    /// The installation's secret.
    pub sealing: Sealing,
    /// The keys of personal data.
    pub vault: Vault,
    /// Where they lie.
    pub postgres: Postgres,
    /// The HTTP interface.
    pub http: Http,
    /// How many requests are let through.
    pub limits: Limits,
    /// How other instances are called.
    pub services: Services,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The local store of folded books.
    pub store: Store,
    /// Where refusals are kept.
    pub trail: Trail,
    /// What is this service's own.
    pub command_api: CommandApi,
}

/// `[command_api]`: what is this service's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandApi {
    /// The origin under which other instances reach this one; it stands in its claims.
    pub url: String,
    /// The origins of all instances: requests are forwarded to no others. A `*` stands for letters, digits and hyphens
    /// within one label, as in `http://daybook-*.daybook.svc:8080`.
    pub peers: Vec<String>,
    /// The code version in its claims, where it is to be higher than [`CODE_VERSION`]: after going back to an older
    /// release, which otherwise claims nothing that a newer one has claimed.
    pub code_version: u32,
    /// Partitions of a journal that is made anew. Never changed afterwards: it says where a tenant's book stands.
    pub partitions: i32,
    /// Replicas of topics that are made anew.
    pub replicas: i32,
    /// Time for the commands under way when a shutdown is asked for, in milliseconds.
    pub drain_ms: u64,
    /// Time for load balancers to notice that this instance is no longer ready, during which it still takes requests, in
    /// milliseconds. The only instance does not wait.
    pub notice_ms: u64,
}

impl Default for CommandApi {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:18000".into(),
            peers: Vec::new(),
            code_version: CODE_VERSION,
            partitions: 4,
            replicas: 1,
            drain_ms: 10_000,
            notice_ms: 1_000,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            registry: Registry::default(),
            auth: Auth::default(),
            sealing: Sealing::default(),
            vault: Vault::default(),
            postgres: Postgres::default(),
            http: Http { access_log: false, ..Http::default() },
            limits: Limits::default(),
            services: Services::default(),
            telemetry: Telemetry { service: "command-api".into(), ..Telemetry::default() },
            trail: Trail::default(),
            store: Store::default(),
            command_api: CommandApi::default(),
        }
    }
}

impl Settings {
    /// How this process takes part in the journals.
    pub fn journal(&self) -> Journal {
        Journal {
            development: self.kafka.development,
            url: self.command_api.url.clone(),
            code_version: self.command_api.code_version.max(CODE_VERSION),
            limits: JournalLimits::default(),
            ..Journal::new(self.kafka.brokers.clone(), "daybook-command-api")
        }
    }
}
