//! Calls from one of our services to another: by HTTP, or by TLS 1.3 with certificates on both sides where the settings name
//! them. Nothing but what the caller names is called: no proxy of the environment, no redirect.

use std::time::Duration;

pub use axum::body::Bytes;
pub use axum::http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::files::{FileError, OfFiles};
use crate::sections::Services;
use crate::tls;

/// How long a connection to another of our services may take. One that is there answers at once.
const CONNECT: Duration = Duration::from_secs(1);

/// How long an unused connection is kept: shorter than its other end does.
const IDLE: Duration = Duration::from_secs(20);

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke before the answer.
    #[error(transparent)]
    Connection(#[from] Error),
    /// It broke within the answer.
    #[error("the answer broke off: {0}")]
    Answer(#[from] hyper::Error),
}

/// A client for our own services; its connections are kept and used again.
pub struct Outgoing(OfFiles<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>);

impl Outgoing {
    /// A client with the certificates of the settings, which are read anew when they change.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn new(settings: &Services) -> Result<Self, FileError> {
        let files = tls::files_of(settings);
        let settings = settings.clone();
        OfFiles::new(files, move || Ok(client(tls::client(&settings)?))).map(Self)
    }

    /// Sends a request and takes the whole answer.
    ///
    /// # Errors
    /// There is none; its source says whether a connection could be made.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        let (parts, body) = self.0.get().request(request.map(Full::new)).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }
}

fn client(config: rustls::ClientConfig) -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(http);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(connector)
}
