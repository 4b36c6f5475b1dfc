//! What an operator tells `daybook` before a command: where the services are, and who it acts as.

use std::path::PathBuf;

use daybook_platform::Secret;
use daybook_platform::sections::{Auth, Clickhouse, Kafka, Opensearch, Postgres, Registry, Vault};
use serde::{Deserialize, Serialize};

/// The settings, a section for each thing the tool talks to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What tokens say of their issuer.
    pub auth: Auth,
    /// The brokers that keep the journals, for looking into them.
    pub kafka: Kafka,
    /// The schema registry, for backups.
    pub registry: Registry,
    /// The store of the default views, for rebuilds and measurements.
    pub postgres: Postgres,
    /// The keys of personal data.
    pub vault: Vault,
    /// The store of facts, for measurements.
    pub clickhouse: Clickhouse,
    /// The search index, for measurements.
    pub opensearch: Opensearch,
    /// What is the tool's own.
    pub cli: Cli,
}

/// `[cli]`: what is the tool's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Cli {
    /// Base URL of the command API.
    pub command_url: String,
    /// Base URL of the query API.
    pub query_url: String,
    /// Base URL of sign-in.
    pub sign_in_url: String,
    /// The folder into which a local sign-in puts its mails.
    pub mail_folder: PathBuf,
    /// Folder of the development issuer, which signs the tool's own tokens where none is given.
    pub issuer: PathBuf,
    /// The token to act with, from the environment or from `token_file`.
    pub token: Option<Secret>,
    /// Path of a file that holds the token.
    pub token_file: Option<PathBuf>,
    /// Folder where the tool remembers what it has done: the demo tenant, how far an import is.
    pub memory: PathBuf,
}

impl Default for Cli {
    fn default() -> Self {
        Self {
            command_url: "http://127.0.0.1:18000".into(),
            query_url: "http://127.0.0.1:18010".into(),
            sign_in_url: "http://127.0.0.1:18030".into(),
            mail_folder: ".local/mail".into(),
            issuer: ".local/issuer".into(),
            token: None,
            token_file: None,
            memory: ".local/cli".into(),
        }
    }
}
