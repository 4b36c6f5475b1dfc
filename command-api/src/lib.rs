//! The command API: takes commands over HTTP, has the owner of the book decide them, and answers when the journal has
//! confirmed the outcome. The same size for six or a hundred aggregates.
//!
//! The way of a command: [`routes`] → [`prepare`] (let by the token, parsed, sealed) → [`delivery`] (to the owner of the book, in this
//! process or by [`forward`] in another) → [`machine`] (permitted, decided, written) → journal → [`reply`].

pub mod cause;
pub mod command;
pub mod conditions;
pub mod delivery;
pub mod endings;
pub mod engine;
pub mod facts;
pub mod forward;
pub mod keeping;
pub mod machine;
pub mod membership;
pub mod permission;
pub mod prepare;
pub mod reply;
pub mod routes;
pub mod settings;
pub mod standings;
pub mod start;
pub mod store;
pub mod watermarks;
pub mod window;
