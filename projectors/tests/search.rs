//! The search sink on a real OpenSearch: what can be found, by whom it is written, and what happens when it cannot be.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::{sync::Arc, time::Duration};

use daybook_projectors::{
    follow::Bounds,
    search::{Options, SearchSink, store::Store},
    view::Family,
};
use daybook_schemas::Sealer;
use daybook_vault::Vault;
use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;
use world::{Running, World, assigned, created, resolved, until};

const BOUNDS: Bounds = Bounds { entries: 500, bytes: 1 << 20, pace: Duration::from_millis(20) };

struct Indexes {
    world: World,
    store: Store,
}

impl Indexes {
    async fn new(name: &str) -> Indexes {
        let world = World::new(name).await;
        let store = Store::new(&world.stack.opensearch.url).unwrap();
        Indexes { world, store }
    }

    fn start(&self) -> Running {
        let options = Options {
            sink: "search",
            prefix: format!("{}-", self.world.apart),
            replicas: 0,
            vault: Vault::derived(Sealer::new(&[7; 32])),
            journal: self.world.journal.clone(),
            partitions: self.world.partitions(),
            bounds: BOUNDS,
        };
        self.world.run(SearchSink::new(self.store.clone(), options, daybook_platform::Shutdown::new()), BOUNDS.pace)
    }

    fn alias(&self) -> String {
        format!("{}-incident-incidents", self.world.apart)
    }

    async fn found(&self, query: Json) -> Vec<Json> {
        let path = format!("{}/_search?version=true&size=1000", self.alias());
        match self.store.must(Method::POST, &path, Some(json!({ "query": query }))).await {
            Ok(mut answer) => answer["hits"]["hits"].as_array_mut().map(std::mem::take).unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    async fn expect(&self, query: Json, hits: usize) {
        until(&format!("{query} finds {hits}"), || async { self.found(query.clone()).await.len() == hits }).await;
    }

    async fn end(self, running: Running) {
        running.stop().await;
        let found = self
            .store
            .must(Method::GET, &format!("_cat/indices/{}-*?format=json", self.world.apart), None)
            .await
            .unwrap();
        for index in found.as_array().unwrap() {
            self.store.must(Method::DELETE, index["index"].as_str().unwrap(), None).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_is_found_by_its_words_and_its_state_is_folded() {
    let indexes = Indexes::new("words").await;
    let running = indexes.start();
    let (tenant, group) = (Uuid::new_v4(), Uuid::new_v4());
    let (id, _) = indexes.world.report(tenant, 1, "The printer is on fire").await;
    indexes.expect(json!({ "match": { "short_description": "printer" } }), 1).await;
    indexes.world.write(tenant, vec![("incident.assigned", id, 2, assigned(group))]).await;
    indexes
        .expect(
            json!({ "bool": { "filter": [{ "term": { "group": group } }, { "term": { "status": "assigned" } }] } }),
            1,
        )
        .await;
    let begun =
        json!({ "multi_match": { "query": "the prin", "type": "bool_prefix", "fields": ["short_description"] } });
    indexes.expect(begun, 1).await;
    let hit = indexes.found(json!({ "term": { "tenant": tenant } })).await.remove(0);
    assert_eq!(hit["_version"], 2);
    assert_eq!(hit["_id"], format!("{tenant}:{id}"));
    assert!(hit["_source"]["_state"]["doc"]["short_description"]["sealed"].is_object(), "the state stays sealed");
    assert_eq!(hit["_source"]["short_description"], "The printer is on fire");
    indexes.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_two_instances_lose_and_repeat_nothing() {
    let indexes = Indexes::new("kills").await;
    let (one, mut other) = (indexes.start(), indexes.start());
    let tenant = Uuid::new_v4();
    let mut ids = Vec::new();
    for number in 1..=60 {
        ids.push(indexes.world.report(tenant, number, "again").await.0);
        if number % 15 == 0 {
            other.kill().await;
            other = indexes.start();
        }
    }
    one.kill().await;
    for id in &ids {
        indexes
            .world
            .write(
                tenant,
                vec![("incident.assigned", *id, 2, assigned(Uuid::nil())), ("incident.resolved", *id, 3, resolved())],
            )
            .await;
    }
    indexes
        .expect(
            json!({ "bool": { "filter": [{ "term": { "version": 3 } }, { "term": { "status": "resolved" } }] } }),
            60,
        )
        .await;
    indexes.end(other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_may_only_be_read_is_waited_for() {
    let indexes = Indexes::new("readonly").await;
    let running = indexes.start();
    let tenant = Uuid::new_v4();
    indexes.world.report(tenant, 1, "one").await;
    indexes.expect(json!({ "match_all": {} }), 1).await;
    let block = |on: bool| json!({ "index.blocks.read_only_allow_delete": on.then_some(true) });
    indexes.store.must(Method::PUT, &format!("{}/_settings", indexes.alias()), Some(block(true))).await.unwrap();
    indexes.world.report(tenant, 2, "two").await;
    until("the projector says that it cannot write", || async { !running.health.is_ready() }).await;
    indexes.store.must(Method::PUT, &format!("{}/_settings", indexes.alias()), Some(block(false))).await.unwrap();
    indexes.expect(json!({ "match_all": {} }), 2).await;
    until("the projector is ready again", || async { running.health.is_ready() }).await;
    indexes.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_another_release_is_built_again_beside_it() {
    let indexes = Indexes::new("build").await;
    let running = indexes.start();
    let tenant = Uuid::new_v4();
    for number in 1..=10 {
        indexes.world.report(tenant, number, "old").await;
    }
    indexes.expect(json!({ "match_all": {} }), 10).await;
    running.stop().await;
    let old = format!("{}-incident-incidents-00000000", indexes.world.apart);
    let family = Family::all().into_iter().find(|family| family.name() == "incident.incidents").unwrap();
    let own = format!("{}-{}", indexes.alias(), &family.declaration[..8]);
    indexes.store.must(Method::PUT, &old, Some(json!({}))).await.unwrap();
    let actions = json!({ "actions": [{ "remove": { "index": own, "alias": indexes.alias() } }, { "add": { "index": old, "alias": indexes.alias() } }] });
    indexes.store.must(Method::POST, "_aliases", Some(actions)).await.unwrap();
    indexes.store.must(Method::DELETE, &own, None).await.unwrap();
    let running = indexes.start();
    indexes.world.report(tenant, 11, "new").await;
    indexes.expect(json!({ "match_all": {} }), 11).await;
    assert_eq!(indexes.store.target(&indexes.alias()).await.unwrap(), Some(own));
    indexes.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_that_cannot_be_opened_is_parked() {
    let indexes = Indexes::new("sealed").await;
    let running = indexes.start();
    let (good, bad) = (Uuid::new_v4(), Uuid::new_v4());
    // Sealed for another tenant: its key does not open it.
    let event = indexes.world.event(good, "incident.created", Uuid::now_v7(), 1, &created(1, "sealed for another"));
    indexes.world.write_raw(bad, vec![event]).await;
    indexes.world.report(good, 1, "goes on").await;
    indexes.expect(json!({ "term": { "tenant": good } }), 1).await;
    indexes.expect(json!({ "term": { "tenant": bad } }), 0).await;
    let index = format!("{}-daybook-checkpoints", indexes.world.apart);
    until("the book is parked", || async {
        let kept = indexes.store.read(&index, "search").await.unwrap();
        kept.is_some_and(|(kept, _)| kept["parked"][0]["tenant"] == bad.to_string())
    })
    .await;
    indexes.end(running).await;
}
