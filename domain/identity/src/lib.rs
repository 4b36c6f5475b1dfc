//! Identity: who uses Daybook, and in which groups they work.
//!
//! - A *user* is a person with an account in a tenant.
//! - A *group* takes on work together; an incident is assigned to a group, and to a member of it.
//!
//! Sign-in, roles, sessions and policies belong to this context and are not here yet.

use daybook_kernel::{Kind, kind::kind};

pub mod group;
pub mod user;

pub use group::Group;
pub use user::User;

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[kind::<User>(), kind::<Group>()];
