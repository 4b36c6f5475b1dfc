//! The whole way: what somebody reports is seen by everybody who asks, wherever they ask, from the moment of the receipt.

use std::time::Duration;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, Receipt, System, Tenant, eventually, fresh, journal::Journal};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_report_is_seen_in_every_store_by_its_position() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let word = fresh("smoke");
    let body = tenant.report(&format!("The printer {word}"));
    let reported = tenant.agent.post("incidents", body).send().await;
    let receipt = reported.receipt();
    assert_eq!(
        (reported.status, receipt.version, receipt.number.as_deref()),
        (201, 1, Some("INC0000001")),
        "{reported:?}"
    );
    let id = receipt.id;
    assert_eq!(reported.header("location"), format!("/api/v1/incidents/{id}"));
    assert_eq!(reported.header("etag"), "\"1\"");
    assert_eq!(reported.header("daybook-position"), receipt.position);

    // Postgres: the list, the document, the timeline, the queue.
    let page = tenant.agent.read("incidents?status=new&fields=number,priority", &receipt.position).await;
    assert_eq!(
        page["items"],
        json!([{ "id": id, "version": 1, "number": "INC0000001", "priority": page["items"][0]["priority"] }])
    );
    let got = tenant.agent.get(&format!("incidents/{id}")).position(&receipt.position).send().await;
    assert_eq!((got.status, got.header("etag")), (200, "\"1\""), "{got:?}");
    assert_eq!(
        got.body["short_description"],
        format!("The printer {word}"),
        "personal fields are opened for the reader"
    );
    assert_eq!(got.body["caller"], json!(tenant.rita.user));
    let resolved = work(&tenant, id).await;

    let timeline = tenant.agent.read(&format!("incidents/{id}/timeline"), &resolved.position).await;
    let types: Vec<_> =
        timeline["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "incident.created",
            "incident.assigned",
            "incident.work_started",
            "incident.comment_added",
            "incident.resolved"
        ]
    );
    assert_eq!(timeline["items"][0]["data"]["short_description"], format!("The printer {word}"));
    assert_eq!(timeline["items"][0]["position"], receipt.position);
    assert_eq!(timeline["items"][4]["actor"], format!("user/{}", tenant.agent.user));
    let comments = tenant.agent.read(&format!("incidents/{id}/comments"), &resolved.position).await;
    assert_eq!(comments["items"][0]["body"], "On my way");

    // OpenSearch: found by a word of a personal field, counted by its facets.
    let found = tenant.agent.read(&format!("search?q={word}"), &resolved.position).await;
    assert_eq!(found["items"][0]["id"], json!(id), "{found}");
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["version"]), (1, &json!(5)));
    assert_eq!(found["facets"]["status"], json!([{ "value": "resolved", "count": 1 }]), "{found}");

    // ClickHouse: two opened, one resolved. An agent is told of the own group alone.
    let second = tenant.incident("Still open").await;
    let volume = tenant.first.read("metrics/incidents/volume", &second.position).await;
    assert_eq!((sum(&volume, "opened"), sum(&volume, "resolved")), (2, 1), "{volume}");
    let backlog = tenant.first.read("metrics/incidents/backlog", &second.position).await;
    assert_eq!(sum_of_last_day(&backlog, "open"), 1, "{backlog}");

    // Nothing personal leaves the two stores that hold it sealed or by right.
    let text = system.clickhouse(&format!("SELECT count() AS n FROM daybook.events WHERE data LIKE '%{word}%'")).await;
    assert_eq!(text[0]["n"], 0, "a personal field is in ClickHouse");
    let text =
        system.postgres(&format!("SELECT count(*) FROM incident.incidents WHERE doc::text LIKE '%{word}%'")).await;
    assert_eq!(text[0][0], "0", "a personal field is in Postgres in clear");
}

