//! What every process of Daybook needs to live: settings, logs and traces, metrics, health, shutdown, the HTTP edge and
//! the check of who is calling.
//!
//! A service's `main` reads as one story: [`settings::load`] → [`telemetry::start`] → [`metrics::install`] →
//! [`health::Health::new`] → [`shutdown::Shutdown::on_signals`] → its own router, with [`ops::routes`] merged and
//! [`edge::guard`] around it → [`serve::serve`]. A process without an HTTP interface of its own runs [`ops::serve`] instead.
//!
//! Nothing here knows a bounded context, the journal or a store.

pub mod auth;
pub mod body;
pub mod edge;
pub mod error;
pub mod health;
pub mod issuer;
pub mod jwks;
mod log_line;
pub mod metrics;
pub mod ops;
pub mod request;
pub mod secret;
pub mod sections;
pub mod serve;
pub mod settings;
pub mod shutdown;
pub mod standing;
pub mod telemetry;
mod token_cache;
pub mod trace_context;

pub use auth::{Authenticator, Caller};
pub use error::{ApiError, FieldError};
pub use health::Health;
pub use secret::Secret;
pub use shutdown::Shutdown;
pub use standing::{Basis, Standings};
