//! Every request gets a sound answer, whatever it, its client or its handler does.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query};
use axum::routing::{get, post};
use daybook_platform::body::{JsonBody, RawBody};
use daybook_platform::request::RequestContext;
use daybook_platform::{ApiError, metrics, trace_context};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::{Service, client};

#[derive(serde::Deserialize)]
struct Paging {
    limit: u32,
}

pub fn routes() -> Router {
    Router::new()
        .route("/echo", post(async |RawBody(body): RawBody| body))
        .route("/json", post(async |JsonBody(value): JsonBody| value.to_string()))
        .route("/unread", post(async || ApiError::forbidden("incident:report")))
        .route("/list", get(async |Query(paging): Query<Paging>| paging.limit.to_string()))
        .route("/items/{number}", get(async |Path(number): Path<u32>| number.to_string()))
        .route("/id", get(async |request: RequestContext| request.id.to_string()))
        .route("/trace", get(async || trace_context::current_traceparent().unwrap_or_default()))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(5)).await))
        .route(
            "/brief",
            get(async || {
                tokio::time::sleep(Duration::from_millis(200)).await;
                "done"
            }),
        )
        .route(
            "/panic",
            get(async || {
                if true {
                    panic!("a fault of ours, with the secret hunter2");
                }
            }),
        )
}

pub async fn error(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let named = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["request_id"], json!(named), "the envelope and the header name the same request");
    (status, body["error"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_named_by_its_client_or_by_us() {
    let service = Service::start(routes()).await;
    let given = client().get(service.url("/id")).header("x-request-id", "job-7/try:2").send().await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "job-7/try:2");
    assert_eq!(given.text().await.unwrap(), "job-7/try:2");

    let too_long = "x".repeat(129);
    for insane in ["", "two words", "<script>", &too_long] {
        let named = client().get(service.url("/id")).header("x-request-id", insane).send().await.unwrap();
        let id = named.text().await.unwrap();
        assert!(id.starts_with("req_") && id.len() == 36, "{insane} became {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matches_no_route_is_told_in_the_envelope() {
    let service = Service::start(routes()).await;
    let (status, error_) = error(client().get(service.url("/nowhere")).send().await.unwrap()).await;
    assert_eq!((status, &error_["code"]), (404, &json!("NOT_FOUND")));

    let wrong_method = client().delete(service.url("/id")).send().await.unwrap();
    assert!(wrong_method.headers()["allow"].to_str().unwrap().contains("GET"));
    let (status, error_) = error(wrong_method).await;
    assert_eq!((status, &error_["code"]), (405, &json!("METHOD_NOT_ALLOWED")));

    // The router's own extractors answer in plain text, which never leaves as such.
    for path in ["/list?limit=many", "/list", "/items/seven"] {
        let (status, error_) = error(client().get(service.url(path)).send().await.unwrap()).await;
        assert_eq!((status, &error_["code"]), (400, &json!("VALIDATION_ERROR")), "{path}: {error_}");
        assert!(error_["message"].as_str().unwrap().len() > 10, "{error_}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_is_504_and_one_that_panics_is_500() {
    let service = Service::start(routes()).await;
    let (status, error_) = error(client().get(service.url("/slow")).send().await.unwrap()).await;
    assert_eq!((status, &error_["code"]), (504, &json!("TIMEOUT")));

    let (status, error_) = error(client().get(service.url("/panic")).send().await.unwrap()).await;
    assert_eq!((status, &error_["code"]), (500, &json!("INTERNAL")));
    assert!(!error_.to_string().contains("hunter2"), "{error_}");
    // The process lives on.
    assert_eq!(client().get(service.url("/id")).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let service = Service::start(routes()).await;
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    stream.write_all(b"GET /id HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_a_client_sends_is_handed_on() {
    let service = Service::start(routes()).await;
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let with = client().get(service.url("/trace")).header("traceparent", sent).send().await.unwrap();
    assert_eq!(with.text().await.unwrap(), sent);
    let without = client().get(service.url("/trace")).header("traceparent", "nonsense").send().await.unwrap();
    assert_eq!(without.text().await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_requests_under_way_end_and_takes_no_new_ones() {
    let service = Service::start(routes()).await;
    let under_way = tokio::spawn(client().get(service.url("/brief")).send());
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert!(service.health.is_ready());
    service.shutdown.request();
    assert_eq!(under_way.await.unwrap().unwrap().text().await.unwrap(), "done");
    service.ended.await.unwrap();
    assert!(!service.health.is_ready());
    assert!(TcpStream::connect(&service.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_method_and_status() {
    let metrics = metrics::install().unwrap();
    let service = Service::start(routes()).await;
    for number in 1..=3 {
        client().get(service.url(&format!("/items/{number}"))).send().await.unwrap();
    }
    let gone = client().get(service.url("/slow")).timeout(Duration::from_millis(50)).send().await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let text = metrics.render();
    let counted = "http_requests_total{method=\"GET\",route=\"/items/{number}\",status=\"200\"} 3";
    assert!(text.contains(counted), "{text}");
    assert!(text.contains("http_request_duration_seconds_bucket{method=\"GET\",route=\"/items/{number}\",le=\"0.1\"}"));
    assert!(text.contains("route=\"/slow\",status=\"499\"}"), "a client that went away is counted");
}
