//! Passkeys: a key pair in a device of somebody, who unlocks it there; we know its public half (Web Authentication, Level 3).
//!
//! The device signs only for the page it was made for, so a passkey cannot be given away to another page, nor learnt from us.
//! Who unlocks it has shown two things, the device and what unlocks it: it serves alone, or beside a password.

pub mod authenticator;
pub mod client;
pub mod cose;
mod flaw;
mod kept;
mod party;
mod shown;

pub use flaw::Flaw;
pub use kept::Passkey;
pub use party::{Assertion, Party, PartyError, Registration};
