//! Kills: every process dies in the middle of the work, and it is as if none had.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{PROJECTORS, System, Tenant, fresh, load::Load, mended, root};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn what_was_acknowledged_is_everywhere_exactly_once() {
    let system = System::running();
    mended(everything_dies_once(&system), system.mend()).await;
}

async fn everything_dies_once(system: &System) {
    let tenant = Arc::new(Tenant::begin(system, "kills").await);
    let load = Load::begin(&tenant, 8, Duration::from_millis(100));
    load.go_on(50).await;

    system.crash("command-api").await;
    load.go_on(50).await;
    for projector in PROJECTORS {
        system.crash(projector).await;
        load.go_on(25).await;
    }
    system.crash_component("kafka").await;
    load.go_on(50).await;
    // Once more, now that it has read a journal with claims of several terms.
    system.crash("command-api").await;
    load.go_on(50).await;
    let known = load.end().await;

    assert!(known.repeats > 8, "the kills were not felt: {} repeats", known.repeats);
    assert!(known.accepted.len() > 300, "{} commands", known.accepted.len());
    known.is_in_the_journal(&tenant).await;
    system.services(&["wait"]).await;
    known.is_in_every_store(&tenant).await;
    // The same once more, by clients that share nothing with this program.
    let verify = ["verify.py", "--tenant", &tenant.id.to_string(), "--quick"];
    system.run(&root().join("tests/outside/run"), &verify).await.unwrap_or_else(|said| panic!("{said}"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_import_ends_as_if_nothing_had_died() {
    let system = System::running();
    mended(import_twice(&system), system.mend()).await;
}

/// Imports the demo's log into a new tenant; the tenant and what the import printed last.
async fn import(system: System, side_by_side: &'static str) -> (Uuid, Json) {
    let slug = fresh("import");
    let log = root().join("demo/incident_event_log.csv.gz");
    let arguments =
        ["import", "incidents", log.to_str().unwrap(), "--new-tenant", &slug, "--concurrency", side_by_side];
    let said = system.daybook(&arguments).await.unwrap_or_else(|said| panic!("{said}"));
    let mut figures: Json = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    for changing in ["seconds", "rows_per_s"] {
        figures.as_object_mut().unwrap().remove(changing);
    }
    let tenant = figures.as_object_mut().unwrap().remove("tenant").unwrap();
    (serde_json::from_value(tenant).unwrap(), figures)
}

async fn import_twice(system: &System) {
    let (undisturbed, expected) = import(system.clone(), "32").await;
    // Fewer at a time, so that it lasts longer than the killing.
    let disturbed = tokio::spawn(import(system.clone(), "8"));
    for victim in ["command-api"].into_iter().chain(PROJECTORS) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        system.crash(victim).await;
    }
    system.crash_component("kafka").await;
    assert!(!disturbed.is_finished(), "the import was over before the last kill");
    let (disturbed, figures) = disturbed.await.unwrap();
    assert_eq!(figures, expected);

    system.services(&["wait"]).await;
    let verify = ["verify.py", "--tenant", &disturbed.to_string(), "--quick"];
    system.run(&root().join("tests/outside/run"), &verify).await.unwrap_or_else(|said| panic!("{said}"));
    let (one, other) = (end_state(system, undisturbed).await, end_state(system, disturbed).await);
    assert_eq!(one.0.len(), 890);
    assert!(one == other, "the kills have left their mark");
}

/// Every incident of a tenant by its number in the log, with all that does not name ids or depend on who came first; and how
/// many events of each type ClickHouse holds, counted once and counted all.
async fn end_state(system: &System, tenant: Uuid) -> (Vec<Vec<String>>, Vec<Json>) {
    let told =
        ["status", "priority", "category", "reassignment_count", "reopen_count", "comments", "opened_at", "closed_at"];
    let told: Vec<_> = told.iter().map(|field| format!("doc->>'{field}'")).collect();
    let incidents = format!(
        "SELECT doc->>'external_number', version, {} FROM incident.incidents WHERE tenant = '{tenant}' ORDER BY 1",
        told.join(", ")
    );
    let events = format!(
        "SELECT type, count() AS n, uniqExact(event_id) AS once FROM daybook.events \
         WHERE tenant = '{tenant}' AND context = 'incident' GROUP BY type ORDER BY type"
    );
    let counted = system.clickhouse(&events).await;
    assert!(counted.iter().all(|row| row["n"] == row["once"] && row["n"] != json!(0)), "{counted:?}");
    (system.postgres(&incidents).await, counted)
}
