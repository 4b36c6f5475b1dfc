//! The two HTTP interfaces as the tool uses them: every command carries a key, so one that got no answer is sent again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// How long a request is repeated while the service does not answer, or asks to come back later.
const PATIENCE: Duration = Duration::from_secs(180);

/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Codes that a command meets when a fact of another journal has not come through yet, some milliseconds after it was made.
const NOT_YET_KNOWN: [&str; 5] = ["TENANT_UNKNOWN", "UNKNOWN_USER", "UNKNOWN_GROUP", "NOT_A_MEMBER", "UNKNOWN_CI"];

/// How often and how long a command waits for such a fact.
const FACT_PAUSES: (u32, Duration) = (15, Duration::from_millis(200));

/// What a service answered to an accepted command.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    /// The aggregate.
    pub id: Uuid,
    /// Where the entry stands in the journal; a query that sends it back sees at least this.
    pub position: String,
    /// Its number in the tenant's series, where it has just been given one.
    pub number: Option<String>,
}

/// A service's no.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The code, which is public contract.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What is wrong with which field.
    #[serde(default)]
    pub details: Vec<Detail>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// The field's path.
    pub field: String,
    /// What it should be.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        self.details.iter().try_for_each(|detail| write!(f, " ({} {})", detail.field, detail.message))
    }
}

/// Why a request did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The service said no; sent again, it would say no again.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer, or only requests to come back later, for as long as we are patient.
    #[error("{url} did not answer within {} s: {reason}", PATIENCE.as_secs())]
    Silent {
        /// Where to.
        url: String,
        /// What the last attempt came to.
        reason: String,
    },
    /// An answer that is not one of Daybook's.
    #[error("{url} answered {status} with something else than Daybook's JSON: is it a Daybook service?")]
    Strange {
        /// Where to.
        url: String,
        /// The HTTP status.
        status: StatusCode,
    },
}

/// A command to give: to which aggregate, with what body, under which key.
#[derive(Debug, Clone)]
pub struct Command<'a> {
    /// The path below `/api/v1/`: `incidents`, or `incidents/<id>/assign`.
    pub path: String,
    /// Its body.
    pub body: Json,
    /// Its key: given again, the first answer comes again.
    pub key: String,
    /// When it happened (RFC 3339), where that is not now.
    pub occurred_at: Option<&'a str>,
}

/// Both interfaces, as one caller uses them. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    command_url: Arc<str>,
    query_url: Arc<str>,
    token: Arc<str>,
    told: Arc<AtomicBool>,
}

