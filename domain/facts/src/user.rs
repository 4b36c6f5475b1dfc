//! What others know of a user: whether the account is in use, and what the person holds.

use daybook_kernel::{Choice, Context, Fact, Ref, Referable, Rejection, Slug, Time};

use crate::Role;

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Offered to somebody who has not taken it yet.
    Invited,
    /// Asked for by somebody whose address is not verified yet.
    PendingVerification,
    /// In use.
    Active,
    /// In use, but nobody signs in with it for a while.
    Locked,
    /// Stopped for a reason.
    Suspended,
    /// Out of use: nothing new may name it.
    Inactive,
    /// Everything personal of it is gone for ever.
    Erased,
}

impl Status {
    /// Whether somebody works with the account; a lock keeps out of it for a while and takes nobody's work away.
    pub fn is_in_use(self) -> bool {
        matches!(self, Status::Active | Status::Locked)
    }

    /// Whether the account is out of use: its address is free.
    pub fn is_out_of_use(self) -> bool {
        matches!(self, Status::Inactive | Status::Erased)
    }
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Where the account stands.
    pub status: Status,
    /// The domain of the organisation that the person belongs to; none for the whole of it.
    pub domain: Option<Slug>,
    /// The roles the person holds by name.
    pub roles: Vec<Held>,
}

/// A role that somebody holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The role: one of the tenant's own, or a built-in one.
    pub role: Ref<Role>,
    /// The domain it is held for.
    pub domain: Option<Slug>,
    /// Until when it is held; for good where it is not said.
    pub expires_at: Option<Time>,
}

impl Referable for User {
    const TYPE: &'static str = "identity.User";
}

impl Fact for User {}

impl User {
    /// Somebody of the whole organisation who holds nothing.
    pub fn with(status: Status) -> Self {
        Self { status, domain: None, roles: Vec::new() }
    }

    /// Insists that a field of a command names a user of the tenant whose account is in use.
    ///
    /// # Errors
    /// `UNKNOWN_USER` or `INACTIVE_USER`, with the field.
    pub fn active(context: &Context<'_>, field: &'static str, user: Ref<User>) -> Result<(), Rejection> {
        match context.fact(user) {
            Some(known) if known.status.is_in_use() => Ok(()),
            Some(_) => Err(Rejection::unprocessable("INACTIVE_USER", format!("the {field} is no longer active"))
                .field(field, "must be an active user")),
            None => Err(Rejection::unprocessable("UNKNOWN_USER", format!("the {field} is not a user of this tenant"))
                .field(field, "must be a user of this tenant")),
        }
    }
}
