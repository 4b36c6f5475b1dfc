//! What everybody may know of the declaration itself: which permissions there are.

use std::collections::BTreeSet;

use daybook_kernel::{Context, Fact, Permission, Ref, Referable};
use uuid::Uuid;

/// Every permission that is declared. Not of an aggregate, but of the contents; there is one, the same for every tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    /// The permissions.
    pub all: BTreeSet<Permission>,
}

impl Referable for Permissions {
    const TYPE: &'static str = "contents.Permissions";
}

impl Fact for Permissions {}

impl Permissions {
    /// Under which id the one fact is found.
    pub const ID: Ref<Permissions> = Ref::new(Uuid::nil());

    /// The first of these that is not declared.
    pub fn unknown<'a>(
        context: &Context<'_>,
        permissions: impl IntoIterator<Item = &'a Permission>,
    ) -> Option<&'a Permission> {
        let known = context.fact(Self::ID);
        permissions.into_iter().find(|permission| !known.as_ref().is_some_and(|known| known.all.contains(permission)))
    }
}
