//! Callers: who talks to the two HTTP interfaces, and what they are answered.

use std::time::{Duration, Instant};

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::System;

/// Codes of a command that names what was made just before in another journal: such a fact takes some milliseconds to get
/// round.
const NOT_YET_KNOWN: [&str; 5] = ["TENANT_UNKNOWN", "UNKNOWN_USER", "UNKNOWN_GROUP", "NOT_A_MEMBER", "UNKNOWN_CI"];

/// How long somebody sends the same again.
const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody with a token.
#[derive(Clone)]
pub struct Caller {
    system: System,
    /// The user.
    pub user: Uuid,
    token: String,
}

impl Caller {
    /// A user of a tenant (`platform`: of the platform) with these roles.
    pub async fn with_roles(system: &System, tenant: &str, user: Uuid, roles: &[&str]) -> Self {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        Self::with(system, tenant, user, &roles).await
    }

    /// A user with whatever else is said to `daybook token`.
    pub async fn with(system: &System, tenant: &str, user: Uuid, more: &[&str]) -> Self {
        let user_text = user.to_string();
        let arguments: Vec<&str> =
            ["token", "--tenant", tenant, "--user", &user_text].iter().chain(more).copied().collect();
        let token = system.daybook(&arguments).await.unwrap();
        Self { system: system.clone(), user, token: token.trim().to_owned() }
    }

    /// Somebody who shows this token, whatever it is.
    pub fn showing(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A command, under a key of its own.
    pub fn post(&self, path: &str, body: Json) -> Ask {
        self.ask(Method::POST, "command-api", path).key(&Uuid::new_v4().to_string()).body(body.to_string())
    }

    /// A change of some fields.
    pub fn patch(&self, path: &str, body: Json) -> Ask {
        let ask = self.post(path, body);
        Ask { method: Method::PATCH, ..ask }
    }

    /// A command by any method, under a key of its own.
    pub fn method(&self, method: &str, path: &str, body: Json) -> Ask {
        let ask = self.post(path, body);
        Ask { method: method.parse().unwrap(), ..ask }
    }

    /// A question.
    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, "query-api", path)
    }

    /// Something that is asked of sign-in, below `/api/v1/auth`.
    pub fn sign_in(&self, method: &str, path: &str) -> Ask {
        self.ask(method.parse().unwrap(), "sign-in", &format!("auth/{path}"))
    }

    /// Something that is asked by SCIM.
    pub fn scim(&self, method: &str, path: &str) -> Ask {
        self.ask(method.parse().unwrap(), "sign-in", &format!("scim/v2/{path}"))
    }

    fn ask(&self, method: Method, service: &str, path: &str) -> Ask {
        let url = format!("{}/api/v1/{path}", self.system.url(service));
        let headers = vec![("Authorization".to_owned(), format!("Bearer {}", self.token))];
        Ask { http: self.system.http.clone(), method, url, further: Vec::new(), headers, body: None }
    }

    /// Gives a command that must be accepted in the end.
    pub async fn give(&self, path: &str, body: Json) -> Receipt {
        self.post(path, body).accepted().await
    }

    /// Reads what must be there once the views have passed that position.
    pub async fn read(&self, path: &str, position: &str) -> Json {
        self.get(path).position(position).answered().await
    }
}

/// A request, ready to be sent as often as needed.
#[derive(Clone)]
pub struct Ask {
    http: reqwest::Client,
    method: Method,
    url: String,
    /// Where else it is sent when it has to be sent again.
    further: Vec<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Ask {
    /// With that header, in place of the one it may have.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without that header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With that body, whatever it is.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", "application/json")
    }

