//! The query API: answers what is asked about what has happened, from the stores that the projectors fill. It never
//! decides, and links no Kafka. The same size for six or a hundred aggregates.
//!
//! The way of a question: [`routes`] → who asks ([`asker`]) and which rows are for them ([`app::Scope`], [`rows`]) → is the store fresh enough ([`freshness`]) →
//! one snapshot of one tenant's rows ([`stores`]) → personal data opened and the answer shown ([`document`]).

pub mod actions;
pub mod app;
pub mod asker;
pub mod cmdb;
pub mod document;
pub mod endings;
pub mod export;
pub mod figures;
pub mod freshness;
pub mod get;
pub mod history;
pub mod items;
pub mod list;
pub mod members;
pub mod params;
pub mod permissions;
pub mod routes;
pub mod rows;
pub mod search;
pub mod sequence;
pub mod settings;
pub mod standings;
pub mod stores;
pub mod why;
