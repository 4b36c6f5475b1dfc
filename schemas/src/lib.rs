//! The contracts: what every byte on the wire and every field of the API means, generated from the declaration.
//!
//! ```text
//! envelope    the entry around a command's events, final from the first record
//! catalogue   the schemas that events are written in, of today and before
//! sealing     personal data, sealed before it is decided upon and opened for an answer
//! public      events as systems downstream see them
//! registry    the schemas where other systems look for them
//! avro        schemas from the declaration
//! blind       blind indexes of personal texts
//! body        records as bytes by their shape
//! committed   what is committed of all this, and whether it still fits
//! ```

pub mod avro;
mod binary;
pub mod blind;
pub mod body;
pub mod catalogue;
pub mod committed;
pub mod compatibility;
pub mod envelope;
mod error;
pub mod hex;
pub mod openapi;
pub mod public;
pub mod registry;
pub mod sample;
pub mod sealing;

pub use catalogue::{Catalogue, Fingerprint, SchemaText, fingerprint};
pub use error::WireError;
pub use sealing::{Sealer, SealingError};
