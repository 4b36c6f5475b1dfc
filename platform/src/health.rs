//! Health: is the process alive, and may it be sent work?
//!
//! *Live* means that the process answers; an orchestrator restarts what is not live. *Ready* means that everything it needs
//! is there; traffic is kept away from what is not ready, and the answer names what is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The named checks of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<RwLock<BTreeMap<String, Result<(), String>>>>,
    notes: Arc<RwLock<BTreeMap<String, String>>>,
}

impl Health {
    /// A process that waits for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a check before its first result, so that the process is not taken for ready too early.
    pub fn require(&self, check: &str) {
        self.set(check, Err("not checked yet".to_owned()));
    }

    /// Records the result of a check: `Ok(())`, or the reason why it does not hold in words for an operator. A change is
    /// logged and shown by the gauge `health_check{check}` (1 or 0).
    pub fn set(&self, check: &str, result: Result<(), String>) {
        let mut checks = self.checks.write().unwrap_or_else(PoisonError::into_inner);
        if checks.get(check) == Some(&result) {
            return;
        }
        ::metrics::gauge!("health_check", "check" => check.to_owned()).set(f64::from(u8::from(result.is_ok())));
        match &result {
            Ok(()) => tracing::info!(check, "holds"),
            Err(reason) => tracing::warn!(check, reason, "does not hold"),
        }
        checks.insert(check.to_owned(), result);
    }

    /// Forgets a check that no longer matters.
    pub fn remove(&self, check: &str) {
        self.checks.write().unwrap_or_else(PoisonError::into_inner).remove(check);
    }

    /// Tells the operator something that does not keep work away from this process, such as a tenant's book that is not
    /// followed; `None` takes it back.
    pub fn note(&self, name: &str, text: Option<String>) {
        let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => notes.insert(name.to_owned(), text),
            None => notes.remove(name),
        };
    }

    /// Whether all checks hold.
    pub fn is_ready(&self) -> bool {
        self.checks.read().unwrap_or_else(PoisonError::into_inner).values().all(Result::is_ok)
    }

    /// The answer to `GET /health/live`.
    pub fn live(&self) -> Response {
        Json(json!({ "status": "live" })).into_response()
    }

    /// The answer to `GET /health/ready`: 200 or 503, each check by name with `ok` or the reason.
    pub fn ready(&self) -> Response {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        let words = |result: &Result<(), String>| match result {
            Ok(()) => Value::from("ok"),
            Err(reason) => Value::from(reason.as_str()),
        };
        let shown: Map<String, Value> = checks.iter().map(|(check, result)| (check.clone(), words(result))).collect();
        let missing: Vec<&String> =
            checks.iter().filter(|(_, result)| result.is_err()).map(|(check, _)| check).collect();
        let (status, word) =
            if missing.is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
        let mut answer = json!({ "status": word, "not_ready": missing, "checks": shown });
        let notes = self.notes.read().unwrap_or_else(PoisonError::into_inner);
        if !notes.is_empty() {
            answer["notes"] = json!(*notes);
        }
        (status, Json(answer)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(response: Response) -> Value {
        let bytes = axum::body::to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let health = Health::new();
        assert!(health.is_ready());
        health.require("kafka");
        health.set("postgres", Ok(()));
        let answer = health.ready();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let answer = body(answer).await;
        assert_eq!(answer["not_ready"], json!(["kafka"]));
        assert_eq!(answer["checks"], json!({ "kafka": "not checked yet", "postgres": "ok" }));

        health.set("kafka", Ok(()));
        assert_eq!(health.ready().status(), StatusCode::OK);
        health.note("parked", Some("one book".into()));
        let noted = health.ready();
        assert_eq!(noted.status(), StatusCode::OK);
        assert_eq!(body(noted).await["notes"]["parked"], "one book");
        health.note("parked", None);

        health.set("postgres", Err("connection refused".into()));
        assert!(!health.is_ready());
        health.remove("postgres");
        assert!(health.is_ready());
        assert_eq!(health.live().status(), StatusCode::OK);
    }
}
