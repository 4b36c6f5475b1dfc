//! A request that asks for a command: everything about it that the routes need.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use daybook_kernel::{Actor, Kind, Tenant, book::Call};
use daybook_platform::{ApiError, Authenticator, Caller, body, body::RawBody, request::RequestContext};
use serde_json::{Map, Value as Json};
use std::time::Duration;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::{
    cause::{Acting, Cause, acting},
    conditions::IDEMPOTENCY_KEY,
    delivery::{Delivered, Undelivered, deliver, receive},
    forward::{
        Parcel,
        header::{Forward, misdirected},
    },
    prepare,
    reply::{Accepted, reply},
    routes::{Api, Open},
};

/// How long before the edge gives up a command is answered 504, so that the answer can name its key.
const MARGIN: Duration = Duration::from_millis(200);

/// A request, its caller known.
pub struct Ask {
    engine: Open,
    /// Who asks, in the tenant whose books are meant.
    pub caller: Caller,
    /// Who gives the command, as its entry says.
    pub actor: Actor,
    /// The tenant that the actor is of.
    pub member_of: Tenant,
    /// Why a policy asks.
    pub cause: Option<Cause>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as it came.
    pub body: Bytes,
    /// Its method and path: the same key for another one is another request.
    pub line: String,
    method: Method,
    uri: Uri,
    /// What another instance says that has forwarded it.
    forward: Option<Forward>,
    /// Its id, deadline and trace.
    pub context: RequestContext,
}

impl FromRequest<Api> for Ask {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = Arc::<Authenticator>::from_ref(api).caller(&parts.headers).await?;
        let Acting { caller, actor, member_of, cause } = acting(&parts.headers, caller)?;
        let forward = Forward::read(&parts.headers)?;
        let engine = match Open::from_request_parts(&mut parts, api).await {
            // An instance that starts owns nothing yet, whatever its earlier life did.
            Err(_) if forward.is_some() => return Err(misdirected(None)),
            engine => engine?,
        };
        let Ok(context) = RequestContext::from_request_parts(&mut parts, api).await;
        let line = format!("{} {}", parts.method, parts.uri.path());
        let headers = parts.headers.clone();
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let RawBody(body) = RawBody::from_request(Request::from_parts(parts, body), api).await?;
        Ok(Self { engine, caller, actor, member_of, cause, headers, body, line, method, uri, forward, context })
    }
}

impl Ask {
    /// The body as JSON; an empty body is an empty object.
    ///
    /// # Errors
    /// 400 or 415 saying what is wrong with it.
    pub fn json(&self) -> Result<Json, ApiError> {
        match self.body.is_empty() {
            true => Ok(Json::Object(Map::new())),
            false => body::json(&self.headers, &self.body),
        }
    }

    /// Begins an aggregate.
    ///
    /// # Errors
    /// Why not.
    pub async fn begin(self, kind: &'static dyn Kind) -> Result<Response, ApiError> {
        let Some(command) = kind.begins() else {
            return Err(ApiError::not_found("way to begin one without an id"));
        };
        // Before the body: who may not give the command learns nothing of its form.
        self.caller.must(kind.permission(command))?;
        let tenant = prepare::book_of(kind, None, &self.caller)?;
        let call = self.call(kind, command, Uuid::now_v7(), tenant, &self.json()?).await?;
        self.give(kind, tenant, vec![vec![call]], Accepted::Created(kind.meta().path)).await
    }

    /// Gives an aggregate the command of that name, with the request's body.
    ///
    /// # Errors
    /// Why not.
    pub async fn command(self, kind: &'static dyn Kind, id: &str, name: &str) -> Result<Response, ApiError> {
        self.told(kind, id, name, Self::json).await
    }

    /// The same with another body; it is made once the caller may give the command.
    ///
    /// # Errors
    /// Why not.
    pub async fn told(
        self,
        kind: &'static dyn Kind,
        id: &str,
        name: &str,
        body: impl FnOnce(&Self) -> Result<Json, ApiError>,
    ) -> Result<Response, ApiError> {
        let id = parse_id(kind, id)?;
        let command = command_of(kind, name)?;
        self.caller.must(kind.permission(command))?;
        let tenant = prepare::book_of(kind, Some(id), &self.caller)?;
        let call = self.call(kind, command, id, tenant, &body(&self)?).await?;
        self.give(kind, tenant, vec![vec![call]], Accepted::Done).await
    }

    /// A call of this request's caller, with that body.
    ///
    /// # Errors
    /// 403 naming the permission; 400 naming every field that is not as it should be; 503 where there is no key to seal with.
    pub async fn call(
        &self,
        kind: &'static dyn Kind,
        command: usize,
        id: Uuid,
        tenant: Tenant,
        body: &Json,
    ) -> Result<Call, ApiError> {
        prepare::call(
            Call { kind, id, command, body: daybook_kernel::Datum::Null },
            tenant,
            body,
            self.cause.as_ref().map(|cause| cause.causation.tenant),
            &self.caller,
            &self.engine.vault,
        )
        .await
    }

    /// Gives the steps to the owner of the book and answers.
    ///
    /// # Errors
    /// Everything that is not an acceptance.
    pub async fn give(
        self,
        kind: &'static dyn Kind,
        tenant: Tenant,
        steps: Vec<Vec<Call>>,
        accepted: Accepted,
    ) -> Result<Response, ApiError> {
        let command = prepare::command(&self, tenant, steps, &self.engine.vault)?;
        let key = command.id.clone();
        let deadline = self.context.deadline.checked_sub(MARGIN).unwrap_or(self.context.deadline);
        let place = self.engine.place(kind, tenant)?;
        let delivery = async {
            let parcel =
                || Parcel::new(&self.method, &self.uri, &self.headers, &self.body, &command.id, &self.context.id);
            match &self.forward {
                None => deliver(&place, &self.engine.forwarder, &command, parcel).await,
                Some(forward) => receive(&place, forward, &command).await,
            }
        };
        match timeout_at(deadline, delivery).await {
            Ok(Ok(Delivered::Decided(answered))) => reply(answered, &accepted, &key),
            Ok(Ok(Delivered::Elsewhere(response))) => Ok(response),
            Ok(Err(Undelivered::Refused(error))) => Err(error),
            Ok(Err(Undelivered::Open)) | Err(_) => {
                let message =
                    format!("no outcome yet; send it again with Idempotency-Key {key} for the definite answer");
                let error = ApiError::timeout(message);
                Err(match key.parse() {
                    Ok(value) => error.with_header(IDEMPOTENCY_KEY, value),
                    Err(_) => error,
                })
            }
        }
    }
}

/// The command of that name that is given to an id: one for what exists already, or one that begins it there.
///
/// # Errors
/// 404 naming those there are.
pub fn command_of(kind: &'static dyn Kind, name: &str) -> Result<usize, ApiError> {
    let of_id = |command: usize| kind.begins() != Some(command);
    kind.command(name).filter(|command| of_id(*command)).ok_or_else(|| {
        let known: Vec<_> = (0..kind.commands().len()).filter(|n| of_id(*n)).map(|n| kind.commands()[n].name).collect();
        let message = format!("{} has no command {name}; known are {}", kind.meta().shape.name, known.join(", "));
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    })
}

/// The id in a path. One that is none names nothing that exists.
///
/// # Errors
/// 404.
pub fn parse_id(kind: &dyn Kind, id: &str) -> Result<Uuid, ApiError> {
    id.parse().map_err(|_| ApiError::not_found(format!("{} {id}: its id is a UUID", kind.meta().shape.name)))
}
