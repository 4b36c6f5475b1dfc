//! Refusals: what is said to who could not show who it is. As little as possible, and the same for many reasons; what only an
//! attacker meets is told to security.

use axum::http::StatusCode;
use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use uuid::Uuid;

use crate::passkeys::Flaw;

/// 401: address and password do not belong together, or to nobody.
pub fn invalid_credentials() -> ApiError {
    refused("INVALID_CREDENTIALS", "this is not the address and the password of an account that can be used")
}

/// 401: the password is right, and a second factor is needed.
pub fn second_factor_required() -> ApiError {
    refused(
        "SECOND_FACTOR_REQUIRED",
        "send the code of your authenticator app too, or what your passkey signs, or a recovery code",
    )
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

/// 401: a passkey that is not one of ours, or has not signed what it was given.
pub fn invalid_passkey() -> ApiError {
    refused("INVALID_PASSKEY", "this passkey is not accepted: ask for another challenge, or sign in otherwise")
}

/// 422: a passkey that was made, and cannot be kept.
pub fn wrong_passkey(flaw: Flaw) -> ApiError {
    let message = flaw.to_string();
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "WRONG_PASSKEY", message.clone()).with_field("credential", message)
}

/// 409: a passkey that is somebody's already.
pub fn passkey_taken() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "PASSKEY_TAKEN", "this passkey is known already: have the device make another")
}

/// 403: the password that somebody who is signed in has to show once more is another.
pub fn wrong_password() -> ApiError {
    let message = "this is not your password";
    ApiError::new(StatusCode::FORBIDDEN, "WRONG_PASSWORD", message).with_field("password", message)
}

/// 401: a sign-in at a provider that comes back, and was not begun in this browser, came back already, or took too long.
pub fn unknown_state() -> ApiError {
    refused("UNKNOWN_STATE", "this sign-in was not begun here, was used already, or took too long: begin it anew")
}

/// 401: the provider did not sign the person in.
pub fn provider_refused() -> ApiError {
    refused("PROVIDER_REFUSED", "the identity provider has not signed you in: begin anew")
}

/// 401: what the provider says cannot be believed.
pub fn not_vouched() -> ApiError {
    refused(
        "NOT_VOUCHED",
        "what the identity provider says is not as it has to be: the administrator finds why in the log",
    )
}

/// 401: a code of a sign-in at a provider that is not right.
pub fn wrong_code_of_return() -> ApiError {
    refused("INVALID_CODE", "this code is not right, was used before, or has run out: begin anew")
}

/// 403: nobody signs in by this provider.
pub fn provider_not_in_use() -> ApiError {
    forbidden("PROVIDER_NOT_IN_USE", "nobody signs in by this identity provider at present")
}

/// 403: the provider does not vouch for the address.
pub fn address_not_vouched() -> ApiError {
    let message = "your address has to be verified by the identity provider, and of a domain that it vouches for";
    forbidden("ADDRESS_NOT_VOUCHED", message)
}

/// 403: the organisation wants a second factor, and the provider does not say that one was shown.
pub fn second_factor_not_vouched() -> ApiError {
    let message = "the organisation wants a second factor, and the identity provider does not say that one was shown";
    forbidden("SECOND_FACTOR_NOT_VOUCHED", message)
}

/// 403: there is an account of that address, by which one signs in otherwise.
pub fn account_not_linked() -> ApiError {
    forbidden("ACCOUNT_NOT_LINKED", "there is an account of your address already: sign in as you did before")
}

/// 403: there is no account, and none is given.
pub fn no_account() -> ApiError {
    forbidden("NO_ACCOUNT", "you have no account here that is in use: ask your administrator for one")
}

/// 502: the provider gives no answer that can be used.
pub fn provider_unreachable() -> ApiError {
    let message = "the identity provider gives no answer that can be used: try again, or ask the administrator";
    ApiError::new(StatusCode::BAD_GATEWAY, "PROVIDER_UNREACHABLE", message)
}

/// 400: a logout token that is not taken.
pub fn wrong_logout_token() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_LOGOUT_TOKEN", "this logout token is not taken").with_field(
        "logout_token",
        "must be one that the identity provider has signed for this client, and not taken yet",
    )
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

fn forbidden(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, message)
}
