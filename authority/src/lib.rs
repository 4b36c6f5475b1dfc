//! Authorisation (NIST SP 800-162): whether somebody may do something to a record, and why. The one place that decides it.
//!
//! - A [`Principal`] is who asks: what the identity book says of the person (the [`Standing`]), and at most what the token says.
//! - A permission of the catalogue names what is asked; how far it *reaches* is said where it is held.
//! - A [`Resource`] is the record, by what its fields say of whose it is.
//! - [`decide`] says yes or no, with the reason; [`explain`] all that was looked at.
//! - [`Filter`] says the same of many records at once, for stores that choose rows: it admits exactly those for which
//!   [`decide`] permits.
//!
//! Nothing is permitted that nobody has given; what is forbidden is so whatever was given. Pure: no clock, no input or output.

pub mod decision;
pub mod explanation;
pub mod filter;
pub mod moment;
pub mod policy;
pub mod principal;
pub mod resource;
pub mod standing;

pub use decision::{Decision, Reason, decide};
pub use explanation::{Considered, explain};
pub use filter::{Condition, Filter};
pub use moment::Moment;
pub use policy::Policy;
pub use principal::Principal;
pub use resource::Resource;
pub use standing::{By, Held, Standing};
