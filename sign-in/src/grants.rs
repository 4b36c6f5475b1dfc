//! Grants: the tokens of somebody who has shown who it is.

use std::time::Duration;

use axum::{
    Json,
    http::header::CACHE_CONTROL,
    response::{IntoResponse as _, Response},
};
use daybook_kernel::{PLATFORM, Tenant};
use daybook_platform::{ApiError, auth::Claims};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    keys::LIFETIME,
    people::{Held, Person},
    store::Given,
    tokens,
};

/// How long a refresh token serves, once: seven days, as the book has it.
const REFRESH: Duration = Duration::from_secs(7 * 24 * 3_600);

impl App {
    /// The tokens of an open session: one to ask with, and one to be given the next by. `amr` are the ways in which the person
    /// showed who it is when the session began.
    ///
    /// # Errors
    /// When they cannot be made.
    pub async fn grant(
        &self,
        tenant: Tenant,
        person: &Person,
        session: Uuid,
        generation: i32,
        amr: Vec<String>,
    ) -> Result<Response, ApiError> {
        // Who needs a second factor and has none may set one up, and nothing else.
        // A provider that vouches for one has asked for it.
        let is_vouched = ["fed", "mfa"].iter().all(|way| amr.iter().any(|shown| shown == way));
        let is_bare = !is_vouched && !person.has_factor() && self.mfa_required(tenant).await?;
        let held = if is_bare { Held::default() } else { self.store.held(tenant, person).await? };
        let claims = Claims { sid: Some(session), amr, ..claims(tenant, person.id, held) };
        let access = self.keys.sign(claims, LIFETIME).await?;
        let refresh = tokens::fresh("dbr");
        let (session, generation, lifetime) = (Some(session), Some(generation), Some(REFRESH));
        let given = Given { kind: "refresh", tenant, owner: person.id, session, generation, lifetime };
        self.store.give(&refresh, given).await?;
        let mut answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
            "refresh_token": refresh,
            "session": session,
            "user": person.id,
            "tenant": written(tenant),
        });
        if is_bare {
            answer["mfa_enrolment_required"] = json!(true);
        }
        Ok(secret(answer))
    }

    /// The token of a program that has shown an API key.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn grant_key(
        &self,
        tenant: Tenant,
        subject: Uuid,
        key: Uuid,
        held: Held,
        lifetime: Duration,
    ) -> Result<String, ApiError> {
        let claims = Claims { client_id: Some(key), ..claims(tenant, subject, held) };
        Ok(self.keys.sign(claims, lifetime).await?)
    }
}

fn claims(tenant: Tenant, sub: Uuid, held: Held) -> Claims {
    let (roles, permissions) = (held.roles, held.permissions.into_iter().collect());
    Claims {
        sub,
        tenant_id: written(tenant),
        roles,
        permissions,
        jti: None,
        sid: None,
        client_id: None,
        amr: Vec::new(),
    }
}

/// A tenant, as it is written in tokens and addresses.
pub fn written(tenant: Tenant) -> String {
    if tenant == PLATFORM { "platform".to_owned() } else { tenant.to_string() }
}

/// An answer that nobody keeps (RFC 6749, section 5.1).
pub fn secret(answer: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}
