//! Kills: every process dies in the middle of the work, and it is as if none had.

use std::{sync::Arc, time::Duration};

use crate::system::{PROJECTORS, System, Tenant, load::Load, mended, root};

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
