//! Policies: what the house does by itself when something has happened. One file each.
//!
//! A policy may know several contexts, and is the only thing that may. It changes nothing but by commands, which the book
//! they are for decides like anybody's (docs/adr/0010-policies.md).

use daybook_kernel::Policy;

mod leaver;
mod metering;
mod onboarding;

pub use leaver::Leaver;
pub use metering::Metering;
pub use onboarding::Onboarding;

/// Every policy.
pub const POLICIES: &[&dyn Policy] = &[&Leaver, &Onboarding, &Metering];
