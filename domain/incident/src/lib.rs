//! Incidents: what went wrong for somebody, and what the service desk did about it.
//!
//! - An *incident* is an interruption of a service, or a loss of its quality (ITIL).
//! - The *caller* is the person it went wrong for; only the caller confirms that it is right again.
//! - *Impact* (how many suffer) and *urgency* (how soon it hurts) give the *priority*.
//! - It is *assigned* to a group, and to a member of it; *on hold* it waits for somebody outside.
//! - A *child* incident has the same cause as its *parent*, and is resolved with it.
//! - A *task* is a piece of the work; the incident cannot be resolved while one is open.

use daybook_kernel::{Kind, kind::kind};

pub mod incident;
mod standing;
mod views;

pub use incident::Incident;
pub use standing::Standing;
pub use views::{VIEWS, Waiting};

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[kind::<Incident>()];
