//! What the edge keeps from a service and its clients: foreign pages, large heads, slow clients, too many connections.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use daybook_platform::page::Page;
use daybook_platform::{edge, sections::Http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::{Service, client, quick};

/// More than a client's and a server's socket keep for who does not read.
const LARGE: usize = 32 << 20;

fn routes() -> Router {
    let page = Page::new("<script>go()</script>".to_owned());
    Router::new()
        .route("/data", get(async || "personal"))
        .route("/docs", get(async move || page.answer()))
        .route("/large", get(async || vec![b'x'; LARGE]))
}

async fn with(change: impl FnOnce(&mut Http)) -> Service {
    let mut settings = quick();
    change(&mut settings);
    Service::with(settings, |settings| edge::guard(routes(), settings)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_protected_and_a_page_runs_only_what_stands_in_it() {
    let service = with(|_| {}).await;
    for path in ["/data", "/nowhere"] {
        let answer = client().get(service.url(path)).send().await.unwrap();
        for (name, value) in [
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers()[name], value, "{name} of {path}");
        }
        assert!(
            !answer.headers().contains_key("server") && !answer.headers().contains_key("access-control-allow-origin")
        );
    }
    let page = client().get(service.url("/docs")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_listed_origins_may_read_answers() {
    let ours = "https://desk.example.com";
    let service = with(|http| http.allowed_origins = vec![ours.to_owned()].try_into().unwrap()).await;
    let ask = async |origin: &str| client().get(service.url("/data")).header("origin", origin).send().await.unwrap();
    let answer = ask(ours).await;
    assert_eq!(answer.headers()["access-control-allow-origin"], ours);
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("ratelimit"));
    assert!(answer.headers()["vary"].to_str().unwrap().to_lowercase().contains("origin"));
    for other in ["https://evil.example", "https://desk.example.com.evil.example", "http://desk.example.com", "null"] {
        assert!(!ask(other).await.headers().contains_key("access-control-allow-origin"), "{other}");
    }
    let preflight = async |origin: &str| {
        let request = client().request(reqwest::Method::OPTIONS, service.url("/data")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,idempotency-key").send().await.unwrap()
    };
    let allowed = preflight(ours).await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], ours);
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("idempotency-key"));
    assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
    assert!(!preflight("https://evil.example").await.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let service = with(|http| http.head_limit = 8 * 1024).await;
    let ask = async |size| client().get(service.url("/data")).header("x-much", "x".repeat(size)).send().await.unwrap();
    assert_eq!(ask(6 * 1024).await.status(), 200);
    assert_eq!(ask(16 * 1024).await.status(), 431);
    let many = (0..200).fold(client().get(service.url("/data")), |ask, n| ask.header(format!("x-{n}"), "1"));
    assert_eq!(many.send().await.unwrap().status(), 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_take_an_answer_is_cut_off() {
    let service = with(|http| (http.write_timeout_ms, http.timeout_ms) = (600, 5_000)).await;
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    let mut taken = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut taken)).await.expect("it is closed");
    assert!(taken.len() < LARGE, "all {} bytes came", taken.len());

    // Who reads in time gets all of it.
    let whole = client().get(service.url("/large")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(whole.len(), LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_only_so_many_connections() {
    let service = with(|http| (http.connections_per_address, http.header_timeout_ms) = (3, 3_000)).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(TcpStream::connect(&service.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fourth = TcpStream::connect(&service.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(2), fourth.read(&mut [0; 1])).await.expect("it is closed");
    assert!(matches!(closed, Ok(0) | Err(_)));
    open.pop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(client().get(service.url("/data")).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_most_connections_others_wait_until_one_ends() {
    let service = with(|http| (http.connections, http.header_timeout_ms) = (2, 600)).await;
    let _idle =
        [TcpStream::connect(&service.address).await.unwrap(), TcpStream::connect(&service.address).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(client().get(service.url("/data")).send().await.unwrap().status(), 200);
    assert!(began.elapsed() > Duration::from_millis(300), "it waited for the idle ones to be cut off");
}
