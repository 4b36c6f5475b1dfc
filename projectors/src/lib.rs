//! Projectors: everything that is derived from the journals, by one loop and a sink for each store.
//!
//! ```text
//! follow   reads and decodes on a thread of its own ─▶ chunks ─▶ engine ─▶ batches ─▶ sink
//! engine   where to go on, what to try again, which books are parked
//! sink     rows and progress, stored together: postgres, clickhouse, search, publisher
//! ```
//!
//! What is derived can be thrown away and derived again; nothing here decides anything.

pub mod batch;
pub mod clickhouse;
pub mod decode;
pub mod engine;
pub mod eraser;
pub mod fold;
pub mod follow;
mod gauges;
pub mod policies;
pub mod postgres;
pub mod publisher;
pub mod search;
pub mod service;
pub mod settings;
pub mod sink;
pub mod view;
