//! What every process of Daybook needs to live: settings, logs and traces, metrics, health, shutdown, the HTTP edge and
//! the check of who is calling.
//!
//! A service's `main` reads as one story: [`settings::load`] → [`telemetry::start`] → [`metrics::install`] →
//! [`health::Health::new`] → [`shutdown::Shutdown::on_signals`] → its own router, with [`ops::routes`] merged and
//! [`edge::guard`] around it → [`serve::serve`]. A process without an HTTP interface of its own runs [`ops::serve`] instead.
//!
//! Nothing here knows a bounded context, the journal or a store.

pub mod abroad;
pub mod auth;
pub mod basis;
pub mod body;
mod connections;
pub mod edge;
pub mod error;
pub mod files;
mod headers;
pub mod health;
pub mod issuer;
pub mod jwks;
pub mod limits;
mod log_line;
pub mod metrics;
pub mod network;
pub mod ops;
pub mod origins;
pub mod outgoing;
mod pace;
pub mod page;
pub mod request;
pub mod secret;
pub mod sections;
pub mod serve;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
mod tls;
mod token_cache;
pub mod trace_context;
pub mod trail;

pub use auth::{Authenticator, Caller};
pub use basis::{Basis, Endings};
pub use error::{ApiError, FieldError};
pub use health::Health;
pub use limits::Limits;
pub use secret::Secret;
pub use shutdown::Shutdown;
