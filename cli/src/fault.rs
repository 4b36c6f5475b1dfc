//! Why a command of the tool ends without having done what was asked: one sentence, fit to be shown as it is.

use std::path::PathBuf;

use daybook_platform::issuer::IssuerError;
use daybook_platform::settings::SettingsError;

use crate::api::Failure;

/// Why the tool stops.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The development issuer cannot sign.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// A service said no, or nothing.
    #[error("{doing}: {failure}")]
    Api {
        /// What was being done.
        doing: String,
        /// What came of it.
        failure: Failure,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store of views does not do as asked.
    #[error("postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// The vault cannot be used.
    #[error(transparent)]
    Vault(#[from] daybook_vault::VaultError),
    /// The rows of sign-in cannot be had.
    #[error(transparent)]
    SignIn(#[from] daybook_sign_in::store::Fault),
    /// A key-encryption key cannot be used.
    #[error(transparent)]
    Kek(#[from] daybook_vault::KekError),
    /// The journals cannot be read.
    #[error(transparent)]
    Journal(#[from] daybook_journal::JournalError),
    /// A journal cannot be copied.
    #[error(transparent)]
    Copy(#[from] daybook_journal::copy::CopyError),
    /// What was asked for makes no sense, in one sentence.
    #[error("{0}")]
    Asked(String),
}

impl Fault {
    /// What was asked for makes no sense.
    pub fn asked(sentence: impl Into<String>) -> Self {
        Self::Asked(sentence.into())
    }

    /// A file cannot be read or written.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
