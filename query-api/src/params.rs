//! Parameters: a request's query string, each taken once and none passed over in silence.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use daybook_kernel::FieldError;
use daybook_platform::ApiError;

/// Longest query string that is read, in bytes: a hundred ids in each of a few filters.
const LONGEST: usize = 16 * 1024;

/// The parameters of a request that nobody has taken yet, in their order.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Takes a parameter that may be given once.
    ///
    /// # Errors
    /// 400 when it is given twice.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let mut found = self.0.extract_if(.., |(given, _)| given == name).map(|(_, value)| value);
        let first = found.next();
        match found.next() {
            Some(_) => Err(ApiError::field(name, "must be given once")),
            None => Ok(first),
        }
    }

    /// Takes a whole number between two bounds, both included.
    ///
    /// # Errors
    /// 400 when it is given twice or is no such number.
    pub fn number(&mut self, name: &str, least: i64, default: i64, greatest: i64) -> Result<i64, ApiError> {
        let Some(said) = self.take(name)? else { return Ok(default) };
        match said.parse() {
            Ok(number) if (least..=greatest).contains(&number) => Ok(number),
            _ => Err(ApiError::field(name, format!("must be a whole number from {least} to {greatest}, not {said:?}"))),
        }
    }

    /// All that are left.
    pub fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    /// Insists that none is left.
    ///
    /// # Errors
    /// 400 that names those left and the known ones.
    pub fn end(self, known: &[&str]) -> Result<(), ApiError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let message = match known.is_empty() {
            true => "is no parameter here; there are none".to_owned(),
            false => format!("is no parameter here; known are {}", known.join(", ")),
        };
        Err(malformed(self.0.into_iter().map(|(name, _)| FieldError::new(name, message.clone()))))
    }
}

/// 400 with what is wrong with each field.
pub fn malformed(errors: impl IntoIterator<Item = FieldError>) -> ApiError {
    let error = ApiError::validation("the request is not valid");
    errors.into_iter().fold(error, |error, FieldError { field, message }| error.with_field(field, message))
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        if parts.uri.query().is_some_and(|query| query.len() > LONGEST) {
            return Err(ApiError::validation(format!("the query string is longer than {LONGEST} bytes")));
        }
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(ApiError::validation("the query string is not of the form name=value&name=value in UTF-8")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn params(query: &str) -> Result<Params, ApiError> {
        let request = axum::http::Request::get(format!("/x?{query}")).body(()).unwrap();
        Params::from_request_parts(&mut request.into_parts().0, &()).await
    }

    #[tokio::test]
    async fn nothing_is_passed_over() {
        let mut params = params("a=1&b=x%20y&c=3").await.unwrap();
        assert_eq!(params.take("b").unwrap().unwrap(), "x y");
        assert_eq!(params.number("a", 0, 5, 10).unwrap(), 1);
        assert_eq!(params.number("d", 0, 5, 10).unwrap(), 5);
        let error = params.end(&["a", "b"]).unwrap_err();
        assert_eq!(error.details[0].field, "c");
        assert_eq!(error.details[0].message, "is no parameter here; known are a, b");
    }

    #[tokio::test]
    async fn what_is_said_twice_or_wrong_is_refused() {
        assert!(params("limit=1&limit=2").await.unwrap().take("limit").is_err());
        let error = params("limit=500").await.unwrap().number("limit", 1, 50, 200).unwrap_err();
        assert_eq!(error.details[0].message, r#"must be a whole number from 1 to 200, not "500""#);
        assert!(params(&"a".repeat(LONGEST + 1)).await.is_err());
    }
}
