//! OpenSearch: the search index, over its REST interface.

use std::time::Duration;

use daybook_platform::sections;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value as Json;

use super::{Fault, Store};

/// How long OpenSearch may take for one request, below the time-out of a whole request of ours.
const PATIENCE: Duration = Duration::from_secs(8);

/// The connection to OpenSearch.
#[derive(Debug, Clone)]
pub struct Opensearch {
    client: Client,
    url: String,
    prefix: String,
}

impl Opensearch {
    /// A client as the settings say; `prefix` stands before the names of indexes.
    ///
    /// # Errors
    /// When the system gives no means to connect.
    pub fn open(settings: &sections::Opensearch, prefix: &str) -> Result<Self, reqwest::Error> {
        let client =
            Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(2)).tcp_nodelay(true).build()?;
        Ok(Self { client, url: settings.url.trim_end_matches('/').to_owned(), prefix: prefix.to_owned() })
    }

    /// The name of an index or alias.
    pub fn index(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Searches in indexes, separated by commas. All of them answer, or none.
    ///
    /// # Errors
    /// When OpenSearch is away, or an index is not there.
    pub async fn search(&self, indexes: &str, body: &Json) -> Result<Json, Fault> {
        let path = format!("{indexes}/_search?allow_partial_search_results=false");
        let answer = self.send(Method::POST, &path, Some(body)).await?;
        match answer["timed_out"].as_bool() {
            Some(false) => Ok(answer),
            _ => Err(Fault::Away { store: Store::Opensearch, source: "the search timed out".into() }),
        }
    }

    /// Reads a document; `None` if it or its index is not there.
    ///
    /// # Errors
    /// When OpenSearch is away.
    pub async fn document(&self, index: &str, id: &str) -> Result<Option<Json>, Fault> {
        match self.send(Method::GET, &format!("{index}/_doc/{id}"), None).await {
            Ok(mut answer) => Ok(Some(answer["_source"].take())),
            Err(Fault::NotBuilt { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Nothing, if OpenSearch answers.
    ///
    /// # Errors
    /// When OpenSearch is away.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.send(Method::GET, "", None).await.map(|_| ())
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, Fault> {
        let store = Store::Opensearch;
        let away = |source: reqwest::Error| Fault::Away { store, source: source.without_url().into() };
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let answer: Json = response.json().await.map_err(away)?;
        let reason = || {
            format!(
                "{status}: {}",
                answer["error"]["reason"].as_str().or(answer["error"].as_str()).unwrap_or("no reason given")
            )
            .into()
        };
        match status {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND => Err(Fault::NotBuilt { store, source: reason() }),
            StatusCode::TOO_MANY_REQUESTS => Err(Fault::Away { store, source: reason() }),
            status if status.is_server_error() => Err(Fault::Away { store, source: reason() }),
            _ => Err(Fault::Broken { store, source: reason() }),
        }
    }
}
