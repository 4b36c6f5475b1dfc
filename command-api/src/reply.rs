//! What HTTP says to who gave a command.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daybook_journal::{Answered, Refused, Scope};
use daybook_kernel::{FieldError, Rejection, RejectionKind};
use daybook_platform::ApiError;
use daybook_schemas::envelope::MAX_ENTRY;
use serde_json::json;

use crate::{
    command::{Answer, Receipt},
    conditions::IDEMPOTENCY_KEY,
};

/// Where the entry stands; a query that sends it back sees at least this.
pub const POSITION: HeaderName = HeaderName::from_static("daybook-position");

/// How an accepted command is answered.
pub enum Accepted {
    /// 201, with the address of what was begun below this path.
    Created(&'static str),
    /// 200.
    Done,
}

/// The answer to a command whose outcome the journal has confirmed.
///
/// # Errors
/// Everything that is not an acceptance.
pub fn reply(answered: Answered<Answer>, accepted: &Accepted, key: &str) -> Result<Response, ApiError> {
    let confirmed = answered.confirmed.to_string();
    let mut response = match answered.answer {
        Answer::Accepted(receipt) => receipt_response(&receipt, accepted),
        Answer::Unchanged { id, version } => {
            Json(json!({ "id": id, "version": version, "position": confirmed, "unchanged": true })).into_response()
        }
        Answer::AlreadyDone => Json(json!({ "position": confirmed, "already": true })).into_response(),
        Answer::Rejected(rejection) => return Err(rejected(rejection)),
        Answer::KeyReused => {
            let message = "this key was used for another request; a new request needs a new key";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", message)
                .with_field("Idempotency-Key", message));
        }
        Answer::TooLarge { size } => {
            let message = format!("the entry would have {size} bytes; at most {MAX_ENTRY} are possible");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "ENTRY_TOO_LARGE", message));
        }
        Answer::Defect(reason) => {
            tracing::error!(reason, "a command met a defect; nothing was written");
            return Err(ApiError::internal());
        }
    };
    if let Ok(key) = HeaderValue::from_str(key) {
        response.headers_mut().insert(IDEMPOTENCY_KEY, key);
    }
    Ok(response)
}

fn receipt_response(receipt: &Receipt, accepted: &Accepted) -> Response {
    let position = receipt.position.to_string();
    let mut body = json!({ "id": receipt.id, "version": receipt.version, "position": position });
    if let Some(number) = &receipt.number {
        body["number"] = json!(number.as_str());
    }
    let status = match accepted {
        Accepted::Created(_) => StatusCode::CREATED,
        Accepted::Done => StatusCode::OK,
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    say(header::ETAG, format!("\"{}\"", receipt.version));
    say(POSITION, position);
    if let Accepted::Created(path) = accepted {
        say(header::LOCATION, format!("/api/v1/{path}/{}", receipt.id));
    }
    response
}

/// The business's no, in the envelope.
pub fn rejected(rejection: Rejection) -> ApiError {
    let status = match rejection.kind {
        RejectionKind::NotFound => StatusCode::NOT_FOUND,
        RejectionKind::Conflict => StatusCode::CONFLICT,
        RejectionKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        RejectionKind::Forbidden | RejectionKind::Suspended => StatusCode::FORBIDDEN,
        RejectionKind::Quota => StatusCode::TOO_MANY_REQUESTS,
        RejectionKind::Stale => StatusCode::PRECONDITION_FAILED,
        RejectionKind::Defect => {
            tracing::error!(reason = rejection.message, "a rule panicked; nothing was written");
            return ApiError::internal();
        }
    };
    with_details(ApiError::new(status, rejection.code, rejection.message), rejection.details)
}

/// The form of the request is wrong: 400 with every field.
pub fn malformed(errors: Vec<FieldError>) -> ApiError {
    with_details(ApiError::validation("the request is not valid"), errors)
}

fn with_details(error: ApiError, details: Vec<FieldError>) -> ApiError {
    details.into_iter().fold(error, |error, detail| error.with_field(detail.field, detail.message))
}

/// The refusal to decide a command.
pub fn refused(refused: Refused) -> ApiError {
    let message = refused.to_string();
    match refused {
        Refused::Overloaded { retry_after, scope: Scope::Book } => ApiError::too_many_requests(message, retry_after),
        Refused::Overloaded { retry_after, scope: Scope::Partition } | Refused::NotServing { retry_after } => {
            ApiError::unavailable(message, retry_after)
        }
        Refused::Void => ApiError::unavailable(message, Duration::from_secs(1)),
        Refused::Undecided => ApiError::timeout(message),
    }
}
