//! Forwarding over real connections: what the owner is sent, and what its sender makes of each way to be answered.
#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use daybook_command_api::{
    forward::{Fate, Forwarder, Parcel, header::Forward},
    settings::CommandApi,
};
use daybook_platform::sections::Services;
use tokio::net::TcpListener;

fn forwarder() -> Forwarder {
    Forwarder::new(&CommandApi::default(), &Services::default()).unwrap()
}

fn parcel() -> Parcel {
    let headers = HeaderMap::from_iter([("authorization".parse().unwrap(), HeaderValue::from_static("Bearer x"))]);
    let uri: Uri = "/api/v1/incidents?dry=1".parse().unwrap();
    Parcel::new(&Method::POST, &uri, &headers, &Bytes::from_static(b"{\"a\":1}"), "key-1", "req-1")
}

fn forward() -> Forward {
    Forward { context: "incident".into(), partition: 3, term: 17, hops: 2 }
}

/// An instance that answers every request like this; its address.
async fn owner<F: Future<Output = Response> + Send>(
    answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

#[tokio::test]
async fn the_owner_is_sent_the_request_and_its_answer_comes_back() {
    let url = owner(async |request: Request| {
        let (parts, body) = request.into_parts();
        let said = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = String::from_utf8(to_bytes(body, 1024).await.unwrap().to_vec()).unwrap();
        let headers = ["authorization", "idempotency-key", "x-request-id", "daybook-forward"].map(said);
        let heard = format!("{} {} {body} {}", parts.method, parts.uri, headers.join(" "));
        (StatusCode::CONFLICT, [("etag", "\"3\""), ("connection", "x-mine"), ("x-mine", "1")], heard).into_response()
    })
    .await;
    let Fate::Answered(response) = forwarder().send(&url, &parcel(), &forward()).await else { panic!("not answered") };
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()["etag"], "\"3\"");
    assert!(response.headers().get("x-mine").is_none(), "that was for the connection");
    let heard = to_bytes(response.into_body(), 1024).await.unwrap();
    let expected = "POST /api/v1/incidents?dry=1 {\"a\":1} Bearer x key-1 req-1 incident/3;term=17;hops=2";
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

#[tokio::test]
async fn who_is_not_the_owner_says_what_it_knows() {
    let knows = owner(async |_| (StatusCode::MISDIRECTED_REQUEST, [("daybook-term", "18")]).into_response()).await;
    let starts = owner(async |_| StatusCode::MISDIRECTED_REQUEST.into_response()).await;
    let (forwarder, parcel) = (forwarder(), parcel());
    assert!(matches!(forwarder.send(&knows, &parcel, &forward()).await, Fate::Misdirected(Some(18))));
    assert!(matches!(forwarder.send(&starts, &parcel, &forward()).await, Fate::Misdirected(None)));
}

#[tokio::test]
async fn nobody_there_and_a_broken_connection_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let forwarder = forwarder();
    // It takes the connection, and dies.
    let accepting = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    assert!(matches!(forwarder.send(&url, &parcel(), &forward()).await, Fate::Broken));
    accepting.await.unwrap();
    assert!(matches!(forwarder.send(&url, &parcel(), &forward()).await, Fate::Refused));
}

#[tokio::test]
async fn a_token_goes_to_the_owner_and_nowhere_else() {
    let url =
        owner(async |_| (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/")]).into_response()).await;
    match forwarder().send(&url, &parcel(), &forward()).await {
        Fate::Answered(response) => assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT),
        other => panic!("{other:?}"),
    }
}
