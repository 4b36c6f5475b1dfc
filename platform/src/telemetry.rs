//! Logs and traces of a process.
//!
//! Logs go to standard output, one line each. Traces go by OTLP (http/protobuf) to a collector where one is set; where none
//! is, no span leaves the process and tracing costs next to nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::log_line::LogLines;
use crate::sections::{LogFormat, Telemetry};

/// Whether this process exports traces, asked on every request and entry.
static EXPORTING: AtomicBool = AtomicBool::new(false);

/// The time for one delivery to the collector.
const DELIVERY: Duration = Duration::from_secs(5);

/// Why logs and traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("telemetry.level is not a filter such as `info,daybook_journal=debug`: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The share is not one.
    #[error("telemetry.sampling must be from 0 to 1, not {0}")]
    Sampling(f64),
    /// The collector cannot be addressed.
    #[error("telemetry.otlp_endpoint cannot be used: {0}")]
    Endpoint(String),
    /// Logs are already set up in this process.
    #[error("telemetry is already started in this process")]
    Started,
}

/// The logs and traces of this process while it runs.
#[derive(Debug)]
#[must_use = "spans not yet sent are lost unless `stop` is called at the end"]
pub struct Running {
    traces: Option<SdkTracerProvider>,
}

/// Whether traces are exported.
pub fn is_exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

/// Starts logs and, where a collector is set, traces. A panic is logged from here on. Must be called in a tokio runtime.
pub fn start(settings: &Telemetry) -> Result<Running, TelemetryError> {
    let filter = EnvFilter::try_new(&settings.level)?;
    let traces = match settings.otlp_endpoint.as_deref() {
        Some(endpoint) => Some(exporter(settings, endpoint)?),
        None => None,
    };
    let exported = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("daybook"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Spans of libraries would bury ours, and the exporter's own would feed on themselves.
            .with_filter(Targets::new().with_target("daybook", LevelFilter::INFO))
    });
    let (json, text) = match settings.format {
        LogFormat::Json => (Some(LogLines::new(&settings.service).with_filter(filter)), None),
        LogFormat::Text => (None, Some(tracing_subscriber::fmt::layer().with_filter(filter))),
    };
    tracing_subscriber::registry()
        .with(exported)
        .with(json)
        .with(text)
        .try_init()
        .map_err(|_| TelemetryError::Started)?;
    EXPORTING.store(traces.is_some(), Ordering::Relaxed);
    log_panics();
    Ok(Running { traces })
}

impl Running {
    /// Sends the spans that wait to be sent. Call it as the last thing of a process.
    pub async fn stop(self) {
        let Some(traces) = self.traces else { return };
        // Sending uses this runtime, so waiting for it must not hold one of its threads.
        let stopped = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(DELIVERY)).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(%error, "the last spans were not delivered");
        }
    }
}

fn exporter(settings: &Telemetry, endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    if !(0.0..=1.0).contains(&settings.sampling) {
        return Err(TelemetryError::Sampling(settings.sampling));
    }
    if !endpoint.starts_with("http://") {
        let reason = format!("{endpoint} is not an http:// URL; for TLS put a collector beside the process");
        return Err(TelemetryError::Endpoint(reason));
    }
    let client = reqwest::Client::builder()
        .timeout(DELIVERY)
        .build()
        .map_err(|error| TelemetryError::Endpoint(error.to_string()))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Delivery { client, runtime: Handle::current() })
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/').trim_end_matches("/v1/traces")))
        .with_timeout(DELIVERY)
        .build()
        .map_err(|error| TelemetryError::Endpoint(error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(settings.service.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sampling))))
        .with_resource(resource)
        .build())
}

/// Delivers spans on the process's runtime: the exporter runs on a thread of its own, where the HTTP client finds none.
#[derive(Debug)]
struct Delivery {
    client: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Delivery {
    fn send_bytes<'a, 'delivery>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'delivery>>
    where
        'a: 'delivery,
        Self: 'delivery,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = answer.bytes().await?;
            Ok(response)
        });
        Box::pin(async move { sent.await? })
    }
}

/// Logs panics like everything else, and lets them go on: the edge turns one into a 500, a task hands it to who awaits it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let reason = panic.payload_as_str().unwrap_or("not a text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => {
                tracing::error!(reason, place, %backtrace, "panic")
            }
            _ => tracing::error!(reason, place, "panic"),
        }
    }));
}
