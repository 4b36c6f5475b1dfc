//! What SCIM is answered (RFC 7644, sections 3.4.2 and 3.12).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use daybook_platform::ApiError;
use serde_json::{Value as Json, json};

use crate::{desk::No, store::Fault};

/// The media type of SCIM.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// An error, as SCIM says it.
#[derive(Debug)]
pub struct Refusal {
    /// In a box: a refusal is rare, and what is not refused need not be as large.
    error: Box<ApiError>,
    /// Which of the kinds that SCIM tells apart.
    kind: Option<&'static str>,
}

impl Refusal {
    /// 400 of a kind.
    pub fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { error: Box::new(ApiError::validation(detail)), kind: Some(kind) }
    }

    /// 404.
    pub fn unknown(what: impl std::fmt::Display) -> Self {
        ApiError::not_found(what).into()
    }

    /// 409: something else has the name already.
    pub fn taken(detail: impl Into<String>) -> Self {
        Self { error: Box::new(ApiError::conflict("NOT_UNIQUE", detail)), kind: Some("uniqueness") }
    }
}

impl From<ApiError> for Refusal {
    fn from(mut error: ApiError) -> Self {
        if error.code == "NOT_UNIQUE" {
            return Self { error: Box::new(error), kind: Some("uniqueness") };
        }
        // SCIM knows no 422.
        if error.status == StatusCode::UNPROCESSABLE_ENTITY {
            error.status = StatusCode::BAD_REQUEST;
        }
        let kind = (error.status == StatusCode::BAD_REQUEST).then_some("invalidValue");
        Self { error: Box::new(error), kind }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        ApiError::from(fault).into()
    }
}

impl From<No> for Refusal {
    fn from(no: No) -> Self {
        ApiError::from(no).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { error, kind } = self;
        let fields = error.details.iter().map(|detail| format!("; {}: {}", detail.field, detail.message));
        let mut said = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": error.status.as_u16().to_string(),
            "detail": format!("{}{}", error.message, fields.collect::<String>()),
        });
        if let Some(kind) = kind {
            said["scimType"] = json!(kind);
        }
        // What else an error carries stays: its headers, and what the trail is told of a refusal.
        let (mut parts, _) = (*error).into_response().into_parts();
        parts.headers.remove(axum::http::header::CONTENT_LENGTH);
        parts.headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        Response::from_parts(parts, Body::from(said.to_string()))
    }
}

/// An answer.
pub fn answered(status: StatusCode, said: &Json) -> Response {
    (status, [(CONTENT_TYPE, MEDIA_TYPE)], said.to_string()).into_response()
}

/// A page of a list.
pub fn list(total: i64, start: i64, resources: Vec<Json>) -> Response {
    let said = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    answered(StatusCode::OK, &said)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_has_the_form_of_scim() {
        let error =
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_USER", "no").with_field("user", "must be one");
        let response = Refusal::from(error).into_response();
        assert_eq!((response.status().as_u16(), &response.headers()[CONTENT_TYPE]), (400, &MEDIA_TYPE));
        let bytes = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        let said: Json = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&said["status"], &said["scimType"]), (&json!("400"), &json!("invalidValue")));
        assert_eq!(said["detail"], "no; user: must be one");
    }
}
