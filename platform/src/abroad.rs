//! Calls to systems of others, at addresses that a tenant has said: by HTTPS with the certificates that this machine trusts.
//!
//! Who says where we call could make us call what only we reach. So an address counts as it was resolved, at the moment of
//! connecting: one that is not public is refused unless the settings list its network, and plain HTTP is spoken to this machine
//! alone. There is no redirect, no proxy of the environment, and an end to the time and to the size of an answer.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub use axum::body::Bytes;
use axum::http::Uri;
pub use axum::http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use crate::files::FileError;
use crate::network::Networks;
use crate::tls;

/// How long a call may take, from the first look at its name to the last byte of its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// The largest answer, in bytes.
const LARGEST: usize = 256 * 1024;

/// Why a call was not answered. Fit to be told to who has said the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbroadError {
    /// The address is none that is called.
    #[error("{0} is not called: an address is https://, or http:// on this machine where the settings allow it")]
    Address(String),
    /// It is at a place that is not public.
    #[error("{0} is at an address that is not public")]
    Inside(String),
    /// There is no answer.
    #[error("there is no answer: {0}")]
    Silent(String),
    /// It took too long.
    #[error("there is no answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// The answer is too large.
    #[error("the answer is larger than {LARGEST} bytes")]
    Large,
}

/// A client for systems of others. Cheap to clone.
#[derive(Clone)]
pub struct Abroad {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    inside: Networks,
}

impl Abroad {
    /// A client that calls public addresses, and those of these networks.
    ///
    /// # Errors
    /// TLS cannot be spoken.
    pub fn new(inside: &Networks) -> Result<Self, FileError> {
        let mut http = HttpConnector::new_with_resolver(Resolver { inside: inside.clone() });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::abroad()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, inside: inside.clone() })
    }

    /// Whether an address could be called, before its name is looked up.
    ///
    /// # Errors
    /// When not.
    pub fn admits(&self, address: &str) -> Result<(), AbroadError> {
        let refused = || AbroadError::Address(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| refused())?;
        let host = uri.host().ok_or_else(refused)?.trim_start_matches('[').trim_end_matches(']');
        let is_plain = !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let at = host.parse::<IpAddr>().ok();
        let is_spoken = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => at.is_some_and(|at| at.is_loopback() && self.inside.hold(at)),
            _ => false,
        };
        match at {
            _ if !is_spoken || !is_plain => Err(refused()),
            Some(at) if !is_callable(at, &self.inside) => Err(AbroadError::Inside(host.to_owned())),
            _ => Ok(()),
        }
    }

    /// Sends a request and takes the whole answer, whatever its status.
    ///
    /// # Errors
    /// There is none that can be used.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, AbroadError> {
        self.admits(&request.uri().to_string())?;
        let answering = async {
            let answer = self.client.request(request.map(Full::new)).await;
            let (parts, body) = answer.map_err(|error| AbroadError::Silent(deepest(&error)))?.into_parts();
            match Limited::new(body, LARGEST).collect().await {
                Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => Err(AbroadError::Large),
                Err(error) => Err(AbroadError::Silent(error.to_string())),
            }
        };
        tokio::time::timeout(PATIENCE, answering).await.unwrap_or(Err(AbroadError::Slow))
    }
}

/// The last of the reasons that an error has: those before it only say that a request failed.
fn deepest(error: &dyn std::error::Error) -> String {
    let reasons = std::iter::successors(Some(error), |error| error.source());
    reasons.last().map_or_else(String::new, ToString::to_string)
}

/// Looks names up, and gives only addresses that may be called.
#[derive(Clone)]
struct Resolver {
    inside: Networks,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let inside = self.inside.clone();
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs()).await??;
            let callable: Vec<_> = found.filter(|address| is_callable(address.ip(), &inside)).collect();
            match callable.is_empty() {
                true => Err(std::io::Error::other("the name has no public address")),
                false => Ok(callable.into_iter()),
            }
        })
    }
}

/// Whether an address is anybody's, or of a network that the settings list.
fn is_callable(address: IpAddr, inside: &Networks) -> bool {
    is_public(address) || inside.hold(address)
}

/// Whether an address is one of the whole internet (the registries of RFC 6890, and what came later).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_of_protocols = (a, b, c) == (192, 0, 0) || (a == 198 && (18..20).contains(&b));
            let is_local = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            !(a == 0 || a >= 224 || is_shared || is_of_protocols || is_local || v4.is_documentation())
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Global unicast, but for what only documents use and what carries an address of the other kind within.
            None => {
                let [a, b, ..] = v6.segments();
                (a & 0xe000) == 0x2000 && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0xdb8))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(said: &[&str]) -> Networks {
        said.iter().map(|network| (*network).to_owned()).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn only_public_addresses_are_called_and_those_that_are_listed() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "2002:a00:1::",
            "2001:db8::1",
            "ff02::1",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
        assert!(is_callable("10.1.2.3".parse().unwrap(), &networks(&["10.0.0.0/8"])));
    }

    #[test]
    fn plain_http_is_for_this_machine_where_the_settings_say_so() {
        let nowhere = Abroad::new(&Networks::default()).unwrap();
        let here = Abroad::new(&networks(&["127.0.0.1", "10.0.0.0/8"])).unwrap();
        assert!(nowhere.admits("https://id.example.org/x").is_ok());
        for wrong in ["http://id.example.org", "ftp://id.example.org", "id.example.org", "", "https://a@id.example.org"]
        {
            assert!(matches!(here.admits(wrong), Err(AbroadError::Address(_))), "{wrong}");
        }
        assert!(matches!(nowhere.admits("http://127.0.0.1:1/x"), Err(AbroadError::Address(_))));
        assert!(matches!(nowhere.admits("https://[::1]/x"), Err(AbroadError::Inside(_))));
        assert!(here.admits("http://127.0.0.1:1/x").is_ok() && here.admits("https://10.0.0.1").is_ok());
        assert!(here.admits("http://10.0.0.1").is_err());
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_called() {
        let abroad = Abroad::new(&Networks::default()).unwrap();
        let request = Request::get("https://localhost:1/").body(Bytes::new()).unwrap();
        let refused = abroad.send(request).await.unwrap_err();
        assert_eq!(refused, AbroadError::Silent("the name has no public address".to_owned()));
    }
}
