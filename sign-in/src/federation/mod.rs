//! Federation: who is vouched for by an identity provider of the tenant, by OpenID Connect.
//!
//! ```text
//! provider    the provider, as the views of identity show it
//! issuer      what it publishes of itself: its document and its keys, read, kept and read again
//! begun       a sign-in that was sent there, kept until it comes back
//! exchange    the code that came back, exchanged for an ID token
//! token       ID tokens and logout tokens, held to what they have to be
//! admission   whose account it is, and the sign-in itself
//! kept        the rows of it
//! ```
//!
//! See `docs/adr/0017-federation.md`.

pub mod admission;
pub mod begun;
pub mod exchange;
pub mod issuer;
mod kept;
pub mod provider;
pub mod token;
