//! Tenancy: the organisations that use Daybook, each a tenant.
//!
//! - An *organisation* is a tenant; its id is the tenant's id.
//! - Its *slug* is its name in addresses, unique across all tenants.
//! - A *member* is a user of the tenant with a role in the organisation.
//!
//! What is unique across tenants lives in the books of the tenant [`daybook_kernel::PLATFORM`], so organisations do.

use daybook_kernel::{Kind, kind::kind};

pub mod organization;

pub use organization::Organization;

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[kind::<Organization>()];
