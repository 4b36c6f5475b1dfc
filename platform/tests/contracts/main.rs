//! What the platform promises to the services built on it and to their clients, tried on real sockets and files.

#![allow(clippy::unwrap_used)] // also in what the tests stand on, which Clippy does not take for tests

mod auth;
mod bodies;
mod edge;
mod forgeries;
mod house;
mod limits;
mod ops;
mod protection;
mod settings;
mod stand;
mod tls;
mod trail;
