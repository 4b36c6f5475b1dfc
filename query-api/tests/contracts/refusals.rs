//! What is not answered as asked: each a clear error that names what to change.

use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use daybook_platform::settings;
use daybook_query_api::settings::Settings;
use uuid::Uuid;

use crate::system::{Asker, PATIENCE, System};

async fn refused(path: &str, status: u16, field: &str, message: &str) {
    let system = System::open().await;
    let answer = system.get(&Asker::of(Uuid::now_v7()), path).await;
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    let detail = &answer.body["error"]["details"][0];
    assert_eq!(detail["field"], field, "{path}: {}", answer.body);
    assert!(detail["message"].as_str().unwrap().contains(message), "{path}: {detail}");
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_parameter_that_is_none_is_told_the_known_ones() {
    refused("/incidents?colour=red", 400, "colour", "is no filter of this list; its filters are id, number, status")
        .await;
    refused("/incidents?sort=colour", 400, "sort", "must be one of number, priority, opened_at, created_at").await;
    refused("/incidents?fields=colour", 400, "fields", "must name fields of Incident: id, version, number").await;
    refused("/incidents?limit=0", 400, "limit", "from 1 to 200").await;
    refused("/incidents?status=open", 400, "status", "must be one of new, assigned").await;
    refused("/incidents?opened_at.gte=yesterday", 400, "opened_at.gte", "RFC 3339").await;
    refused(&format!("/incidents/{}?colour=red", Uuid::now_v7()), 400, "colour", "known are fields, as_of").await;
    refused(&format!("/incidents/{}?as_of=then", Uuid::now_v7()), 400, "as_of", "RFC 3339").await;
    refused(&format!("/incidents/{}/timeline?sort=time", Uuid::now_v7()), 400, "sort", "must be version or -version")
        .await;
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn who_asks_must_be_known_and_permitted() {
    let system = System::open().await;
    let none = system.send(Request::get("/api/v1/incidents").body(Body::empty()).unwrap()).await;
    assert_eq!((none.status.as_u16(), none.code()), (401, "UNAUTHENTICATED"));
    let asker = Asker::who_may(Uuid::now_v7(), &["incident:report", "user:read"]);
    for path in [
        "/incidents".to_owned(),
        format!("/incidents/{}", Uuid::now_v7()),
        format!("/incidents/{}/comments", Uuid::now_v7()),
    ] {
        let answer = system.get(&asker, &path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "FORBIDDEN"), "{path}");
        assert_eq!(answer.body["error"]["message"], "this needs the permission incident:read");
    }
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn what_is_not_there_is_not_found() {
    let (system, asker) = (System::open().await, Asker::of(Uuid::now_v7()));
    let id = Uuid::now_v7();
    for rest in ["", "/timeline", "/events", "/actions", "/comments", "?as_of=2026-01-01T00:00:00Z"] {
        let answer = system.get(&asker, &format!("/incidents/{id}{rest}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "NOT_FOUND"), "{rest}: {}", answer.body);
    }
    assert_eq!(system.get(&asker, "/incidents/INC0000001").await.status, 404);
    assert_eq!(system.get(&asker, "/moons").await.status, 404);
    for rest in ["relationships", "impact-analysis"] {
        assert_eq!(system.get(&asker, &format!("/cmdb/cis/{id}/{rest}")).await.status, 404, "{rest}");
    }
    assert_eq!(system.get(&asker, &format!("/organizations/{id}/members")).await.status, 404);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_position_that_does_not_come_is_a_503_that_names_the_store() {
    let (system, asker) = (System::open().await, Asker::of(Uuid::now_v7()));
    let began = Instant::now();
    let answer = system.get_with(&asker, "/incidents", &[("daybook-position", "journal.incident/0#99999999999")]).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "UNAVAILABLE"));
    assert!(answer.body["error"]["message"].as_str().unwrap().starts_with("postgres is behind"), "{}", answer.body);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(began.elapsed() >= PATIENCE && began.elapsed() < PATIENCE * 4, "{:?}", began.elapsed());
    let malformed = system.get_with(&asker, "/incidents", &[("daybook-position", "journal.incident")]).await;
    assert_eq!((malformed.status.as_u16(), malformed.code()), (400, "VALIDATION_ERROR"));
    let origin = system.get_with(&asker, "/incidents", &[("daybook-position", "journal.incident/0#0")]).await;
    assert_eq!(origin.status, 200);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_store_that_is_away_is_a_503_that_names_it() {
    let mut settings: Settings = settings::load().unwrap();
    // A port where nothing listens.
    settings.postgres.url = "postgres://127.0.0.1:9/daybook".into();
    let system = System::with(settings).await;
    let asker = Asker::of(Uuid::now_v7());
    for headers in [&[][..], &[("daybook-position", "journal.incident/0#1")]] {
        let answer = system.get_with(&asker, "/incidents", headers).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "UNAVAILABLE"));
        assert_eq!(answer.body["error"]["message"], "postgres is not available at present");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn every_route_that_is_described_is_there() {
    let system = System::open().await;
    let described = system.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await;
    let paths = described.body["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "only {}", paths.len());
    for path in paths.keys() {
        let request = Request::get(path.replace("{id}", &Uuid::now_v7().to_string())).body(Body::empty()).unwrap();
        // Who is unknown is told so before anything else; a route that is not there would be a 404.
        assert_eq!(system.send(request).await.status, 401, "{path}");
    }
}
