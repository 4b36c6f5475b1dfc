//! What others know of a configuration item: whether it is still there.

use daybook_kernel::{Choice, Context, Fact, Ref, Referable, Rejection};

/// Where a configuration item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Foreseen, not yet in operation.
    Planned,
    /// In operation.
    Active,
    /// Out of operation for a time.
    Inactive,
    /// Gone for good.
    Retired,
}

/// A part of the technical estate.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigurationItem {
    /// Where it stands.
    pub status: Status,
}

impl Referable for ConfigurationItem {
    const TYPE: &'static str = "cmdb.ConfigurationItem";
}

impl Fact for ConfigurationItem {}

impl ConfigurationItem {
    /// Insists that a field of a command names a configuration item that is not retired.
    ///
    /// # Errors
    /// `UNKNOWN_CI` or `RETIRED_CI`, with the field.
    pub fn in_use(context: &Context<'_>, field: &'static str, ci: Ref<ConfigurationItem>) -> Result<(), Rejection> {
        match context.fact(ci) {
            Some(known) if known.status != Status::Retired => Ok(()),
            Some(_) => Err(Rejection::unprocessable("RETIRED_CI", "the configuration item is retired")
                .field(field, "must not be retired")),
            None => Err(Rejection::unprocessable("UNKNOWN_CI", "there is no such configuration item in this tenant")
                .field(field, "must be a configuration item of this tenant")),
        }
    }
}
