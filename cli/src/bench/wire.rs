//! A client as cheap as it can be, since it shares its machine with what it measures: one kept connection, requests built from
//! what is known, answers looked at only as far as needed.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::fault::Fault;

/// A service's address: the host and port of a base URL.
#[derive(Debug, Clone)]
pub struct Address(String);

impl Address {
    /// The address in a base URL such as `http://127.0.0.1:18000`. Only this machine's: a load test is not for others.
    pub fn of(url: &str) -> Result<Self, Fault> {
        let authority = url.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
        match authority.rsplit_once(':') {
            Some(("127.0.0.1" | "localhost" | "[::1]", _)) => Ok(Self(authority.to_owned())),
            _ => Err(Fault::asked(format!(
                "bench loads only services of this machine, such as http://127.0.0.1:18000, not {url}"
            ))),
        }
    }
}

/// A kept connection.
pub struct Wire {
    address: Address,
    authorization: HeaderValue,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Wire {
    /// A connection to that service for the bearer of that token; made when it is first needed.
    pub fn new(address: Address, token: &str) -> Self {
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).expect("a token is base64 and dots");
        Self { address, authorization, sender: None }
    }

    /// Sends a command and waits for its answer; a lost connection is made anew for the next one.
    pub async fn post(&mut self, path: &str, key: Option<&str>, body: Bytes) -> Result<Answer, String> {
        self.send(Method::POST, path, key, body).await
    }

    /// Reads.
    pub async fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    async fn send(&mut self, method: Method, path: &str, key: Option<&str>, body: Bytes) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| format!("{path} is no path"))?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.address.0).map_err(|error| error.to_string())?);
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            headers.insert("idempotency-key", HeaderValue::from_str(key).map_err(|error| error.to_string())?);
        }
        let outcome = self.exchange(request).await;
        if outcome.is_err() {
            self.sender = None;
        }
        outcome
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        // A server ends a connection that was idle for long; nothing was sent by it, so another one does as well.
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_err()
        {
            self.sender = None;
        }
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => none.insert(connect(&self.address).await?),
        };
        sender.ready().await.map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, body })
    }
}

async fn connect(address: &Address) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(&address.0).await.map_err(|error| format!("{}: {error}", address.0))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}
