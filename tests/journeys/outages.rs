//! Outages: a component is away for a while. What needs it says so; everything else goes on; nothing is lost.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value as Json, json};

use crate::system::{Ask, PROJECTORS, System, Tenant, eventually, fresh, journal::Journal, mended};

/// How long a component is away: longer than every time limit on the way.
const AWAY: Duration = Duration::from_secs(30);

/// No projector has parked a book: an outage is no fault of an entry.
async fn nothing_is_parked(system: &System) {
    for projector in PROJECTORS {
        let (status, words) = system.health(projector).await;
        assert_eq!((status, &words["notes"]["parked"]), (200, &Json::Null), "{projector}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn without_the_broker_commands_are_refused_and_none_is_half_done() {
    let system = System::running();
    mended(without_the_broker(&system), system.mend()).await;
}

async fn without_the_broker(system: &System) {
    let tenant = Tenant::begin(system, "outages").await;
    let before = tenant.incident("Before").await;
    tenant.agent.read("incidents", &before.position).await;
    let report = |title: &str| tenant.agent.post("incidents", tenant.report(title));

    system.stack(&["kill", "kafka"]).await;
    let killed = Instant::now();
    // Those that come first do not know yet; they are told when there is no outcome in time.
    let early: Vec<Ask> = (0..20).map(|n| report(&format!("early {n}"))).collect();
    for answer in join_all(early.iter().map(Ask::send)).await {
        match answer.status {
            503 => assert!(!answer.header("retry-after").is_empty(), "{answer:?}"),
            504 => assert!(!answer.header("idempotency-key").is_empty(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    // Those that come later are told at once.
    let late: Vec<Ask> = (0..20).map(|n| report(&format!("late {n}"))).collect();
    let asked = Instant::now();
    for answer in join_all(late.iter().map(Ask::send)).await {
        let after: u64 = answer.refused(503, "UNAVAILABLE").header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&after), "{answer:?}");
    }
    assert!(asked.elapsed() < Duration::from_secs(3), "refused only after {:?}", asked.elapsed());
    let (status, words) = system.health("command-api").await;
    assert!(status == 503 && words["not_ready"] == json!(["journals"]), "{status} {words}");
    // What is there can still be read.
    let page = tenant.agent.get("incidents").position(&before.position).send().await;
    assert_eq!((page.status, page.body["items"].as_array().map(Vec::len)), (200, Some(1)), "{page:?}");

    tokio::time::sleep(AWAY.saturating_sub(killed.elapsed())).await;
    system.stack(&["start", "kafka"]).await;
    system.stack(&["wait", "kafka"]).await;
    let back = Instant::now();
    // Each under its own key, once more: now there is a definite answer.
    let receipts = join_all(early.iter().chain(&late).map(Ask::accepted)).await;
    assert!(back.elapsed() < Duration::from_secs(30), "whole only {:?} after the broker", back.elapsed());
    let journal = Journal::read(system, "journal.incident").await;
    let entries = journal.of(tenant.id);
    assert_eq!(entries.len(), 41, "each exactly once");
    for (ask, receipt) in early.iter().chain(&late).zip(&receipts) {
        let found: Vec<_> =
            entries.iter().filter(|entry| entry.command == ask.key_said()).map(|entry| &entry.position).collect();
        assert_eq!(found, [&receipt.position]);
    }
    let last = receipts.iter().max_by_key(|receipt| receipt.entry()).unwrap();
    let page = tenant.agent.read("incidents", &last.position).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(41));
    system.services(&["wait"]).await;
    nothing_is_parked(system).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn without_postgres_commands_go_on_and_nobody_is_told_what_may_not_be_theirs() {
    let system = System::running();
    mended(without_postgres(&system), system.mend()).await;
}

async fn without_postgres(system: &System) {
    let tenant = Tenant::begin(system, "outages").await;
    let word = fresh("smoke");
    let before = tenant.incident(&word).await;
    tenant.agent.read(&format!("search?q={word}"), &before.position).await;

    system.stack(&["kill", "postgres"]).await;
    let killed = Instant::now();
    // The keys of personal data lie there: without a key nothing personal is sealed, so nothing is decided.
    let keyless = tenant.agent.post("incidents", tenant.report("Without a key")).send().await;
    assert!(!keyless.refused(503, "UNAVAILABLE").header("retry-after").is_empty(), "{keyless:?}");
    // What says nothing personal is decided as ever.
    let receipt = tenant.assign(before.id).await;
    let list = tenant.agent.get("incidents").position(&receipt.position).send().await;
    list.refused(503, "UNAVAILABLE");
    assert!(list.message().contains("postgres") && !list.header("retry-after").is_empty(), "{list:?}");
    tenant.agent.get(&format!("incidents/{}", receipt.id)).send().await.refused(503, "UNAVAILABLE");
    // The other stores are there, and who may see what of them stands in the identity book's views.
    for path in [format!("search?q={word}"), "metrics/incidents/volume".to_owned()] {
        let unknown = tenant.agent.get(&path).position(&receipt.position).send().await;
        assert!(unknown.refused(503, "UNAVAILABLE").message().contains("postgres"), "{unknown:?}");
    }
    for other in ["command-api", "projector-clickhouse", "publisher"] {
        assert_eq!(system.health(other).await.0, 200, "{other} must go on");
    }
    let words = eventually("the projector says what it waits for", 10, async || {
        match system.health("projector-postgres").await {
            (503, words) => Ok(words),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(words.await["not_ready"], json!(["postgres"]));
    tokio::time::sleep(AWAY.saturating_sub(killed.elapsed())).await;

    system.stack(&["start", "postgres"]).await;
    system.stack(&["wait", "postgres"]).await;
    let last = tenant.incident("After").await;
    let page = tenant.agent.read("incidents", &last.position).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "nothing is lost, and nothing was half done");
    let found = tenant.agent.read(&format!("search?q={word}"), &last.position).await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    system.services(&["wait"]).await;
    nothing_is_parked(system).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn without_clickhouse_only_the_figures_wait() {
    let system = System::running();
    mended(without_clickhouse(&system), system.mend()).await;
}

async fn without_clickhouse(system: &System) {
    let tenant = Tenant::begin(system, "outages").await;
    let word = fresh("smoke");
    tenant.incident("Before").await;

    system.stack(&["kill", "clickhouse"]).await;
    let receipt = tenant.incident(&word).await;
    let volume = tenant.agent.get("metrics/incidents/volume").position(&receipt.position).send().await;
    volume.refused(503, "UNAVAILABLE");
    assert!(volume.message().contains("clickhouse") && !volume.header("retry-after").is_empty(), "{volume:?}");
    let page = tenant.agent.get("incidents").position(&receipt.position).answered().await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let found = tenant.agent.get(&format!("search?q={word}")).position(&receipt.position).answered().await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");

    system.stack(&["start", "clickhouse"]).await;
    system.stack(&["wait", "clickhouse"]).await;
    tenant.agent.read("metrics/incidents/volume", &receipt.position).await;
    let counted = format!(
        "SELECT count() AS n, uniqExact(event_id) AS one FROM daybook.events WHERE tenant = '{}' AND context = 'incident'",
        tenant.id
    );
    assert_eq!(system.clickhouse(&counted).await, [json!({ "n": 2, "one": 2 })]);
    system.services(&["wait"]).await;
    nothing_is_parked(system).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_search_that_takes_nothing_in_is_behind_and_says_so() {
    let system = System::running();
    let mend = async {
        block(&system, Json::Null).await;
        system.mend().await;
    };
    mended(without_room_for_search(&system), mend).await;
}

/// Lets the search store take nothing in, as it does itself when its disk is nearly full; `null` takes that back.
async fn block(system: &System, on: Json) {
    let asked = json!({ "index.blocks.read_only_allow_delete": on });
    system.opensearch("PUT", "_all/_settings?expand_wildcards=all", asked).await;
}

async fn without_room_for_search(system: &System) {
    let tenant = Tenant::begin(system, "outages").await;
    let (old, new) = (fresh("smoke"), fresh("smoke"));
    let before = tenant.incident(&old).await;
    tenant.agent.read(&format!("search?q={old}"), &before.position).await;

    block(system, json!(true)).await;
    let receipt = tenant.incident(&new).await;
    let behind = tenant.agent.get(&format!("search?q={new}")).position(&receipt.position).send().await;
    behind.refused(503, "UNAVAILABLE");
    assert!(behind.message().contains("opensearch is behind"), "{behind:?}");
    assert!(behind.message().contains("journal.incident/") && !behind.header("retry-after").is_empty(), "{behind:?}");
    let found = tenant.agent.get(&format!("search?q={old}")).position(&before.position).answered().await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "what is there can still be found");
    let page = tenant.agent.get("incidents").position(&receipt.position).answered().await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let (status, words) = system.health("projector-search").await;
    assert!(status == 503 && words["notes"]["parked"].is_null(), "it waits, and parks nobody for it: {words}");

    block(system, Json::Null).await;
    let found = tenant.agent.read(&format!("search?q={new}"), &receipt.position).await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    system.services(&["wait"]).await;
    nothing_is_parked(system).await;
}
