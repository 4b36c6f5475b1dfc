//! Figures: volume and backlog, from facts as ClickHouse's projector writes them.

use daybook_platform::settings;
use daybook_query_api::settings::Settings;
use uuid::Uuid;

use crate::system::{Asker, System, state};

/// Puts facts into ClickHouse as its projector does: day, group, was in which group, what happened, whether it was and is open.
async fn put(settings: &Settings, tenant: Uuid, facts: &[(&str, u128, u128, &str, u8, u8)]) {
    let rows: Vec<_> = facts
        .iter()
        .enumerate()
        .map(|(n, (at, group, was_group, fact, was_open, is_open))| {
            let (id, group, was) = (Uuid::from_u128(7), Uuid::from_u128(*group), Uuid::from_u128(*was_group));
            format!("('{tenant}','{id}',{n},'{fact}','{at} 12:00:00','new',{is_open},'{group}','mail','1-critical',{was_open},'{was}','mail','{at}')")
        })
        .collect();
    let statement = format!(
        "INSERT INTO incident_facts (tenant, id, version, fact, at, status, is_open, `group`, category, priority, was_open, was_group, \
         was_category, opened_at) VALUES {}",
        rows.join(",")
    );
    let password = std::fs::read_to_string(state().join("secrets/clickhouse-projector")).unwrap();
    let database =
        format!("{}/?database={}", settings.clickhouse.url.trim_end_matches('/'), settings.clickhouse.database);
    let sent = reqwest::Client::new()
        .post(database)
        .header("X-ClickHouse-User", "daybook_projector")
        .header("X-ClickHouse-Key", password)
        .body(statement)
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success(), "{}", sent.text().await.unwrap());
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn volume_and_backlog_follow_from_what_happened() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let settings: Settings = settings::load().unwrap();
    put(
        &settings,
        tenant,
        &[
            ("2020-01-01", 0, 0, "created", 0, 1),
            ("2020-01-02", 5, 0, "assigned", 1, 1),
            ("2020-01-04", 5, 5, "resolved", 1, 0),
            ("2020-01-05", 5, 5, "closed", 0, 0),
        ],
    )
    .await;
    let asker = Asker::of(tenant);
    let range = "from=2020-01-01&to=2020-01-05";

    let backlog = system.get(&asker, &format!("/metrics/incidents/backlog?{range}")).await;
    let open: Vec<_> =
        backlog.body["items"].as_array().unwrap().iter().map(|item| item["open"].as_i64().unwrap()).collect();
    assert_eq!(open, [1, 1, 1, 0, 0], "{}", backlog.body);
    let by_group = system.get(&asker, &format!("/metrics/incidents/backlog?{range}&by=day,group,category")).await;
    let group = Uuid::from_u128(5).to_string();
    assert_eq!(
        by_group.body["items"][0],
        serde_json::json!({ "day": "2020-01-01", "group": null, "category": "mail", "open": 1 })
    );
    assert_eq!(
        by_group.body["items"][1],
        serde_json::json!({ "day": "2020-01-02", "group": group, "category": "mail", "open": 1 })
    );
    let later = system.get(&asker, "/metrics/incidents/backlog?from=2020-01-03&to=2020-01-03&by=group").await;
    assert_eq!(later.body["items"], serde_json::json!([{ "group": group, "open": 1 }]));

    let volume = system.get(&asker, &format!("/metrics/incidents/volume?{range}&by=category")).await;
    assert_eq!(
        volume.body["items"],
        serde_json::json!([{ "category": "mail", "opened": 1, "resolved": 1, "closed": 1, "reopened": 0, "cancelled": 0 }])
    );
    let other = system.get(&Asker::of(Uuid::now_v7()), &format!("/metrics/incidents/volume?{range}")).await;
    assert_eq!(other.body["items"], serde_json::json!([]));
    let unread = system.get(&Asker::who_may(tenant, &["ci:read"]), "/metrics/incidents/volume").await;
    assert_eq!(unread.status, 403);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn figures_say_when_clickhouse_is_behind_or_away() {
    let system = System::open().await;
    let asker = Asker::of(Uuid::now_v7());
    let behind = system
        .get_with(&asker, "/metrics/incidents/volume", &[("daybook-position", "journal.incident/0#99999999999")])
        .await;
    assert_eq!((behind.status.as_u16(), behind.code()), (503, "UNAVAILABLE"));
    assert!(behind.body["error"]["message"].as_str().unwrap().starts_with("clickhouse is behind"), "{}", behind.body);

    let mut settings: Settings = settings::load().unwrap();
    settings.clickhouse.url = "http://127.0.0.1:9".into();
    settings.opensearch.url = "http://127.0.0.1:9".into();
    let system = System::with(settings).await;
    for (path, store) in [
        ("/metrics/incidents/backlog", "clickhouse"),
        ("/search?q=x", "opensearch"),
        ("/search/suggest?q=x", "opensearch"),
    ] {
        let away = system.get(&asker, path).await;
        assert_eq!((away.status.as_u16(), away.code()), (503, "UNAVAILABLE"), "{path}");
        assert_eq!(away.body["error"]["message"], format!("{store} is not available at present"));
        assert!(away.headers.contains_key("retry-after"));
    }
}
