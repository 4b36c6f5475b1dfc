//! What others know of a user: whether the account is in use.

use daybook_kernel::{Choice, Context, Fact, Ref, Referable, Rejection};

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// In use.
    Active,
    /// Out of use: nothing new may name it.
    Inactive,
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Where the account stands.
    pub status: Status,
}

impl Referable for User {
    const TYPE: &'static str = "identity.User";
}

impl Fact for User {}

impl User {
    /// Insists that a field of a command names an active user of the tenant.
    ///
    /// # Errors
    /// `UNKNOWN_USER` or `INACTIVE_USER`, with the field.
    pub fn active(context: &Context<'_>, field: &'static str, user: Ref<User>) -> Result<(), Rejection> {
        match context.fact(user) {
            Some(known) if known.status == Status::Active => Ok(()),
            Some(_) => Err(Rejection::unprocessable("INACTIVE_USER", format!("the {field} is no longer active"))
                .field(field, "must be an active user")),
            None => Err(Rejection::unprocessable("UNKNOWN_USER", format!("the {field} is not a user of this tenant"))
                .field(field, "must be a user of this tenant")),
        }
    }
}
