//! The vault: the data keys under which personal data is sealed, each wrapped by a key-encryption key, and what became of them.
//!
//! ```text
//! kek        key-encryption keys, as a port that a key management service fits behind; folder: the keys of a folder of files
//! keys       the vault as a service sees it: a key to seal with, a ring to open with, kept in memory for a short while
//! clerk      gathers what is asked at the same time, so that Postgres is asked once
//! store      the rows of keys, in Postgres
//! erasure    whose a key is, its destruction, and which store has forgotten
//! rotation   another key-encryption key for all
//! dump       the rows for a backup, and back
//! ```
//!
//! See `docs/adr/0012-vault.md`.

mod clerk;
pub mod dump;
pub mod erasure;
pub mod folder;
pub mod kek;
mod keys;
pub mod rotation;
pub mod sql;
mod store;

pub use folder::FolderKeys;
pub use kek::{KekError, KeyEncryption};
pub use keys::{Options, Vault, VaultError};
pub use store::{is_unmade, pool, prepare};
