//! What is wrong with what a device says.

/// What is wrong with what a device says. Told to who is signed in; to others only that it is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A part cannot be read.
    #[error("{0} is not in the form that Web Authentication gives it")]
    Form(&'static str),
    /// It is of another ceremony: made where a signature is asked for, or the other way round.
    #[error("it is not the answer to what was asked")]
    Ceremony,
    /// It was made on another page, or within one.
    #[error("it was made on a page that is not ours")]
    Origin,
    /// It is a passkey of somebody else's pages.
    #[error("it is a passkey of another domain")]
    Party,
    /// Nobody has unlocked it.
    #[error("the device has to be unlocked for it, by a PIN, a finger or a face")]
    Unverified,
    /// Its key is of a kind that was not asked for.
    #[error("its key has to be of ES256, EdDSA or RS256")]
    Algorithm,
    /// What it has signed is not this, or another key has signed it.
    #[error("the signature is not right")]
    Signature,
    /// It says that it is the passkey of another account, or another kind of passkey than when it was made.
    #[error("it is not the passkey that it was")]
    Another,
    /// It has counted less than before: there is a copy of it.
    #[error("it has signed before what it says now: there may be a copy of it")]
    Copied,
}
