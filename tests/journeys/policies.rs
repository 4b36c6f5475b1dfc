//! Policies: what follows from something elsewhere is done once, whoever is killed, lost or begun anew.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::system::{Caller, System, Tenant, mended};

/// Longer than an answer takes.
const SETTLED: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn who_leaves_gives_back_the_work_once() {
    let system = System::running();
    mended(somebody_leaves(&system), system.mend()).await;
    system.services(&["stop", "policies"]).await;
}

async fn somebody_leaves(system: &System) {
    system.services(&["start", "policies"]).await;
    system.services(&["wait", "policies"]).await;
    let tenant = Tenant::begin(system, "policies").await;
    let mut incidents = Vec::new();
    for n in 0..3 {
        let incident = tenant.incident(&format!("Work {n}")).await.id;
        tenant.assign(incident).await;
        incidents.push(incident);
    }
    // The command API dies and loses its store, the runner dies before it has answered.
    let left = tenant.admin.give(&format!("users/{}/deactivate", tenant.agent.user), json!({})).await;
    system.services(&["kill", "policies", "command-api"]).await;
    system.services(&["start", "command-api", "policies"]).await;
    system.services(&["wait", "command-api", "policies"]).await;
    assert_eq!(answers(system, tenant.id, 6).await, 6);

    // Begun anew it hears everything again.
    system.services(&["kill", "policies"]).await;
    system.postgres("DELETE FROM daybook.checkpoints WHERE sink = 'policies'").await;
    system.postgres("DROP TABLE daybook.policy_heard, daybook.policy_memory").await;
    system.services(&["start", "policies"]).await;
    system.services(&["wait", "policies"]).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(answers(system, tenant.id, 6).await, 6);
    let id = tenant.id;
    let open = format!("SELECT count(*) FROM incident.incidents WHERE tenant = '{id}' AND doc->>'assignee' IS NULL");
    assert_eq!(system.postgres(&open).await, [["3"]]);

    // And by hand: its cause is known.
    let runner = Caller::with_roles(system, "platform", Uuid::new_v4(), &["policy"]).await;
    let heard = format!(
        "SELECT book_number FROM daybook.entries WHERE context = 'identity' AND tenant = '{id}' \
         AND aggregate_id = '{}' ORDER BY number DESC LIMIT 1",
        left.id
    );
    let number = &system.postgres(&heard).await[0][0];
    let note = json!({ "body": "again", "visibility": "internal" });
    let cause = format!("policy=leaver;source=identity/{}#{number};step=0;depth=1", tenant.id);
    let again = runner.post(&format!("incidents/{}/add_comment", incidents[0]), note);
    let again = again.header("Daybook-Cause", &cause).header("Daybook-Tenant", &tenant.id.to_string());
    assert_eq!(again.answered().await["already"], json!(true));
    assert_eq!(answers(system, tenant.id, 6).await, 6);
}

/// How many entries of a tenant the leaver has caused, once there are as many or the time is up.
async fn answers(system: &System, tenant: Uuid, expected: usize) -> usize {
    let count =
        format!("SELECT count(*) FROM daybook.entries WHERE tenant = '{tenant}' AND actor = 'service/policy/leaver'");
    let mut found = 0;
    for _ in 0..80 {
        found = system.postgres(&count).await[0][0].parse().unwrap();
        if found >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    found
}
