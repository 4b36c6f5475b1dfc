//! The desk: the command API, at which sign-in gives its commands as a service of the platform, in the tenant of whom it acts
//! for. A command has a key of its own, so one without an answer is given again and done once.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use daybook_kernel::{PLATFORM, Tenant};
use daybook_platform::{ApiError, FieldError, auth::Claims, request};
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::RwLock;
use uuid::Uuid;

use crate::{keys::Keys, store::Fault};

/// How long a command is given again that has no outcome.
const PATIENCE: Duration = Duration::from_secs(6);

/// The pause before it is.
const PAUSE: Duration = Duration::from_millis(150);

/// How long the tokens of the service itself hold, and how long before their end another is signed.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
const EARLY: Duration = Duration::from_secs(2 * 60);

/// The user as whom sign-in acts.
const SERVICE: Uuid = Uuid::from_u128(0x7000_8000_0000_0000_0002);

/// Why a command did not lead to anything.
#[derive(Debug)]
pub enum No {
    /// The book says no, or the command API does of the command.
    Refused {
        /// The status.
        status: StatusCode,
        /// The code.
        code: String,
        /// The sentence.
        message: String,
        /// What is wrong with which field.
        details: Vec<FieldError>,
    },
    /// There is no outcome.
    Open(String),
    /// No token could be signed.
    Unsigned(Fault),
}

impl No {
    /// Whether the book refuses with that code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// As the client is told, where nothing else is known of the command.
impl From<No> for ApiError {
    fn from(no: No) -> Self {
        match no {
            No::Refused { status, code, message, details } => {
                let error = ApiError::new(status, code, message);
                details.into_iter().fold(error, |error, detail| error.with_field(detail.field, detail.message))
            }
            No::Open(reason) => {
                tracing::error!(reason, "a command has no outcome");
                ApiError::unavailable("it is not known whether it is done: ask again", Duration::from_secs(2))
            }
            No::Unsigned(fault) => fault.into(),
        }
    }
}

/// What an accepted command is answered.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    /// The aggregate.
    pub id: Uuid,
    /// Its version.
    pub version: u64,
    /// Where its entry stands, or what confirms that nothing was to be done.
    pub position: String,
}

/// Whose token a command is given with.
#[derive(Debug, Clone, Copy)]
pub enum As<'a> {
    /// That of sign-in.
    Service,
    /// The person's own: so the book sees who asks.
    Bearer(&'a str),
}

/// Where commands are given.
pub struct Desk {
    client: Client,
    url: String,
    keys: Keys,
    token: RwLock<Option<(Instant, String)>>,
}

impl Desk {
    /// The command API at that origin.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(url: &str, keys: Keys) -> Result<Self, reqwest::Error> {
        let client = Client::builder().connect_timeout(Duration::from_secs(2)).timeout(PATIENCE).tcp_nodelay(true);
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { client: client.build()?, url, keys, token: RwLock::default() })
    }

    /// Gives a command as sign-in: `path` is what comes behind `/api/v1/`.
    ///
    /// # Errors
    /// The book's no, or that there is no outcome.
    pub async fn give(&self, tenant: Tenant, path: &str, body: &Json) -> Result<Receipt, No> {
        self.give_as(As::Service, tenant, path, body).await
    }

    /// Gives a command as whoever that is.
    ///
    /// # Errors
    /// The book's no, or that there is no outcome.
    pub async fn give_as(&self, who: As<'_>, tenant: Tenant, path: &str, body: &Json) -> Result<Receipt, No> {
        let key = Uuid::now_v7().to_string();
        let begun = Instant::now();
        loop {
            let reason = match self.once(who, tenant, path, body, &key).await? {
                Ok(receipt) => return Ok(receipt),
                Err(reason) => reason,
            };
            if begun.elapsed() + PAUSE > PATIENCE {
                return Err(No::Open(reason));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Gives it once; inside is why there is no outcome yet.
    async fn once(
        &self,
        who: As<'_>,
        tenant: Tenant,
        path: &str,
        body: &Json,
        key: &str,
    ) -> Result<Result<Receipt, String>, No> {
        let mut request =
            self.client.post(format!("{}/api/v1/{path}", self.url)).header("idempotency-key", key).json(body);
        request = match who {
            As::Bearer(token) => request.bearer_auth(token),
            As::Service => {
                let tenant = if tenant == PLATFORM { "platform".to_owned() } else { tenant.to_string() };
                request.bearer_auth(self.token().await.map_err(No::Unsigned)?).header("daybook-tenant", tenant)
            }
        };
        if let Some(context) = request::current() {
            request = request.header(request::REQUEST_ID, &*context.id);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Err(error.without_url().to_string())),
        };
        let status = response.status();
        let answer: Json = response.json().await.unwrap_or_default();
        if status.is_success() {
            return match serde_json::from_value(answer) {
                Ok(receipt) => Ok(Ok(receipt)),
                Err(error) => Ok(Err(format!("an answer that is none: {error}"))),
            };
        }
        let said = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
        let (code, message) = (said("code"), said("message"));
        let is_ours = matches!(who, As::Service) && [401, 403].contains(&status.as_u16());
        let is_open = code.is_empty()
            || status.is_server_error()
            || [408, 421, 429].contains(&status.as_u16())
            || (is_ours && ["UNAUTHENTICATED", "FORBIDDEN"].contains(&code.as_str()));
        if status == StatusCode::UNAUTHORIZED && matches!(who, As::Service) {
            // Its key was withdrawn, or the clocks differ: the next try shows another.
            *self.token.write().await = None;
        }
        if is_open {
            return Ok(Err(format!("the command API answers {status} {code} {message}")));
        }
        let details = answer["error"]["details"].as_array().into_iter().flatten();
        let details = details.map(|detail| {
            let text = |key: &str| detail[key].as_str().unwrap_or_default().to_owned();
            FieldError { field: text("field"), message: text("message") }
        });
        Err(No::Refused { status, code, message, details: details.collect() })
    }

    /// The token of the service itself: it is the issuer, so it asks nobody for one.
    async fn token(&self) -> Result<String, Fault> {
        if let Some((until, token)) = &*self.token.read().await
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let role = daybook_contents::permissions::built_in::named("Sign-in");
        let claims = Claims {
            sub: SERVICE,
            tenant_id: "platform".to_owned(),
            roles: role.iter().map(|role| role.name.to_owned()).collect(),
            permissions: role.iter().flat_map(|role| role.permissions()).map(str::to_owned).collect(),
            jti: None,
            sid: None,
            client_id: None,
            amr: Vec::new(),
        };
        let token = self.keys.sign(claims, LIFETIME).await?;
        *self.token.write().await = Some((Instant::now() + LIFETIME - EARLY, token.clone()));
        Ok(token)
    }
}
