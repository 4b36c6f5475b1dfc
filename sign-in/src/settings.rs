//! What an operator tells sign-in.

use std::path::PathBuf;

use daybook_platform::Secret;
use daybook_platform::network::Networks;
use daybook_platform::sections::{Auth, Http, Limits, Postgres, Sealing, Telemetry, Trail, Vault};
use serde::{Deserialize, Serialize};

/// The settings, a section for each thing the process talks to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The views that are read, and the schema of its own.
    pub postgres: Postgres,
    /// Whose tokens are believed, and what those signed here say.
    pub auth: Auth,
    /// The installation's secret: by it an address is found again.
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
    pub sign_in: SignIn,
}

/// `[sign_in]`: what is this service's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct SignIn {
    /// The origin of the command API.
    pub command_url: String,
    /// The origin of the query API.
    pub query_url: String,
    /// The key under which secrets are sealed: 64 hexadecimal digits, from the environment or from `key_file`.
    pub key: Option<Secret>,
    /// Path of a file that holds the key.
    pub key_file: Option<PathBuf>,
    /// What links in mails begin with: where people use Daybook.
    pub link_url: String,
    /// The origin under which browsers and identity providers reach this service.
    pub url: String,
    /// Addresses that a browser may be sent back to after a sign-in at a provider, each as a whole.
    pub return_urls: Vec<String>,
    /// Networks that are not public in which identity providers may be, such as `10.0.0.0/8`.
    pub provider_networks: Networks,
    /// Who mails are from.
    pub mail_from: String,
    /// The server that takes mails, such as `smtps://user@mail.example:465`; without one they go into `mail_folder`.
    pub smtp_url: Option<String>,
    /// The password for that server, from the environment or from `smtp_password_file`.
    pub smtp_password: Option<Secret>,
    /// Path of a file that holds that password.
    pub smtp_password_file: Option<PathBuf>,
    /// The folder that mails go into as `.eml` files, for local work.
    pub mail_folder: PathBuf,
    /// The domain that passkeys are for (the relying party id of Web Authentication): they serve on its pages and below it.
    pub passkey_domain: String,
    /// The origins of those pages, each as a whole, such as `https://desk.example.org`.
    pub passkey_origins: Vec<String>,
    /// Whether strangers may ask for an account of an organisation. It has no role until somebody gives it one.
    pub sign_up: bool,
    /// Whether everybody needs a second factor, beside the organisations that say so themselves.
    pub mfa_required: bool,
    /// A list of SHA-1 hashes of known passwords, as Have I Been Pwned offers it: sorted, `HASH:COUNT` in each line.
    pub breached_file: Option<PathBuf>,
    /// How much memory the hash of a password takes, in KiB (OWASP: 19,456 with two passes).
    pub argon2_memory_kib: u32,
    /// How many passes it takes.
    pub argon2_passes: u32,
    /// How many hashes are made at once, on threads of their own.
    pub hashers: usize,
    /// How long a signing key signs, in days.
    pub key_days: u32,
    /// How long a new key is published before it signs, in seconds; the first one signs at once.
    pub key_notice_s: u32,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            command_url: "http://127.0.0.1:18000".into(),
            query_url: "http://127.0.0.1:18010".into(),
            key: None,
            key_file: None,
            link_url: "http://127.0.0.1:18030".into(),
            url: "http://127.0.0.1:18030".into(),
            return_urls: Vec::new(),
            provider_networks: Networks::default(),
            mail_from: "Daybook <daybook@daybook.localhost>".into(),
            smtp_url: None,
            smtp_password: None,
            smtp_password_file: None,
            mail_folder: ".local/mail".into(),
            passkey_domain: "localhost".into(),
            passkey_origins: vec!["http://localhost:18030".into()],
            sign_up: true,
            mfa_required: false,
            breached_file: None,
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            hashers: 2,
            key_days: 30,
            key_notice_s: 900,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            postgres: Postgres { user: "daybook_owner".into(), ..Postgres::default() },
            auth: Auth::default(),
            sealing: Sealing::default(),
            vault: Vault::default(),
            http: Http { listen: "127.0.0.1:18030".into(), body_limit: 128 * 1024, ..Http::default() },
            limits: Limits::default(),
            telemetry: Telemetry { service: "sign-in".into(), ..Telemetry::default() },
            trail: Trail::default(),
            sign_in: SignIn::default(),
        }
    }
}
