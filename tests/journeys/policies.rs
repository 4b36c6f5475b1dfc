//! Policies: what follows from something elsewhere is done once, whoever is killed, lost or begun anew.

use std::fs;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, Receipt, System, Tenant, eventually, mended};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn who_leaves_gives_back_the_work_once() {
    let system = System::running();
    mended(somebody_leaves(&system), system.mend()).await;
}

async fn somebody_leaves(system: &System) {
    let tenant = Tenant::begin(system, "policies").await;
    let first = work(&tenant, &tenant.agent, 3).await;
    // Both die before it is answered.
    let left = leaves(&tenant, &tenant.agent).await;
    system.services(&["kill", "policies", "command-api"]).await;
    system.services(&["start", "command-api", "policies"]).await;
    system.services(&["wait", "command-api", "policies"]).await;
    answers(&tenant, 6).await;
    for incident in &first {
        given_back(&tenant, *incident).await;
    }

    both_are_begun_anew(&tenant).await;
    its_cause_is_known(&tenant, first[0], &left).await;
    the_runner_is_away(&tenant).await;
}

/// The books know from the journals what was done, whatever the runner gives once more.
async fn both_are_begun_anew(tenant: &Tenant) {
    let system = &tenant.system;
    system.services(&["kill", "policies", "command-api"]).await;
    fs::remove_dir_all(system.state().join("store/command-api")).unwrap();
    system.postgres("DELETE FROM daybook.checkpoints WHERE sink = 'policies'").await;
    system.postgres("DROP TABLE daybook.policy_heard, daybook.policy_memory, daybook.policy_rejections").await;
    system.services(&["start", "command-api", "policies"]).await;
    system.services(&["wait", "command-api", "policies"]).await;
    // Who leaves now is answered after all that was heard before.
    let last = member(tenant, "Last").await;
    let incident = work(tenant, &last, 1).await[0];
    leaves(tenant, &last).await;
    answers(tenant, 8).await;
    given_back(tenant, incident).await;
}

/// Given by hand, the first command of that answer is done already.
async fn its_cause_is_known(tenant: &Tenant, incident: Uuid, left: &Receipt) {
    let runner = Caller::with_roles(&tenant.system, "platform", Uuid::new_v4(), &["policy"]).await;
    let heard = format!(
        "SELECT book_number FROM daybook.entries WHERE context = 'identity' AND tenant = '{}' \
         AND aggregate_id = '{}' ORDER BY number DESC LIMIT 1",
        tenant.id, left.id
    );
    let number = &tenant.system.postgres(&heard).await[0][0];
    let note = json!({ "body": "again", "visibility": "internal" });
    let cause = format!("policy=leaver;source=identity/{}#{number};step=0;depth=1", tenant.id);
    let again = runner.post(&format!("incidents/{incident}/add_comment"), note);
    let again = again.header("Daybook-Cause", &cause).header("Daybook-Tenant", &tenant.id.to_string());
    assert_eq!(again.answered().await["already"], json!(true));
    answers(tenant, 8).await;
}

/// While nothing is answered users leave and incidents go their way.
async fn the_runner_is_away(tenant: &Tenant) {
    let system = &tenant.system;
    let (anna, bert) = (member(tenant, "Anna").await, member(tenant, "Bert").await);
    let [resolved, kept, of_anna] = work(tenant, &anna, 3).await[..] else { unreachable!() };
    let of_bert = work(tenant, &bert, 1).await[0];
    system.services(&["stop", "policies"]).await;
    leaves(tenant, &anna).await;
    leaves(tenant, &bert).await;
    let resolution = json!({ "resolution_code": "solved", "resolution_notes": "It was the cable." });
    tell(tenant, resolved, "resolve", resolution).await;
    let keeper = member(tenant, "Kim").await;
    give(tenant, kept, &keeper).await;

    // Four notes, and two of four assignments: one changes nothing, one is rejected.
    system.services(&["start", "policies"]).await;
    system.services(&["wait", "policies"]).await;
    answers(tenant, 14).await;
    given_back(tenant, of_anna).await;
    given_back(tenant, of_bert).await;
    assert_eq!(assignee(tenant, kept).await, json!(keeper.user), "who was given it since keeps it");
    assert_eq!(assignee(tenant, resolved).await, json!(anna.user));
    what_was_rejected_is_done_later(tenant, resolved).await;
}

