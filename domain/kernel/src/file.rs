//! References to files; the bytes live in the file store, not in the journal.

use crate::{Body, Line, Personal};

/// A file in the file store.
#[derive(Debug, Clone, PartialEq, Eq, Body)]
pub struct FileRef {
    /// The id in the file store.
    pub id: uuid::Uuid,
    /// The name it was given. People put names into file names, so it is personal.
    pub name: Personal<Line<255>>,
    /// The media type (RFC 6838).
    pub media_type: Line<127>,
    /// The size in bytes.
    pub size: i64,
    /// SHA-256 of the content, in hex.
    pub sha256: Line<64>,
}
