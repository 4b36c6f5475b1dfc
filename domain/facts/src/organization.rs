//! What others know of an organisation: whether its books take commands.

use daybook_kernel::{Choice, Fact, Referable, Rejection};

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
}

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Organization {
    /// Where the organisation stands.
    pub status: Status,
}

impl Referable for Organization {
    const TYPE: &'static str = "tenancy.Organization";
}

impl Fact for Organization {}

impl Organization {
    /// Insists that the tenant's books take commands.
    ///
    /// # Errors
    /// `TENANT_SUSPENDED`, with the reason in words.
    pub fn takes_commands(&self) -> Result<(), Rejection> {
        match self.status {
            Status::Active => Ok(()),
            Status::Provisioning => Err(Rejection::suspended("the organisation is not active yet")),
            Status::Suspended => Err(Rejection::suspended("the organisation is suspended: its data can only be read")),
            Status::Closing => Err(Rejection::suspended("the organisation is closing: its data can only be read")),
            Status::Closed => Err(Rejection::suspended("the organisation is closed")),
        }
    }
}
