//! What Postgres says, in the terms of a sink.

use crate::sink::SinkError;

/// Whether another attempt can help: only data that the store will never take is refused.
pub fn classify(error: sqlx::Error) -> SinkError {
    let text = words(&error);
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    match code.as_deref().map(|code| &code[..2]) {
        // Data exception, integrity constraint violation, program limit exceeded.
        Some("22" | "23" | "54") => SinkError::Refused(text),
        _ => SinkError::Unavailable(text),
    }
}

/// The error in one sentence.
pub fn words(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(refused) => format!("Postgres refuses: {}", refused.message()),
        None => format!("Postgres does not answer: {error}"),
    }
}
