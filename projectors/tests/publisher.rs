//! The publisher on a real Kafka: each event once and in order, nothing personal, also when it is killed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::{collections::HashMap, time::Duration};

use daybook_journal::Outlet;
use daybook_projectors::publisher::{Forms, Publisher};
use daybook_schemas::public::PublicEvent;
use uuid::Uuid;
use world::{PARTITIONS, Running, World, assigned, resolved, until};

fn forms() -> Forms {
    let kinds = daybook_contents::kinds();
    let events = kinds.flat_map(|kind| {
        (0..kind.events().len()).map(move |event| (kind.wire_name(event), (PublicEvent::new(kind, event), 7)))
    });
    events.collect()
}

fn start(world: &World) -> Running {
    world.run(Publisher::new(world.journal.clone(), world.partitions(), forms()), Duration::ZERO)
}

/// The id of the last record of each partition, and its headers.
async fn last(world: &World) -> Vec<HashMap<String, String>> {
    let topic = world.topic().replace("journal.", "public.");
    let settings = world.journal.clone();
    let last = tokio::task::spawn_blocking(move || {
        let outlet = Outlet::new(&settings, &topic);
        (0..PARTITIONS).map(|partition| outlet.last(partition, Duration::from_secs(10)).unwrap()).collect::<Vec<_>>()
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = |record: daybook_journal::PublicRecord| {
        let mut headers: HashMap<_, _> =
            record.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        headers.insert("key".into(), text(&record.key));
        headers.insert("value".into(), text(&record.value));
        headers
    };
    last.await.unwrap().into_iter().map(|record| record.map(headers).unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_published_as_a_cloud_event_without_what_is_personal() {
    let world = World::new("cloud").await;
    let running = start(&world);
    let tenant = Uuid::new_v4();
    let (id, _) = world.report(tenant, 1, "secret words").await;
    let position = world
        .write(
            tenant,
            vec![("incident.assigned", id, 2, assigned(Uuid::nil())), ("incident.resolved", id, 3, resolved())],
        )
        .await;
    let partition = usize::try_from(position.partition).unwrap();
    let expected = format!("{position}#1");
    until("both events are published", || async { last(&world).await[partition].get("ce_id") == Some(&expected) })
        .await;
    let record = last(&world).await.remove(partition);
    assert_eq!(record["ce_type"], "incident.resolved");
    assert_eq!(record["ce_subject"], id.to_string());
    assert_eq!(record["key"], id.to_string());
    assert_eq!(record["content-type"], "application/avro");
    assert_eq!(record["ce_traceparent"].len(), 55);
    assert!(record["ce_dataschema"].starts_with("urn:sha256:"));
    assert!(!record["value"].contains("replaced"), "notes on a resolution are personal");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_is_killed_goes_on_where_it_stopped() {
    let world = World::new("resume").await;
    let tenant = Uuid::new_v4();
    let mut running = start(&world);
    let mut position = None;
    for number in 1..=20 {
        position = Some(world.report(tenant, number, "again").await.1);
        if number % 7 == 0 {
            running.kill().await;
            running = start(&world);
        }
    }
    let position = position.unwrap();
    let partition = usize::try_from(position.partition).unwrap();
    until("all events are published", || async {
        last(&world).await[partition].get("ce_id") == Some(&format!("{position}#0"))
    })
    .await;
    running.stop().await;
    // Nothing comes twice: the offset of the last record is the number of events before it.
    let running = start(&world);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(last(&world).await[partition]["ce_id"], format!("{position}#0"));
    running.stop().await;
}
