//! Freshness: an answer that has seen what its caller has done.
//!
//! A receipt names a position; a query that sends it back waits until the store it reads from has passed it. One poller per
//! store asks how far the store is, and only while somebody waits.

pub mod position;
pub mod source;
pub mod tide;

pub use position::Position;
pub use tide::{Parked, Reached, Source, Tide};
