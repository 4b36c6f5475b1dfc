//! The routes of sign-in.

pub(crate) mod api_keys;
mod back_channel;
mod documents;
mod factors;
mod federation;
mod given;
mod passkeys;
mod passwords;
mod providers;
mod register;
mod scim;
mod sessions;
mod sign_in;

use axum::{
    Router,
    routing::{delete, get, post},
};

use daybook_platform::limits::{Class, classed};

use crate::app::App;

/// All routes, without the edge around them.
pub fn routes(app: App) -> Router {
    // Where somebody may try what is not theirs.
    let strangers = Router::new()
        .route("/register", post(register::register))
        .route("/verify-email", post(register::verify_email))
        .route("/login", post(sign_in::login))
        .route("/token", post(sign_in::token))
        .route("/passkeys/challenge", post(passkeys::challenge))
        .route("/passkeys/login", post(passkeys::login))
        .route("/forgot-password", post(passwords::forgot))
        .route("/reset-password", post(passwords::reset))
        .route("/federation", get(federation::list))
        .route("/federation/redeem", post(federation::redeem))
        .route("/federation/{organization}/{provider}/start", get(federation::start))
        .route("/federation/{organization}/{provider}/callback", get(federation::callback));
    let auth = classed(Class::Login, strangers)
        .route("/refresh", post(sign_in::refresh))
        .route("/change-password", post(passwords::change))
        .route("/mfa/enable", post(factors::enable))
        .route("/mfa/verify", post(factors::verify))
        .route("/mfa/disable", post(factors::disable))
        .route("/me", get(sessions::me))
        .route("/logout", post(sessions::logout))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", delete(sessions::end))
        .route("/federation/{organization}/{provider}/logout", post(back_channel::logout))
        .route("/identity-providers/secrets", post(providers::keep_secret))
        .route("/identity-providers/{id}/test", post(providers::test))
        .route("/api-keys", post(api_keys::issue).get(api_keys::list))
        .route("/api-keys/{id}/rotate", post(api_keys::rotate));
    Router::new()
        .nest("/api/v1/auth", auth)
        .merge(scim::routes())
        .route("/.well-known/jwks.json", get(documents::keys))
        .merge(documents::routes())
        .with_state(app)
}
