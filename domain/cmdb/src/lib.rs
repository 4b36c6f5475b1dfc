//! The configuration management database: what the technical estate consists of, and how its parts hang together.
//!
//! - A *configuration item* (CI) is a part that is worth knowing: a server, an application, a network.
//! - Its *type* says what it is, its *environment* what it is for; its name is unique among those that share both.
//! - A *relationship* leads from a CI to one it has to do with: an application `runs_on` a server.
//! - Its *dependants* are the active CIs that would miss it.

use daybook_kernel::{Kind, kind::kind};

pub mod configuration_item;

pub use configuration_item::ConfigurationItem;

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[kind::<ConfigurationItem>()];
