//! Rebuild: a view is built anew beside the live one and switched, while it is being read and written.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::system::{System, Tenant, load::Load};

/// The version of a view that is live.
async fn live(system: &System, view: &str) -> String {
    let rows = system
        .postgres(&format!("SELECT left(version, 8) FROM daybook.views WHERE view = '{view}' AND state = 'live'"))
        .await;
    assert_eq!(rows.len(), 1, "exactly one version of {view} is live");
    rows[0][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_view_is_rebuilt_while_it_is_read_and_written() {
    let system = System::running();
    let tenant = Arc::new(Tenant::begin(&system, "rebuild").await);
    let load = Load::begin(&tenant, 4, Duration::from_millis(50));
    load.go_on(50).await;
    let before = live(&system, "incident.incidents").await;
    let cursor = tenant.agent.get("incidents?limit=1").answered().await["next_cursor"].as_str().unwrap().to_owned();

    // Rows that come from no journal, as tests of the views put there, are not built again.
    let foreign = "SELECT count(*) FROM incident.incidents v WHERE NOT EXISTS \
         (SELECT FROM daybook.entries e WHERE e.tenant = v.tenant AND e.aggregate_id = v.id)";
    let foreign = system.postgres(foreign).await[0][0].clone();

    // Somebody reads all the while, and is never refused nor shown less than before.
    let (enough, read): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
    let reading = tokio::spawn({
        let (tenant, enough, read) = (Arc::clone(&tenant), Arc::clone(&enough), Arc::clone(&read));
        async move {
            let mut most = 0;
            while !enough.load(Ordering::Relaxed) {
                let page = tenant.agent.get("incidents?limit=200&fields=number").send().await;
                assert_eq!(page.status, 200, "{page:?}");
                let rows = page.body["items"].as_array().unwrap().len();
                assert!(rows >= most, "{rows} rows after {most}");
                most = rows;
                read.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let said = system.daybook(&["rebuild", "incident.incidents"]).await.unwrap_or_else(|said| panic!("{said}"));
    assert!(said.contains("is live in version"), "{said}");
    let compared = format!("rows only in the old version {foreign}, only in the new one 0, different 0");
    assert!(said.contains(&compared), "{said}");
    let rebuilt = live(&system, "incident.incidents").await;
    assert_ne!(rebuilt, before);
    let old = tenant.agent.get(&format!("incidents?limit=1&cursor={cursor}")).send().await;
    old.refused(410, "GONE");
    load.go_on(25).await;

    // And back again, to what has been kept up to date or is brought up to date before.
    system.daybook(&["rebuild", "incident.incidents", "--back"]).await.unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(live(&system, "incident.incidents").await, before);
    load.go_on(25).await;
    let known = load.end().await;
    enough.store(true, Ordering::Relaxed);
    reading.await.unwrap();
    assert!(read.load(Ordering::Relaxed) > 20, "{read:?} readings");
    known.is_in_the_journal(&tenant).await;
    known.is_in_every_store(&tenant).await;

    let unknown = system.daybook(&["rebuild", "incident.tickets"]).await.unwrap_err();
    assert!(unknown.contains("there is no view incident.tickets; there are cmdb.configuration_items"), "{unknown}");
}
