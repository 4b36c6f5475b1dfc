//! What operators and their tools ask of every process: is it live, is it ready, what does it count.

use axum::Router;
use axum::routing::get;

use crate::health::Health;
use crate::metrics::Metrics;
use crate::sections::{Http, Ops};
use crate::serve::{ListenError, bind};
use crate::shutdown::Shutdown;
use crate::{edge, serve};

/// `GET /health/live`, `GET /health/ready` and `GET /metrics`, for a service to merge into its own routes.
pub fn routes<S: Clone + Send + Sync + 'static>(health: &Health, metrics: &Metrics) -> Router<S> {
    let (live, ready, metrics) = (health.clone(), health.clone(), metrics.clone());
    Router::new()
        .route("/health/live", get(async move || live.live()))
        .route("/health/ready", get(async move || ready.ready()))
        .route("/metrics", get(async move || metrics.answer()))
}

/// Serves only these routes, for a process without an HTTP interface of its own, until the shutdown. It takes its address
/// before it returns, so that a taken port stops the start; await the handle to have the last answers given.
pub async fn serve(
    settings: &Ops,
    health: &Health,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> Result<tokio::task::JoinHandle<()>, ListenError> {
    let http = Http { listen: settings.listen.clone(), access_log: false, drain_ms: 1000, ..Http::default() };
    let listener = bind(&http).await?;
    let router = edge::guard(routes(health, metrics), &http);
    let (health, shutdown) = (health.clone(), shutdown.clone());
    Ok(tokio::spawn(async move { serve::serve(listener, router, &http, &health, &shutdown).await }))
}