/// The desk takes it, comments and resolves it.
async fn work(tenant: &Tenant, id: Uuid) -> Receipt {
    tenant.assign(id).await;
    tenant.tell(id, "start", json!({})).await;
    tenant.tell(id, "add_comment", json!({ "body": "On my way", "visibility": "public" })).await;
    tenant.tell(id, "resolve", json!({ "resolution_code": "fixed", "resolution_notes": "Put out." })).await
}

fn sum(answer: &Json, name: &str) -> i64 {
    answer["items"].as_array().into_iter().flatten().filter_map(|item| item[name].as_i64()).sum()
}

fn sum_of_last_day(answer: &Json, name: &str) -> i64 {
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let last = items.iter().filter_map(|item| item["day"].as_str()).max().unwrap_or_default().to_owned();
    items.iter().filter(|item| item["day"] == last.as_str()).filter_map(|item| item[name].as_i64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn the_same_key_has_the_same_answer_also_after_a_crash() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let report = tenant.agent.post("incidents", tenant.report("The printer smokes"));
    let receipt = report.accepted().await;
    let assign = tenant.assign_ask(receipt.id);
    let assigned = assign.accepted().await;
    tenant.tell(receipt.id, "start", json!({})).await;

    assert_eq!(report.send().await.receipt(), receipt);
    assert_eq!(assign.send().await.receipt(), assigned, "although it could not be assigned to the same again");
    system.crash("command-api").await;
    assert_eq!(report.definite().await.receipt(), receipt, "after kill -9");
    assert_eq!(assign.definite().await.receipt(), assigned);
    tenant
        .agent
        .post("incidents", tenant.report("Another one"))
        .key(report.key_said())
        .send()
        .await
        .refused(422, "IDEMPOTENCY_KEY_REUSED");

    let journal = Journal::read(&system, "journal.incident").await;
    assert_eq!(journal.of(tenant.id).len(), 3, "{:?}", journal.of(tenant.id));
    // What was not acknowledged: many at once under one key are one.
    let same = tenant.agent.post("incidents", tenant.report("All at once"));
    let answers = futures::future::join_all((0..20).map(|_| same.accepted())).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].number.as_deref(), Some("INC0000002"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn only_the_version_meant_is_changed() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let id = tenant.incident("The printer smokes").await.id;
    let path = format!("incidents/{id}");
    let body = |category: &str| json!({ "category": category });
    // Twenty colleagues change what they have seen at version 1: one of them does.
    let attempts = (0..20).map(|n| tenant.agent.patch(&path, body(&format!("c{n}"))).if_match(1));
    let attempts: Vec<_> = attempts.collect();
    let answers = futures::future::join_all(attempts.iter().map(|attempt| attempt.definite())).await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(changed, 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.refused(412, "STALE_VERSION");
    }

    // Several fields are several commands, and one entry: all or none.
    let patched = tenant
        .agent
        .patch(&path, json!({ "impact": 1, "urgency": 1, "group": tenant.desk, "assignee": tenant.agent.user, "status": "in_progress" }))
        .if_match(2)
        .accepted()
        .await;
    let incident = tenant.agent.read(&path, &patched.position).await;
    assert_eq!(
        (&incident["status"], &incident["impact"], &incident["assignee"]),
        (&json!("in_progress"), &json!(1), &json!(tenant.agent.user))
    );
    assert_eq!(incident["version"], json!(patched.version));
    let timeline = tenant.agent.read(&format!("{path}/timeline"), &patched.position).await;
    let at_once = timeline["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["position"] == patched.position.as_str())
        .count();
    assert_eq!(at_once, 3, "{timeline}");
    let same = tenant.agent.patch(&path, json!({ "impact": 1 })).accepted().await;
    assert!(same.unchanged && same.version == patched.version, "saying the same twice is no second event: {same:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn the_past_is_answered_as_it_was() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let before = instant(&tenant, tenant.incident("Before").await).await;
    let receipt = tenant.incident("The printer smokes").await;
    let path = format!("incidents/{}", receipt.id);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let new = instant(&tenant, receipt.clone()).await;
    let described = tenant.tell(receipt.id, "describe", json!({ "short_description": "The printer burns" })).await;
    let assigned = tenant.assign(receipt.id).await;
    assert!(described.version < assigned.version);

    let then = tenant.agent.read(&format!("{path}?as_of={new}"), &assigned.position).await;
    assert_eq!(
        (&then["status"], &then["version"], &then["short_description"]),
        (&json!("new"), &json!(1), &json!("The printer smokes"))
    );
    let now = tenant.agent.read(&path, &assigned.position).await;
    assert_eq!((&now["status"], &now["short_description"]), (&json!("assigned"), &json!("The printer burns")));
    tenant.agent.get(&format!("{path}?as_of={before}")).send().await.refused(404, "NOT_FOUND");
}

/// When that was recorded, as the timeline says.
async fn instant(tenant: &Tenant, receipt: Receipt) -> String {
    let timeline =
        tenant.agent.read(&format!("incidents/{}/timeline?sort=-version&limit=1", receipt.id), &receipt.position).await;
    timeline["items"][0]["recorded_at"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn everybody_is_offered_what_they_may_do_now() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let receipt = tenant.incident("The printer smokes").await;
    let offered = async |caller: &Caller, receipt: &Receipt| {
        let answer = caller.read(&format!("incidents/{}/actions", receipt.id), &receipt.position).await;
        let actions =
            answer["actions"].as_array().unwrap().iter().map(|action| action["command"].as_str().unwrap().to_owned());
        actions.collect::<Vec<_>>()
    };
    let of_agent = offered(&tenant.agent, &receipt).await;
    assert!(of_agent.contains(&"assign".to_owned()) && !of_agent.contains(&"start".to_owned()), "{of_agent:?}");
    assert_eq!(offered(&tenant.rita, &receipt).await, ["add_comment"], "an end user may only speak");
    let assigned = tenant.assign(receipt.id).await;
    let of_agent = offered(&tenant.agent, &assigned).await;
    assert!(of_agent.contains(&"start".to_owned()) && of_agent.contains(&"resolve".to_owned()), "{of_agent:?}");
    // Whatever is offered is not refused for the status; whatever is not offered is.
    let refused = tenant.agent.post(&format!("incidents/{}/resume", receipt.id), json!({})).send().await;
    refused.refused(409, "INVALID_TRANSITION");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_child_is_resolved_with_its_parent() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let parent = tenant.incident("The power is out").await.id;
    let mut children = Vec::new();
    for title in ["No light", "No heat"] {
        let child = tenant.incident(title).await.id;
        tenant.tell(child, "set_parent", json!({ "parent": parent })).await;
        children.push(child);
    }
    let own =
        tenant.agent.post(&format!("incidents/{parent}/set_parent"), json!({ "parent": children[0] })).send().await;
    own.refused(409, "OWN_ANCESTOR");
    tenant.assign(parent).await;
    let resolved =
        tenant.tell(parent, "resolve", json!({ "resolution_code": "fixed", "resolution_notes": "Fuse" })).await;
    for child in children {
        let seen = tenant.agent.read(&format!("incidents/{child}"), &resolved.position).await;
        assert_eq!((&seen["status"], &seen["resolution"]["with"]), (&json!("resolved"), &json!(parent)), "{seen}");
        let timeline =
            tenant.agent.read(&format!("incidents/{child}/timeline?sort=-version&limit=1"), &resolved.position).await;
        assert_eq!(timeline["items"][0]["position"], resolved.position, "one entry for the whole family");
    }
    let list = tenant.agent.read(&format!("incidents?parent={parent}&status=resolved"), &resolved.position).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn the_estate_tells_what_fails_with_what() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let ci = async |name: &str, ci_type: &str| {
        let body = json!({ "name": name, "ci_type": ci_type, "environment": "production" });
        let id = tenant.admin.give("cmdb/cis", body).await.id;
        tenant.admin.give(&format!("cmdb/cis/{id}/activate"), json!({})).await;
        id
    };
    let (server, database, shop) =
        (ci("s1", "server").await, ci("d1", "database").await, ci("shop", "application").await);
    let relate = async |from: Uuid, kind: &str, to: Uuid| {
        tenant.admin.give(&format!("cmdb/cis/{from}/add_relationship"), json!({ "type": kind, "target": to })).await
    };
    relate(database, "runs_on", server).await;
    let last = relate(shop, "depends_on", database).await;
    let circle = tenant
        .admin
        .post(&format!("cmdb/cis/{database}/add_relationship"), json!({ "type": "depends_on", "target": shop }));
    circle.send().await.refused(409, "RELATIONSHIP_CIRCLE");
    let retire = tenant.admin.post(&format!("cmdb/cis/{server}/retire"), json!({})).send().await;
    retire.refused(409, "HAS_DEPENDANTS");

    let mut report = tenant.report("The shop is slow");
    report["cis"] = json!([server]);
    let incident = tenant.agent.give("incidents", report).await;
    let related = tenant.agent.read(&format!("cmdb/cis/{database}/relationships"), &last.position).await;
    let related: Vec<_> = related["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["direction"].clone(), one["ci"]["id"].clone()))
        .collect();
    assert_eq!(related, [(json!("outgoing"), json!(server)), (json!("incoming"), json!(shop))]);

    let both = format!("{},{}", last.position, incident.position);
    let names = |answer: &Json| {
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["ci"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let affected = tenant.agent.read(&format!("cmdb/cis/{server}/impact-analysis?direction=downstream"), &both).await;
    assert_eq!(names(&affected), ["d1", "shop"], "{affected}");
    assert_eq!(affected["open_incidents"][0]["id"], json!(incident.id), "{affected}");
    let near = tenant.agent.read(&format!("cmdb/cis/{server}/impact-analysis?depth=1"), &both).await;
    assert_eq!(names(&near), ["d1"], "{near}");
    let needed = tenant.agent.read(&format!("cmdb/cis/{shop}/impact-analysis?direction=upstream"), &both).await;
    assert_eq!(names(&needed), ["d1", "s1"], "{needed}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_walk_through_a_list_meets_everything_once() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let mut last = tenant.incident("0").await;
    for n in 1..12 {
        last = tenant.incident(&n.to_string()).await;
    }
    let mut met = Vec::new();
    let mut path = "incidents?sort=-number&limit=5".to_owned();
    let mut position = last.position.clone();
    loop {
        let page = tenant.agent.read(&path, &position).await;
        met.extend(page["items"].as_array().unwrap().iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("incidents?sort=-number&limit=5&cursor={cursor}");
        // What comes in meanwhile neither repeats nor hides others.
        position = tenant.incident("meanwhile").await.position;
    }
    let expected: Vec<_> = (1..=12).rev().map(|n| format!("INC{n:07}")).collect();
    assert_eq!(met, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn other_systems_hear_of_it_without_what_is_personal() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "way").await;
    let word = fresh("secret");
    let receipt = tenant.incident(&format!("A {word}")).await;
    let heard = eventually("the event on the public topic", 20, async || {
        let messages = crate::system::journal::public(&system, "public.incident", tenant.id).await;
        messages
            .into_iter()
            .find(|message| message.headers["ce_subject"].contains(&receipt.id.to_string()))
            .ok_or("nothing".to_owned())
    })
    .await;
    assert_eq!(
        (heard.headers["ce_type"].as_str(), heard.headers["ce_specversion"].as_str()),
        ("incident.created", "1.0"),
        "{heard:?}"
    );
    assert!(heard.headers["ce_id"].contains(&receipt.position), "{heard:?}");
    assert!(!String::from_utf8_lossy(&heard.value).contains(&word), "a personal field is public");
}