/// The command that was rejected is listed, and given once more when somebody asks for it.
async fn what_was_rejected_is_done_later(tenant: &Tenant, incident: Uuid) {
    let system = &tenant.system;
    let ours = async || {
        let said = system.daybook(&["policies", "rejected", "--policy", "leaver", "--json"]).await.unwrap();
        let all = said.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        all.filter(|one| one["aggregate"] == json!(incident)).collect::<Vec<_>>()
    };
    let rejected = ours().await;
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!(rejected[0]["command"], "assign");
    assert_eq!(rejected[0]["code"], "INVALID_TRANSITION");
    let open = async || system.figure("policies", "daybook_policy_rejections_open{policy=\"leaver\"}").await;
    let before = open().await;
    assert!(before >= 1.0, "{before}");

    // Nothing has changed, and so does the answer not.
    let id = rejected[0]["id"].to_string();
    let refused = system.daybook(&["policies", "retry", &id]).await.unwrap_err();
    assert!(refused.contains("INVALID_TRANSITION") && refused.contains("1 of 1 were rejected once more"), "{refused}");
    answers(tenant, 14).await;

    // Later steps of the same answer are done long since: it is done nevertheless, and once.
    tell(tenant, incident, "reopen", json!({ "reason": "The cable broke again" })).await;
    let done = system.daybook(&["policies", "retry", &id]).await.unwrap();
    assert!(done.lines().any(|line| line.starts_with(&id) && line.contains("done")), "{done}");
    answers(tenant, 15).await;
    given_back(tenant, incident).await;
    assert_eq!(ours().await, Vec::<Json>::new(), "it is listed no more");
    let done = system.daybook(&["policies", "retry", &id]).await.unwrap();
    assert!(done.lines().any(|line| line.starts_with(&id) && line.contains("done")), "{done}");
    eventually("the figure of open rejections falls", 5, async || match open().await {
        now if now == before - 1.0 => Ok(()),
        now => Err(format!("{now} of {before}")),
    })
    .await;

    // The book knows it too, even of a command that would change something.
    let runner = Caller::with_roles(system, "platform", Uuid::new_v4(), &["policy"]).await;
    let said = |key: &str| rejected[0][key].to_string().replace('"', "");
    let (tenant_id, number, step) = (said("tenant"), said("book_number"), said("step"));
    let cause = format!("policy=leaver;source=identity/{tenant_id}#{number};step={step};depth=1;retry=1");
    let note = json!({ "body": "again", "visibility": "internal" });
    let again = runner.post(&format!("incidents/{incident}/add_comment"), note);
    let again = again.header("Daybook-Cause", &cause).header("Daybook-Tenant", &tenant_id);
    assert_eq!(again.answered().await["already"], json!(true));
    answers(tenant, 15).await;
}

/// Another agent of the tenant's desk.
async fn member(tenant: &Tenant, name: &str) -> Caller {
    let email = format!("{}@{}.example", name.to_lowercase(), tenant.id.simple());
    let user = tenant.admin.give("users", json!({ "name": name, "email": email })).await.id;
    tenant.first.give(&format!("groups/{}/add_member", tenant.desk), json!({ "user": user })).await;
    Caller::with_roles(&tenant.system, &tenant.id.to_string(), user, &["agent"]).await
}

/// So many incidents that somebody has to work on, the oldest first.
async fn work(tenant: &Tenant, whose: &Caller, count: usize) -> Vec<Uuid> {
    let mut incidents = Vec::new();
    for n in 0..count {
        let incident = tenant.admin.give("incidents", tenant.report(&format!("Work {n}"))).await.id;
        give(tenant, incident, whose).await;
        incidents.push(incident);
    }
    incidents
}

async fn give(tenant: &Tenant, incident: Uuid, to: &Caller) {
    tell(tenant, incident, "assign", json!({ "group": tenant.desk, "assignee": to.user })).await;
}

/// Who runs the tenant gives a command to an incident: agents come and go here.
async fn tell(tenant: &Tenant, incident: Uuid, command: &str, body: Json) -> Receipt {
    tenant.admin.give(&format!("incidents/{incident}/{command}"), body).await
}

async fn leaves(tenant: &Tenant, who: &Caller) -> Receipt {
    tenant.admin.give(&format!("users/{}/deactivate", who.user), json!({})).await
}

/// Insists that the leaver has caused so many entries of the tenant, once all of what it has heard is answered.
async fn answers(tenant: &Tenant, expected: usize) {
    let id = tenant.id;
    let waiting = format!("SELECT count(*) FROM daybook.policy_heard WHERE tenant = '{id}'");
    let caused =
        format!("SELECT count(*) FROM daybook.entries WHERE tenant = '{id}' AND actor = 'service/policy/leaver'");
    eventually(&format!("{expected} answers and nothing that waits"), 20, async || {
        let (caused, waiting) = (tenant.system.postgres(&caused).await, tenant.system.postgres(&waiting).await);
        match (caused[0][0].parse::<usize>().unwrap(), waiting[0][0].as_str()) {
            (more, _) if more > expected => panic!("{more} answers instead of {expected}"),
            (found, "0") if found == expected => Ok(()),
            (found, waiting) => Err(format!("{found} answers, {waiting} entries wait")),
        }
    })
    .await;
}

async fn assignee(tenant: &Tenant, incident: Uuid) -> Json {
    tenant.admin.get(&format!("incidents/{incident}")).answered().await["assignee"].clone()
}

/// Insists that the desk has the incident, and nobody of it.
async fn given_back(tenant: &Tenant, incident: Uuid) {
    let found = tenant.admin.get(&format!("incidents/{incident}")).answered().await;
    assert_eq!((&found["assignee"], &found["group"]), (&Json::Null, &json!(tenant.desk)), "{found}");
}
