//! The desk at which policies give their commands: the command API, asked until there is an outcome.

use std::sync::Arc;
use std::time::Duration;

use daybook_kernel::{Order, PLATFORM, Tenant};
use daybook_platform::Secret;
use daybook_platform::files::FileError;
use daybook_platform::outgoing::{Bytes, Outgoing, Request, StatusCode};
use daybook_platform::sections::Services;
use serde_json::Value as Json;
use tokio::time::timeout;
use uuid::Uuid;

/// How long an answer is waited for: longer than the command API itself waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// The entry that a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The policy.
    pub policy: String,
    /// The entry's context.
    pub context: String,
    /// The entry's tenant.
    pub tenant: Tenant,
    /// Its number in its book.
    pub book_number: i64,
    /// The command's place in the answer.
    pub step: i32,
    /// How many policies stand behind the command.
    pub depth: i64,
    /// Whether the command was rejected before, and somebody asks for it once more.
    pub is_retry: bool,
}

/// A command on its way to the book it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Why it is given.
    pub cause: Cause,
    /// In whose book.
    pub tenant: Tenant,
    /// The aggregate's path below `/api/v1`.
    pub path: String,
    /// Which aggregate.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its body, as a client writes it.
    pub body: Json,
}

impl Command {
    /// The command that carries out an order.
    pub fn of(order: Order, cause: Cause) -> Self {
        let Order { tenant, path, id, command, body, .. } = order;
        Self { cause, tenant, path: path.to_owned(), id, name: command.to_owned(), body }
    }
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, now or before.
    Done,
    /// The business says no.
    Rejected {
        /// Its code.
        code: String,
        /// Its sentence.
        message: String,
    },
}

/// Where commands are given.
#[derive(Clone)]
pub struct Desk {
    client: Arc<Outgoing>,
    url: String,
    token: Secret,
}

impl Desk {
    /// The command API at that origin, for the bearer of that token.
    ///
    /// # Errors
    /// A certificate cannot be used.
    pub fn new(url: &str, token: Secret, services: &Services) -> Result<Self, FileError> {
        let client = Arc::new(Outgoing::new(services)?);
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// Gives a command once.
    ///
    /// # Errors
    /// Why there is no outcome: it may be given again.
    pub async fn give(&self, command: &Command) -> Result<Outcome, String> {
        let Command { cause, tenant, path, id, name, body } = command;
        let request = Request::post(format!("{}/api/v1/{path}/{id}/{name}", self.url))
            .header("authorization", format!("Bearer {}", self.token.expose()))
            .header("content-type", "application/json")
            .header("daybook-cause", header(cause))
            .header("daybook-tenant", written(*tenant))
            .body(Bytes::from(body.to_string()))
            .map_err(|error| format!("the command cannot be sent: {error}"))?;
        let answer = timeout(PATIENCE, self.client.send(request)).await;
        let answer = answer.map_err(|_| format!("the command API has not answered within {} s", PATIENCE.as_secs()))?;
        let answer = answer.map_err(|error| format!("the command API does not answer: {error}"))?;
        outcome(answer.status(), &serde_json::from_slice(answer.body()).unwrap_or_default())
    }
}

/// What an answer means. What an operator has to mend is no outcome: a token, a permission, an address.
fn outcome(status: StatusCode, answer: &Json) -> Result<Outcome, String> {
    let said = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
    let (code, message) = (said("code"), said("message"));
    // A tenant that a policy knows of is one that the command API will know of.
    let comes_with_time = ["FORBIDDEN", "TENANT_UNKNOWN"].contains(&code.as_str());
    // A full quota is the book's no, and does not pass with time.
    let asks_to_wait = [401, 408, 421, 429].contains(&status.as_u16()) && code != "QUOTA_EXCEEDED";
    let is_open = code.is_empty() || comes_with_time || asks_to_wait;
    match status {
        status if status.is_success() => Ok(Outcome::Done),
        status if status.is_client_error() && !is_open => Ok(Outcome::Rejected { code, message }),
        status => Err(format!("the command API answers {status} {code} {message}")),
    }
}

/// The value of `Daybook-Cause`.
fn header(cause: &Cause) -> String {
    let Cause { policy, context, tenant, book_number, step, depth, is_retry } = cause;
    let retry = if *is_retry { ";retry=1" } else { "" };
    format!("policy={policy};source={context}/{}#{book_number};step={step};depth={depth}{retry}", written(*tenant))
}

fn written(tenant: Tenant) -> String {
    if tenant == PLATFORM { "platform".to_owned() } else { tenant.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cause_says_whether_it_is_a_retry() {
        let cause = |is_retry| Cause {
            policy: "leaver".into(),
            context: "identity".into(),
            tenant: PLATFORM,
            book_number: 4711,
            step: 1,
            depth: 2,
            is_retry,
        };
        assert_eq!(header(&cause(false)), "policy=leaver;source=identity/platform#4711;step=1;depth=2");
        assert_eq!(header(&cause(true)), "policy=leaver;source=identity/platform#4711;step=1;depth=2;retry=1");
    }

    #[test]
    fn only_what_is_decided_is_an_outcome() {
        let answer = |status: u16, code: &str| {
            let body = json!({ "error": { "code": code, "message": "no" } });
            outcome(StatusCode::from_u16(status).unwrap(), &body)
        };
        assert_eq!(outcome(StatusCode::OK, &json!({ "already": true })), Ok(Outcome::Done));
        for (status, code) in [
            (404, "NOT_FOUND"),
            (409, "INVALID_TRANSITION"),
            (403, "TENANT_SUSPENDED"),
            (422, "X"),
            (429, "QUOTA_EXCEEDED"),
        ] {
            assert!(matches!(answer(status, code), Ok(Outcome::Rejected { .. })), "{status} {code}");
        }
        for (status, code) in [
            (401, "X"),
            (403, "FORBIDDEN"),
            (403, "TENANT_UNKNOWN"),
            (429, "X"),
            (421, "X"),
            (503, "X"),
            (504, "X"),
            (500, "X"),
        ] {
            assert!(answer(status, code).is_err(), "{status} {code}");
        }
        assert!(outcome(StatusCode::NOT_FOUND, &Json::Null).is_err(), "another server at that address");
    }
}
