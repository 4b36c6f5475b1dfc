//! Tenancy: the organisations that use Daybook, each a tenant, and what they have subscribed to.
//!
//! - An *organisation* is a tenant; its id is the tenant's id.
//! - Its *slug* is its name in addresses, unique across all tenants; a *host* is a name of its own in the internet's directory.
//! - A *member* is a user of the tenant with a role in the organisation.
//! - Its *settings* say how it works.
//! - A *domain* is a part of it whose data is kept apart, a *team* is people of it who work together.
//! - A *plan* is what can be subscribed to, a *subscription* is what an organisation has.
//! - A *limit* says how much there may be of a *metric*: at the soft one somebody is told, at the hard one it ends.
//! - A *usage meter* counts month by month what a tenant uses.
//!
//! What is unique across tenants, and what is decided together with it, lives in the book of the tenant
//! [`daybook_kernel::PLATFORM`]: organisations, hosts, plans, subscriptions. Domains, teams and meters live in the tenant's own.

use daybook_kernel::{Kind, kind::kind};

pub mod domain;
pub mod organization;
pub mod plan;
pub mod subscription;
pub mod team;
pub mod tenant_host;
pub mod usage_meter;

pub use domain::Domain;
pub use organization::Organization;
pub use plan::Plan;
pub use subscription::Subscription;
pub use team::Team;
pub use tenant_host::TenantHost;
pub use usage_meter::UsageMeter;

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[
    kind::<Organization>(),
    kind::<TenantHost>(),
    kind::<Plan>(),
    kind::<Subscription>(),
    kind::<Domain>(),
    kind::<Team>(),
    kind::<UsageMeter>(),
];
