//! Metrics: counters, gauges and histograms as Prometheus reads them.
//!
//! Code anywhere counts through the macros of the `metrics` crate. Durations are histograms in seconds whose names end in
//! `_seconds`; sizes end in `_bytes`.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of durations, in seconds: fine where answers are due (1 to 100 ms), coarse up to a minute for
/// rebuilds and retries.
const SECONDS: [f64; 18] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Upper bounds of the buckets of counts and sizes: powers of four.
const AMOUNTS: [f64; 12] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// How often samples are folded into their buckets. Until then they are kept one by one, so memory would grow if nobody
/// asked for the metrics.
const UPKEEP: Duration = Duration::from_secs(2);

/// Why metrics cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be set up: {0}")]
pub struct MetricsError(#[from] metrics_exporter_prometheus::BuildError);

/// The metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    recorded: PrometheusHandle,
}

/// A process has one recorder; a second call (as in tests) gives the same.
static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// Starts to keep metrics for this process, and keeps the gauge `process_resident_memory_bytes` current. Must be called in a
/// tokio runtime.
pub fn install() -> Result<Metrics, MetricsError> {
    if let Some(metrics) = INSTALLED.get() {
        return Ok(metrics.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets(&AMOUNTS)?
        .build_recorder();
    let metrics = Metrics { recorded: recorder.handle() };
    if ::metrics::set_global_recorder(recorder).is_err() {
        // Lost a race against another thread of this process, whose recorder now serves for both.
        return Ok(INSTALLED.wait().clone());
    }
    let metrics = INSTALLED.get_or_init(|| metrics).clone();
    ::metrics::describe_gauge!("process_resident_memory_bytes", "Memory of this process held in RAM");
    ::metrics::describe_histogram!("http_request_duration_seconds", "Time from a request's head to its answer");
    ::metrics::describe_counter!("http_requests_total", "Requests answered");
    let kept = metrics.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            kept.recorded.run_upkeep();
            record_memory();
        }
    });
    Ok(metrics)
}

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        record_memory();
        self.recorded.render()
    }

    /// The answer to `GET /metrics`.
    pub fn answer(&self) -> Response {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.render()).into_response()
    }
}

/// Memory of this process held in RAM, in bytes, as the kernel counts it; `None` where there is no `/proc`.
pub fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn record_memory() {
    if let Some(bytes) = resident_memory() {
        ::metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_and_durations_are_shown() {
        let metrics = install().unwrap();
        ::metrics::histogram!("sample_seconds").record(0.004);
        let text = install().unwrap().render();
        assert!(text.contains("sample_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("sample_seconds_bucket{le=\"0.003\"} 0"), "{text}");
        assert!(resident_memory().unwrap() > 1024 * 1024);
        assert!(metrics.render().contains("process_resident_memory_bytes "));
    }
}