impl Api {
    /// The interfaces at these base URLs for the bearer of this token.
    pub fn new(command_url: &str, query_url: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).tcp_nodelay(true).build();
        Self {
            http: http.expect("a client without TLS or proxies of its own can always be built"),
            command_url: command_url.trim_end_matches('/').into(),
            query_url: query_url.trim_end_matches('/').into(),
            token: token.into(),
            told: Arc::default(),
        }
    }

    /// The same interfaces for the bearer of another token.
    pub fn acting_as(&self, token: &str) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// The service's no, or its lasting silence.
    pub async fn give(&self, command: &Command<'_>) -> Result<Receipt, Failure> {
        let url = format!("{}/api/v1/{}", self.command_url, command.path);
        let answer = self
            .patiently(Method::POST, &url, |request| {
                let request = request.header("Idempotency-Key", &command.key).json(&command.body);
                match command.occurred_at {
                    Some(time) => request.header("Daybook-Occurred-At", time),
                    None => request,
                }
            })
            .await?;
        serde_json::from_value(answer).map_err(|_| Failure::Strange { url, status: StatusCode::OK })
    }

    /// Gives a command that refers to what was made just before, in another journal: such a fact takes some milliseconds to
    /// get round.
    ///
    /// # Errors
    /// The service's no, also after a while; or its lasting silence.
    pub async fn give_when_known(&self, command: &Command<'_>) -> Result<Receipt, Failure> {
        let (mut left, pause) = FACT_PAUSES;
        loop {
            match self.give(command).await {
                Err(Failure::Refused(no)) if left > 0 && NOT_YET_KNOWN.contains(&no.code.as_str()) => {
                    left -= 1;
                    tokio::time::sleep(pause).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Reads from the query API, once its views have passed the positions.
    ///
    /// # Errors
    /// The service's no, or its lasting silence.
    pub async fn read(&self, path: &str, position: Option<&str>) -> Result<Json, Failure> {
        let url = format!("{}/api/v1/{path}", self.query_url);
        self.patiently(Method::GET, &url, |request| match position {
            Some(position) => request.header("Daybook-Position", position),
            None => request,
        })
        .await
    }

    async fn patiently(
        &self,
        method: Method,
        url: &str,
        dress: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Json, Failure> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let request = dress(self.http.request(method.clone(), url).bearer_auth(&self.token));
            let (reason, asked) = match request.send().await {
                Ok(response) => {
                    let status = response.status();
                    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                    let answer: Json = match response.json().await {
                        Ok(answer) => answer,
                        Err(error) if error.is_decode() => return Err(Failure::Strange { url: url.into(), status }),
                        Err(error) => json!({ "error": { "code": "", "message": error.to_string() } }),
                    };
                    if status.is_success() && answer.get("error").is_none() {
                        return Ok(answer);
                    }
                    let Ok(refusal) = serde_json::from_value::<Refusal>(answer["error"].clone()) else {
                        return Err(Failure::Strange { url: url.into(), status });
                    };
                    let later = matches!(status.as_u16(), 200..=299 | 421 | 429 | 502 | 503 | 504)
                        // No waiting makes room in a plan.
                        && refusal.code != "QUOTA_EXCEEDED";
                    if !later {
                        return Err(Failure::Refused(refusal));
                    }
                    (refusal.to_string(), asked.map(Duration::from_secs))
                }
                Err(error) => (innermost(&error), None),
            };
            if begun.elapsed() + pause > PATIENCE {
                return Err(Failure::Silent { url: url.into(), reason });
            }
            if begun.elapsed() > PAUSE && !self.told.swap(true, Ordering::Relaxed) {
                eprintln!("waiting for {url}: {reason}");
            }
            tokio::time::sleep(asked.unwrap_or(pause).min(PAUSE)).await;
            pause = (pause * 2).min(PAUSE);
        }
    }
}

/// The last cause of an error: the one that says what happened.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A service that gives these answers, each on a connection of its own; an empty one is a connection that breaks.
    /// Returns the requests it got.
    pub(crate) async fn service(answers: &'static [&'static str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                requests.push(String::from_utf8_lossy(&request[..length]).to_lowercase());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            requests
        });
        (url, requests)
    }

    const LATER: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: 53\r\n\r\n\
                         {\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"starting\"}}";
    const NO: &str = "HTTP/1.1 409 Conflict\r\nconnection: close\r\ncontent-length: 55\r\n\r\n\
                      {\"error\":{\"code\":\"NOT_UNIQUE\",\"message\":\"it is taken\"}}";
    const YES: &str = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 84\r\n\r\n\
                       {\"id\":\"0197a0f0-0000-7000-8000-000000000001\",\"version\":1,\"position\":\"journal.a/0#1\"}";

    fn command() -> Command<'static> {
        Command { path: "groups".into(), body: json!({ "name": "Desk" }), key: "one-key".into(), occurred_at: None }
    }

    #[tokio::test]
    async fn a_command_without_an_answer_is_given_again_under_the_same_key() {
        let (url, requests) = service(&["", LATER, YES]).await;
        let receipt = Api::new(&url, &url, "token").give(&command()).await.unwrap();
        assert_eq!(receipt.position, "journal.a/0#1");
        for request in requests.await.unwrap() {
            assert!(
                request.contains("idempotency-key: one-key") && request.contains("authorization: bearer token"),
                "{request}"
            );
        }
    }

    #[tokio::test]
    async fn a_no_is_not_asked_for_twice() {
        let (url, requests) = service(&[NO]).await;
        let failure = Api::new(&url, &url, "token").give(&command()).await.unwrap_err();
        assert_eq!(failure.to_string(), "NOT_UNIQUE: it is taken");
        assert_eq!(requests.await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn somebody_else_s_answer_is_told_as_such() {
        let (url, _) = service(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]).await;
        let failure = Api::new(&url, &url, "token").give(&command()).await.unwrap_err();
        assert!(failure.to_string().contains("is it a Daybook service?"), "{failure}");
    }
}
