//! Serving HTTP on a socket, until the shutdown.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::Service as _;

use crate::health::Health;
use crate::sections::Http;
use crate::shutdown::Shutdown;

/// Why a service cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {source}")]
pub struct ListenError {
    /// The address of the settings.
    pub listen: String,
    /// What the system says.
    pub source: std::io::Error,
}

/// Takes the address; from then on clients can connect and wait.
pub async fn bind(listen: &str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(listen).await.map_err(|source| ListenError { listen: listen.to_owned(), source })
}

/// Serves `router` on `listener` until the shutdown is asked for; then takes no new connection, lets the requests under way
/// end within `drain_ms`, and returns. While it serves, the check `http` of `health` holds.
pub async fn serve(listener: TcpListener, router: Router, settings: &Http, health: &Health, shutdown: &Shutdown) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
    }
    health.set("http", Ok(()));
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let header_timeout = Duration::from_millis(settings.header_timeout_ms);
    while let Some(accepted) = shutdown.or(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let connection = converse(stream, router.clone(), header_timeout, shutdown.clone());
                let open = open.clone();
                tokio::spawn(async move {
                    connection.await;
                    drop(open);
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

/// One connection, from its first request to its end.
async fn converse(stream: TcpStream, router: Router, header_timeout: Duration, shutdown: Shutdown) {
    // Answers are small and written whole; waiting for more to send would only add to their latency.
    let _ = stream.set_nodelay(true);
    let service =
        service_fn(move |request: hyper::Request<hyper::body::Incoming>| router.clone().call(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that goes away or sends nonsense: its own affair.
        tracing::debug!(%error, "connection ended");
    }
}
