//! What a request says: its body, each field named that is not as it should be; and the token it came with.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE},
        request::Parts,
    },
};
use daybook_platform::{ApiError, Caller, body, body::RawBody};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::app::App;

/// A body of JSON, or of a form as OAuth clients send it (RFC 6749, appendix B).
pub struct Given<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Given<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let RawBody(bytes) = RawBody::from_request(request, app).await?;
        let json = match is_form(&headers) {
            true => form(&bytes)?,
            false => body::json(&headers, &bytes)?,
        };
        serde_json::from_value(json).map(Self).map_err(|error| objection(&error.to_string()))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded"))
}

fn form(bytes: &[u8]) -> Result<Json, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::validation("the form is not UTF-8"))?;
    let url = reqwest::Url::parse(&format!("form:?{text}")).map_err(|error| ApiError::validation(error.to_string()))?;
    let fields = url.query_pairs().map(|(name, value)| (name.into_owned(), Json::String(value.into_owned())));
    Ok(Json::Object(fields.collect::<Map<_, _>>()))
}

/// The field that a body lacks or has too many, where it is one.
fn objection(said: &str) -> ApiError {
    let quoted = said.split('`').nth(1);
    match quoted {
        Some(field) if said.starts_with("missing field") => ApiError::field(field, "is required"),
        Some(field) if said.starts_with("unknown field") => ApiError::field(field, "is not known"),
        // What reads a field by itself says its name first.
        Some(field) if said.starts_with('`') => {
            let message = said[field.len() + 2..].trim_start().to_owned();
            ApiError::field(field, message)
        }
        _ => ApiError::validation(said),
    }
}

/// Who asks, with the token that says so.
pub struct Bearer {
    /// Who.
    pub caller: Caller,
    /// The token, to be handed on to the command API.
    pub token: String,
}

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
        let token = header.split_once(' ').map(|(_, token)| token.trim().to_owned()).unwrap_or_default();
        Ok(Self { caller, token })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its absence is looked at")]
        email: String,
    }

    #[test]
    fn a_field_is_named() {
        let refused = |json: Json| objection(&serde_json::from_value::<Body>(json).unwrap_err().to_string());
        assert_eq!(refused(json!({})).details[0].field, "email");
        assert_eq!(refused(json!({ "email": "", "mail": "" })).details[0].field, "mail");
        assert_eq!(refused(json!({ "email": 7 })).status, 400);
        assert_eq!(form(b"a=b+c&d=%C3%A9").unwrap(), json!({ "a": "b c", "d": "é" }));
    }
}
