//! Serving HTTP on a socket, until the shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::connections::Connections;
use crate::files::{FileError, OfFiles};
use crate::health::Health;
use crate::network::Peer;
use crate::pace::Paced;
use crate::sections::Http;
use crate::shutdown::Shutdown;
use crate::tls;

/// The least that a head may be allowed, in bytes: hyper reads in pieces of it.
const LEAST_HEAD: usize = 8 * 1024;

/// Why a service cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("cannot listen on {listen}: {source}")]
    Address {
        /// The address of the settings.
        listen: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A certificate, a key or an authority cannot be used.
    #[error("settings: http: {0}")]
    Certificate(#[from] FileError),
}

/// Where clients connect.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<OfFiles<ServerConfig>>,
}

/// Takes the address, and reads the certificate where there is one; from then on clients can connect and wait.
///
/// # Errors
/// The address is taken, or a file cannot be used.
pub async fn bind(settings: &Http) -> Result<Listener, ListenError> {
    let tls = tls::server(settings)?;
    match TcpListener::bind(&settings.listen).await {
        Ok(tcp) => Ok(Listener { tcp, tls }),
        Err(source) => Err(ListenError::Address { listen: settings.listen.clone(), source }),
    }
}

/// Serves `router` on `listener` until the shutdown is asked for; then takes no new connection, lets the requests under way
/// end within `drain_ms`, and returns. While it serves, the check `http` of `health` holds.
pub async fn serve(listener: Listener, router: Router, settings: &Http, health: &Health, shutdown: &Shutdown) {
    let Listener { tcp: listener, tls } = listener;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, tls = tls.is_some(), "listening");
    }
    health.set("http", Ok(()));
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let connections = Connections::new(settings);
    let talk = Arc::new(Talk { router, tls, settings: settings.clone(), shutdown: shutdown.clone() });
    while let Some((accepted, seat)) = shutdown.or(connections.accept(&listener)).await {
        match accepted {
            Ok((stream, address)) => {
                // Who has too many already is told nothing: the connection ends.
                let Some(seat) = seat.for_address(address.ip()) else { continue };
                let (talk, open) = (talk.clone(), open.clone());
                tokio::spawn(async move {
                    talk.converse(stream, address).await;
                    drop((seat, open));
                });
            }
            Err(error) => {
                // Most likely no file descriptor is free: the next try would fail at once as well.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    health.set("http", Err("shutting down".to_owned()));
    drop(listener);
    drop(open);
    let ended = async {
        all_closed.recv().await;
    };
    Shutdown::drain("HTTP requests under way", Duration::from_millis(settings.drain_ms), ended).await;
}

/// What all connections have in common.
struct Talk {
    router: Router,
    tls: Option<OfFiles<ServerConfig>>,
    settings: Http,
    shutdown: Shutdown,
}

impl Talk {
    /// One connection, from its first byte to its end.
    async fn converse(&self, stream: TcpStream, address: SocketAddr) {
        // Answers are small and written whole; waiting for more to send would only add to their latency.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.answer(stream, Peer { address, is_service: false }).await;
        };
        let patience = Duration::from_millis(self.settings.header_timeout_ms);
        match timeout(patience, TlsAcceptor::from(tls.get()).accept(stream)).await {
            Ok(Ok(stream)) => {
                // A certificate that did not hold would have ended the handshake.
                let is_service = stream.get_ref().1.peer_certificates().is_some();
                self.answer(stream, Peer { address, is_service }).await;
            }
            Ok(Err(error)) => {
                ::metrics::counter!("http_handshakes_failed_total").increment(1);
                tracing::debug!(%error, "no TLS with this client");
            }
            Err(_) => ::metrics::counter!("http_handshakes_failed_total").increment(1),
        }
    }

    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let stream = Paced::new(stream, Duration::from_millis(self.settings.write_timeout_ms));
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            self.router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(self.settings.header_timeout_ms))
            .max_buf_size(self.settings.head_limit.max(LEAST_HEAD))
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // A client that goes away or sends nonsense: its own affair.
            tracing::debug!(%error, "connection ended");
        }
    }
}
