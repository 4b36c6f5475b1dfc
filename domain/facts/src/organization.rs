//! What others know of an organisation: whether its books take commands, and how it works.

use std::sync::Arc;

use daybook_kernel::{Choice, Context, Fact, Ref, Referable, Rejection};

/// Where an organisation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Created, not yet handed over.
    Provisioning,
    /// In use.
    Active,
    /// Stopped for a reason: its data can be read, nothing can be changed.
    Suspended,
    /// On its way out: its data can be read and taken away.
    Closing,
    /// Gone.
    Closed,
    /// Its set-up failed: it never was in use, and its name is free again.
    Failed,
}

/// Whom an organisation asks for a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Mfa {
    /// Nobody: who has one uses it.
    Optional,
    /// Everybody.
    Required,
}

/// How an organisation works, as far as rules of other contexts ask for it. Which version of it a decision was made on is
/// said by the position of the organisation's entry among the references of the decision's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Counts its changes: 0 where nobody has said anything yet.
    pub version: u32,
    /// How many days after its resolution an incident can be reopened.
    pub reopen_days: u32,
    /// Whom it asks for a second factor.
    pub mfa: Mfa,
    /// How many characters a password has at least.
    pub password_length: u32,
}

impl Default for Settings {
    /// As it is where nobody has said otherwise: 7 days; a second factor is optional; 12 characters.
    fn default() -> Self {
        Self { version: 0, reopen_days: 7, mfa: Mfa::Optional, password_length: 12 }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Organization {
    /// Where the organisation stands.
    pub status: Status,
    /// How it works.
    pub settings: Arc<Settings>,
}

impl Referable for Organization {
    const TYPE: &'static str = "tenancy.Organization";
}

impl Fact for Organization {}

/// What is possible while a tenant's data can only be read, by permission: to sign in, since nobody reads without; to keep
/// people out; to take data away; and to ask for the end.
pub const WHILE_READ_ONLY: [&str; 8] = [
    "session:sign_in",
    "session:revoke",
    "credential:sign_in",
    "user:sign_in",
    "user:lock",
    "user:export",
    "apikey:revoke",
    "organization:close",
];

impl Organization {
    /// Insists that the tenant's books take a command that needs this permission.
    ///
    /// # Errors
    /// `TENANT_SUSPENDED`, with the reason in words.
    pub fn takes(&self, permission: &str) -> Result<(), Rejection> {
        let reads_only = |message| match WHILE_READ_ONLY.contains(&permission) {
            true => Ok(()),
            false => Err(Rejection::suspended(message)),
        };
        match self.status {
            Status::Active => Ok(()),
            Status::Suspended => reads_only("the organisation is suspended: its data can only be read"),
            Status::Closing => reads_only("the organisation is closing: its data can only be read and taken away"),
            Status::Provisioning => Err(Rejection::suspended("the organisation is not active yet")),
            Status::Closed => Err(Rejection::suspended("the organisation is closed")),
            Status::Failed => Err(Rejection::suspended("the set-up of the organisation failed")),
        }
    }

    /// How the tenant works in whose book a command is decided; as if nobody had said anything where it is not known.
    pub fn settings(context: &Context<'_>) -> Arc<Settings> {
        let known = context.fact(Ref::<Organization>::new(context.tenant));
        known.map_or_else(Arc::default, |organization| organization.settings.clone())
    }
}
