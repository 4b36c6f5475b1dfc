//! Sign-in: who one is, shown over HTTP. Registers, signs in and out, keeps sessions up, replaces passwords, sets up second
//! factors, and signs the tokens that every other service believes.
//!
//! It decides nothing: what changes is a command to the command API, and the book says yes or no ([`desk`]). What it reads
//! are the views of identity ([`people`]), which may be some milliseconds old; where that matters the book is told what was
//! looked at, and refuses what is so no longer. What is secret lies in a schema of its own ([`store`]), sealed where it has
//! to be opened again ([`sealed`]), and stands in events only by its id. Who is known elsewhere is vouched for by an identity
//! provider ([`federation`]), and a directory may keep the accounts ([`scim`]).

pub mod app;
pub mod desk;
pub mod dump;
pub mod endings;
pub mod federation;
pub mod grants;
pub mod keys;
pub mod mail;
pub mod passkeys;
pub mod passwords;
pub mod people;
pub mod refusals;
pub mod routes;
pub mod scim;
pub mod sealed;
pub mod settings;
pub mod sql;
pub mod store;
pub mod tables;
pub mod tokens;
pub mod totp;
