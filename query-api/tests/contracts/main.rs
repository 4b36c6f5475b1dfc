//! What the query API promises, held against the real stores of the running system. Each test has tenants of its own.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing tells nothing")]

mod figures;
mod lists;
mod refusals;
mod search;
mod single;
mod statements;
mod system;
mod tickets;
mod visible;
