//! OpenSearch over its REST interface, in the terms of a sink.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::sink::SinkError;

/// A connection to OpenSearch.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    url: String,
}

/// A write that is to be made only if the document is as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    seq_no: i64,
    primary_term: i64,
}

impl Store {
    /// Connects on first use.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    async fn send(&self, method: Method, path: &str, body: Option<String>) -> Result<(StatusCode, Json), SinkError> {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            let kind = if path.ends_with("_bulk") { "application/x-ndjson" } else { "application/json" };
            request = request.header("content-type", kind).body(body);
        }
        let away = |error: reqwest::Error| SinkError::Unavailable(format!("OpenSearch does not answer: {error}"));
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let text = response.text().await.map_err(away)?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Json::String(text))))
    }

    /// Sends what must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn must(&self, method: Method, path: &str, body: Option<Json>) -> Result<Json, SinkError> {
        let (status, answer) = self.send(method, path, body.map(|body| body.to_string())).await?;
        match status.is_success() {
            true => Ok(answer),
            false => Err(refused(path, status, &answer)),
        }
    }

    /// Makes an index that may be there.
    ///
    /// # Errors
    /// When OpenSearch cannot make it.
    pub async fn ensure_index(&self, index: &str, body: &Json) -> Result<(), SinkError> {
        let (status, _) = self.send(Method::HEAD, index, None).await?;
        if status.is_success() {
            return Ok(());
        }
        let (status, answer) = self.send(Method::PUT, index, Some(body.to_string())).await?;
        match status.is_success() || answer["error"]["type"] == "resource_already_exists_exception" {
            true => Ok(()),
            false => Err(refused(index, status, &answer)),
        }
    }

    /// The index that an alias stands for.
    ///
    /// # Errors
    /// When OpenSearch cannot say.
    pub async fn target(&self, alias: &str) -> Result<Option<String>, SinkError> {
        let (status, answer) = self.send(Method::GET, &format!("_alias/{alias}"), None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(answer.as_object().and_then(|indexes| indexes.keys().next().cloned())),
            status => Err(refused(alias, status, &answer)),
        }
    }

    /// A document with what is needed to replace it only if nobody else has.
    ///
    /// # Errors
    /// When OpenSearch cannot say.
    pub async fn read(&self, index: &str, id: &str) -> Result<Option<(Json, Seen)>, SinkError> {
        let (status, mut answer) = self.send(Method::GET, &format!("{index}/_doc/{id}"), None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let number = |name: &str| answer[name].as_i64().unwrap_or(-1);
                let seen = Seen { seq_no: number("_seq_no"), primary_term: number("_primary_term") };
                Ok(Some((answer["_source"].take(), seen)))
            }
            status => Err(refused(index, status, &answer)),
        }
    }

    /// Writes a document, new or as seen.
    ///
    /// # Errors
    /// [`SinkError::Overtaken`] if somebody else has written it.
    pub async fn write(&self, index: &str, id: &str, document: &Json, seen: Option<Seen>) -> Result<Seen, SinkError> {
        let path = match seen {
            None => format!("{index}/_create/{id}"),
            Some(Seen { seq_no, primary_term }) => {
                format!("{index}/_doc/{id}?if_seq_no={seq_no}&if_primary_term={primary_term}")
            }
        };
        let (status, answer) = self.send(Method::PUT, &path, Some(document.to_string())).await?;
        match status {
            StatusCode::CONFLICT => Err(SinkError::Overtaken(format!("{id} was written by somebody else"))),
            status if status.is_success() => {
                let number = |name: &str| answer[name].as_i64().unwrap_or(-1);
                Ok(Seen { seq_no: number("_seq_no"), primary_term: number("_primary_term") })
            }
            status => Err(refused(index, status, &answer)),
        }
    }

    /// The sources of documents by their ids, those that are there.
    ///
    /// # Errors
    /// When OpenSearch cannot say.
    pub async fn states(&self, index: &str, ids: &[String]) -> Result<Vec<(String, Json)>, SinkError> {
        let path = format!("{index}/_mget?_source_includes=_state,version");
        let mut answer = self.must(Method::POST, &path, Some(json!({ "ids": ids }))).await?;
        let mut found = Vec::new();
        for document in answer["docs"].as_array_mut().into_iter().flatten() {
            if document["found"] == true {
                let id = document["_id"].as_str().unwrap_or_default().to_owned();
                found.push((id, document["_source"].take()));
            } else if !document["error"].is_null() {
                return Err(SinkError::Unavailable(format!("OpenSearch: {}", document["error"])));
            }
        }
        Ok(found)
    }

    /// Writes documents by their own versions: an older one never replaces a newer one.
    ///
    /// # Errors
    /// When OpenSearch takes none now (too many requests, an index that may only be read), or refuses one for what it holds.
    pub async fn bulk(&self, lines: String) -> Result<(), SinkError> {
        let (status, answer) = self.send(Method::POST, "_bulk", Some(lines)).await?;
        if !status.is_success() {
            return Err(refused("_bulk", status, &answer));
        }
        if answer["errors"] == false {
            return Ok(());
        }
        for item in answer["items"].as_array().into_iter().flatten() {
            let item = &item["index"];
            match item["status"].as_u64() {
                // A conflict: a later version of the document is there.
                Some(200 | 201 | 409) => {}
                Some(400) => {
                    return Err(SinkError::Refused(format!(
                        "OpenSearch refuses {}: {}",
                        item["_id"], item["error"]["reason"]
                    )));
                }
                _ => {
                    return Err(SinkError::Unavailable(format!(
                        "OpenSearch takes no document now: {}",
                        item["error"]["reason"]
                    )));
                }
            }
        }
        Ok(())
    }
}

fn refused(what: &str, status: StatusCode, answer: &Json) -> SinkError {
    let reason = answer["error"]["reason"].as_str().or_else(|| answer["error"].as_str()).unwrap_or("no reason given");
    SinkError::Unavailable(format!("OpenSearch answers {status} to {what}: {reason}"))
}