    /// Under that key.
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// To those addresses, in turn when it has to be sent again, in place of the one it may have.
    pub fn through<'a>(mut self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let at = self.url.find("/api/").unwrap();
        let path = self.url.split_off(at);
        let mut urls = addresses.into_iter().map(|address| format!("{address}{path}"));
        self.url = urls.next().unwrap();
        self.further = urls.collect();
        self
    }

    /// Only for that version.
    pub fn if_match(self, version: u64) -> Self {
        self.header("If-Match", &format!("\"{version}\""))
    }

    /// Only from a view that has passed that position.
    pub fn position(self, position: &str) -> Self {
        self.header("Daybook-Position", position)
    }

    /// The key it is sent under.
    pub fn key_said(&self) -> &str {
        self.headers.iter().find(|(name, _)| name == "Idempotency-Key").map_or("", |(_, key)| key)
    }

    /// Sends it once. `Err` where nobody answered.
    pub async fn try_send(&self) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(self.method.clone(), &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        Ok(Answer { asked: format!("{} {}", self.method, self.url), status, headers, body })
    }

    /// Sends it once to somebody who must answer.
    pub async fn send(&self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("{} {}: {error:?}", self.method, self.url))
    }

    /// Sends it until the answer is definite, as a client should: nobody there, too much to do, or no outcome yet are
    /// reasons to send the same again.
    pub async fn definite(&self) -> Answer {
        self.definite_after().await.0
    }

    /// The same, and how often it had to be sent again.
    pub async fn definite_after(&self) -> (Answer, usize) {
        let begun = Instant::now();
        let urls: Vec<_> = [&self.url].into_iter().chain(&self.further).collect();
        for repeats in 0.. {
            let answer = Self { url: urls[repeats % urls.len()].clone(), ..self.clone() }.try_send().await;
            let unknown = answer.as_ref().is_ok_and(|answer| NOT_YET_KNOWN.contains(&answer.code()));
            let is_later =
                |answer: &Answer| matches!(answer.status, 421 | 429 | 502..=504) && answer.code() != "QUOTA_EXCEEDED";
            let later = answer.as_ref().map_or(true, is_later);
            match answer {
                // A fact that is not known after so long never will be.
                Ok(answer) if !later && (!unknown || begun.elapsed() > Duration::from_secs(10)) => {
                    return (answer, repeats);
                }
                answer if begun.elapsed() > PATIENCE => panic!("{}: no definite answer: {answer:?}", self.url),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        unreachable!("somebody loses patience before")
    }

    /// Sends it until it is accepted.
    pub async fn accepted(&self) -> Receipt {
        self.definite().await.receipt()
    }

    /// Sends it until it is answered with 200.
    pub async fn answered(&self) -> Json {
        let answer = self.definite().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

/// What somebody was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; a text where it is not JSON.
    pub body: Json,
}

impl Answer {
    /// The error's code; empty where there is none.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The error's message.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// The fields that the error names, each once.
    pub fn fields(&self) -> Vec<&str> {
        let details = self.body["error"]["details"].as_array();
        let mut fields: Vec<_> = details.into_iter().flatten().filter_map(|detail| detail["field"].as_str()).collect();
        fields.dedup();
        fields
    }

    /// A header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Insists that it is an error of that status and code in the one envelope all errors have.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.code()), (status, code), "{} was answered {self:?}", self.asked);
        let Json::Object(error) = &self.body["error"] else { panic!("no error envelope: {self:?}") };
        let names: Vec<_> = error.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "message", "details", "request_id"], "{self:?}");
        assert!(!self.message().is_empty() && self.message().len() < 400, "{self:?}");
        assert_eq!(error["request_id"].as_str(), Some(self.header("x-request-id")), "{self:?}");
        assert!(!self.header("x-request-id").is_empty(), "{self:?}");
        self
    }

    /// The receipt of an accepted command.
    #[track_caller]
    pub fn receipt(&self) -> Receipt {
        assert!(matches!(self.status, 200 | 201), "not accepted: {self:?}");
        let text = |name: &str| self.body[name].as_str().map(str::to_owned);
        Receipt {
            id: text("id").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {self:?}")),
            version: self.body["version"].as_u64().unwrap_or_else(|| panic!("no version: {self:?}")),
            position: text("position").unwrap_or_else(|| panic!("no position: {self:?}")),
            number: text("number"),
            unchanged: self.body["unchanged"] == json!(true),
        }
    }
}

/// The proof of an accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The aggregate.
    pub id: Uuid,
    /// Its version.
    pub version: u64,
    /// Where the entry stands.
    pub position: String,
    /// The aggregate's number, where it has one.
    pub number: Option<String>,
    /// Whether it was so already.
    pub unchanged: bool,
}

impl Receipt {
    /// The number of the entry in its partition.
    pub fn entry(&self) -> u64 {
        self.position.rsplit_once('#').unwrap().1.parse().unwrap()
    }

    /// The partition it stands in.
    pub fn partition(&self) -> i32 {
        self.position.rsplit_once('#').unwrap().0.rsplit_once('/').unwrap().1.parse().unwrap()
    }
}
