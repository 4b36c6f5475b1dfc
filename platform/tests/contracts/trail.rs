//! Whoever is refused stands in the trail, by ids and reasons, and with nothing that is theirs alone to know.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use daybook_platform::{ApiError, Authenticator, Caller, edge, sections, trail};
use serde_json::{Value, json};

use crate::house::House;
use crate::stand::{Folder, Service, client, quick};

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_record_without_secrets() {
    let (house, folder) = (House::new(), Folder::new());
    let settings = sections::Trail { folder: Some(folder.0.clone()), ..sections::Trail::default() };
    trail::start(&settings, "service").unwrap();

    let authenticator = Arc::new(Authenticator::new(&house.settings).await.unwrap());
    let routes = Router::new()
        .route("/users/{id}", get(async |caller: Caller| caller.must("user:read")))
        .route("/things/{id}", get(async || ApiError::not_found("thing")))
        .route("/me", get(async |_: Caller| "you").post(async |_: Caller| "done"))
        .route("/open", get(async || "all"))
        .with_state(authenticator);
    let service = Service::with(quick(), |settings| edge::guard(routes, settings)).await;
    let ask = async |path: &str, request: &str, token: &str| {
        let asked = client().get(service.url(path)).header("x-request-id", request).bearer_auth(token);
        asked.send().await.unwrap().status().as_u16()
    };
    let mut claims = house.body();
    claims["permissions"] = json!({ "secret-of-the-claims": 1 });
    let unreadable = house.signed(&claims, |_| {});
    assert_eq!(ask("/users/ada-lovelace", "trail-1", "no.token.atall").await, 401);
    assert_eq!(ask("/users/ada-lovelace", "trail-2", &house.token()).await, 403);
    assert_eq!(ask("/users/ada-lovelace", "trail-3", &unreadable).await, 401);
    assert_eq!(ask("/things/1", "trail-4", &house.token()).await, 404);
    assert_eq!(ask("/me?q=ada-lovelace", "trail-5", &house.token()).await, 200);
    assert_eq!(ask("/open", "trail-6", &house.token()).await, 200);
    let command = client().post(service.url("/me")).header("x-request-id", "trail-7").bearer_auth(house.token());
    assert_eq!(command.send().await.unwrap().status().as_u16(), 200);

    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::task::spawn_blocking(trail::stop).await.unwrap();
    let text = std::fs::read_to_string(folder.0.join("service.jsonl")).unwrap();
    let find = |request: &str| -> Option<Value> {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .find(|line: &Value| line["http.request.id"] == request)
    };
    let unknown = find("trail-1").unwrap();
    assert_eq!(unknown["event.dataset"], "daybook.security");
    assert_eq!(unknown["event.action"], "UNAUTHENTICATED");
    assert_eq!((&unknown["organization.id"], &unknown["user.id"]), (&Value::Null, &Value::Null));
    let denied = find("trail-2").unwrap();
    assert_eq!(denied["event.dataset"], "daybook.access");
    assert_eq!(denied["event.action"], "FORBIDDEN");
    assert_eq!(denied["event.reason"], "this needs the permission user:read");
    assert_eq!(denied["organization.id"], "00000000-0000-0000-0000-000000000009");
    assert_eq!(denied["user.id"], "00000000-0000-0000-0000-000000000007");
    assert_eq!(denied["url.path.template"], "/users/{id}");
    assert_eq!(denied["http.response.status_code"], 403);
    assert_eq!(find("trail-3").unwrap()["event.reason"], "the token's claims are not as they must be");
    assert_eq!(find("trail-4"), None, "what is not there is no matter of security");
    // Who was given what stands beside it: who read, not who gave a command, and not what everybody is given.
    let given = std::fs::read_to_string(folder.0.join("service.permitted.jsonl")).unwrap();
    let given: Vec<Value> = given.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = given.iter().map(|line| &line["http.request.id"]).collect();
    assert_eq!(requests, ["trail-5"]);
    assert_eq!((&given[0]["event.outcome"], &given[0]["event.type"][0]), (&json!("success"), &json!("allowed")));
    assert_eq!((&given[0]["url.path"], &given[0]["user.id"]), (&json!("/me"), &denied["user.id"]));
    for secret in ["ada-lovelace", "secret-of-the-claims", "atall", "127.0.0.1", unreadable.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_start() {
    let file = Folder::new();
    let path = file.0.join("a-file");
    std::fs::write(&path, "").unwrap();
    let error = trail::start(&sections::Trail { folder: Some(path), ..sections::Trail::default() }, "service");
    assert!(error.unwrap_err().to_string().starts_with("settings: trail.folder: "));
}
