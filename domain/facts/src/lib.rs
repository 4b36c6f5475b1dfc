//! Facts: the published language between contexts. What one context lets the others know of its aggregates, so that a
//! command can refer to a user, a group or a configuration item without its context seeing theirs.
//!
//! A fact holds no personal data, and only what a rule elsewhere asks for. It may be some milliseconds old.

pub mod access_policy;
pub mod api_key;
pub mod configuration_item;
pub mod group;
pub mod organization;
pub mod permissions;
pub mod role;
pub mod session;
pub mod subscription;
pub mod user;

pub use access_policy::AccessPolicy;
pub use api_key::ApiKey;
pub use configuration_item::ConfigurationItem;
pub use group::Group;
pub use organization::Organization;
pub use permissions::Permissions;
pub use role::{Reach, Role};
pub use session::Session;
pub use subscription::Subscription;
pub use user::User;
