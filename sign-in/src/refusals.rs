//! Refusals: what is said to who could not show who it is. As little as possible, and the same for many reasons; what only an
//! attacker meets is told to security.

use axum::http::StatusCode;
use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use uuid::Uuid;

/// 401: address and password do not belong together, or to nobody.
pub fn invalid_credentials() -> ApiError {
    refused("INVALID_CREDENTIALS", "this is not the address and the password of an account that can be used")
}

/// 401: the password is right, and a second factor is needed.
pub fn second_factor_required() -> ApiError {
    refused("SECOND_FACTOR_REQUIRED", "send the code of your authenticator app too, or a recovery code")
}

/// 401: a code that was accepted before, or an older one.
pub fn code_reused() -> ApiError {
    refused("CODE_REUSED", "a code is accepted once: wait for the next")
}

/// 401: a refresh token of no session that is open.
pub fn session_ended() -> ApiError {
    refused("SESSION_ENDED", "the session is over: sign in again")
}

/// 401: a refresh token that was used before; its session ended with it.
pub fn token_reused() -> ApiError {
    refused("TOKEN_REUSED", "this token was used before: the session is over, for the token may have been stolen")
}

/// 401: an API key that cannot be used.
pub fn invalid_client() -> ApiError {
    refused("INVALID_CLIENT", "this is not an API key that can be used")
}

/// 422: a token from a mail that is not right, was used, or has run out.
pub fn wrong_token() -> ApiError {
    let message = "this token is not right, was used before, or has run out: ask for another";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "WRONG_TOKEN", message).with_field("token", message)
}

/// 422: a code that is not the one of the app.
pub fn wrong_code() -> ApiError {
    let message = "this is not the code that the app shows";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "WRONG_CODE", message).with_field("code", message)
}

/// 403: the password that somebody who is signed in has to show once more is another.
pub fn wrong_password() -> ApiError {
    let message = "this is not your password";
    ApiError::new(StatusCode::FORBIDDEN, "WRONG_PASSWORD", message).with_field("password", message)
}

/// Tells security of something that only an attacker does, or somebody who was attacked. Where the book writes an event of it
/// too, this line is beside it.
pub fn security(event: &'static str, tenant: Tenant, subject: Option<Uuid>) {
    metrics::counter!("auth_security_events_total", "event" => event).increment(1);
    let subject = subject.map(|subject| subject.to_string()).unwrap_or_default();
    tracing::warn!(security_event = event, %tenant, subject, "refused at sign-in");
}

fn refused(code: &'static str, message: &str) -> ApiError {
    ApiError { code: code.into(), ..ApiError::unauthenticated(message, r#"Bearer realm="daybook""#) }
}
