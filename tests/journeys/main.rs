//! Journeys: the running system as its users, its operators and its accidents meet it.
//!
//! They link none of our crates. Each works in tenants of its own, so they do not disturb one another; each that breaks
//! something leaves it whole again. `make test` starts the system and runs them one after the other.

#![allow(clippy::unwrap_used)] // also in what the tests stand on, which Clippy does not take for tests

mod access;
mod apart;
mod backup;
mod directory;
mod federation;
mod forget;
mod kills;
mod looks;
mod many;
mod masks;
mod matrix;
mod mutual;
mod outages;
mod policies;
mod reach;
mod rebuild;
mod refusals;
mod retention;
mod sign_in;
mod system;
mod tenants;
mod traces;
mod way;
