//! How far permissions reach: own records, those of a team, of a domain, of all; in every store alike, and gone within seconds.

use serde_json::{Value as Json, json};

use crate::system::{Caller, System, Tenant, eventually, fresh};

fn ids(page: &Json) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_end_user_finds_own_incidents_and_no_trace_of_others() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "reach").await;
    let word = fresh("lift");
    let own = tenant.rita.give("incidents", tenant.report(&format!("My {word}"))).await;
    let mut other = tenant.report(&format!("Their {word}"));
    other["caller"] = json!(tenant.agent.user);
    let other = tenant.agent.give("incidents", other).await;
    let (rita, position) = (&tenant.rita, &other.position);

    for list in ["incidents", "incidents/queue"] {
        let page = rita.read(list, position).await;
        assert_eq!(ids(&page), [own.id.to_string()], "{list}");
        assert_eq!(ids(&tenant.agent.read(list, position).await).len(), 2, "{list}");
    }
    // Counts and facets tell no more than the hits do.
    let found = rita.read(&format!("search?q={word}"), position).await;
    assert_eq!((ids(&found), &found["total"]["value"]), (vec![own.id.to_string().as_str()], &json!(1)));
    assert_eq!(found["facets"]["status"], json!([{ "value": "new", "count": 1 }]));
    assert_eq!(ids(&rita.read(&format!("search/suggest?q={word}"), position).await), [own.id.to_string()]);
    for rest in ["", "/timeline", "/comments", "/actions", "?as_of=2100-01-01T00:00:00Z"] {
        rita.read(&format!("incidents/{}{rest}", own.id), position).await;
        let hidden = rita.get(&format!("incidents/{}{rest}", other.id)).position(position).send().await;
        hidden.refused(404, "NOT_FOUND");
    }
    let remark = json!({ "body": "Any news?", "visibility": "public" });
    rita.give(&format!("incidents/{}/add_comment", own.id), remark.clone()).await;
    rita.post(&format!("incidents/{}/add_comment", other.id), remark).send().await.refused(404, "NOT_FOUND");
    rita.get("metrics/incidents/volume").send().await.refused(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn why_says_what_decides_and_actions_agree() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "reach").await;
    let incident = tenant.rita.give("incidents", tenant.report("The lift")).await;
    let (rita, agent, position) = (&tenant.rita, &tenant.agent, &incident.position);
    let why = |permission: &str| format!("access/why?permission={permission}&type=incident&id={}", incident.id);
    let own = rita.read(&why("incident:comment"), position).await;
    assert_eq!((&own["permitted"], &own["reason"]["code"]), (&json!(true), &json!("ROLE")), "{own}");
    assert!(own["reason"]["message"].as_str().unwrap().contains("End User"), "{own}");
    let no = rita.read(&why("incident:assign"), position).await;
    assert_eq!((&no["permitted"], &no["reason"]["code"]), (&json!(false), &json!("NOT_IN_TOKEN")), "{no}");
    let by_group = agent.read(&why("incident:assign"), position).await;
    let through = by_group["considered"].as_array().unwrap().iter().find(|one| !one["through"].is_null());
    assert_eq!(through.unwrap()["through"], json!(tenant.desk), "{by_group}");

    // Of others is told who may be told.
    let of_rita = format!("{}&user={}", why("incident:assign"), rita.user);
    agent.get(&of_rita).send().await.refused(403, "FORBIDDEN");
    let told = tenant.first.read(&of_rita, position).await;
    assert_eq!((&told["permitted"], &told["reason"]["code"]), (&json!(false), &json!("NOT_HELD")), "{told}");
    rita.get("access/why?permission=moon:walk").send().await.refused(400, "VALIDATION_ERROR");

    for caller in [rita, agent, &tenant.first] {
        let offered = caller.read(&format!("incidents/{}/actions", incident.id), position).await;
        let offered = offered["actions"].as_array().unwrap();
        assert!(!offered.is_empty());
        for action in offered {
            let why = caller.read(&why(action["permission"].as_str().unwrap()), position).await;
            assert_eq!(why["permitted"], json!(true), "{action} {why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn figures_are_of_the_own_groups_for_an_agent() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "reach").await;
    let other = tenant.admin.give("groups", json!({ "name": "Others" })).await.id;
    let (mine, theirs) = (tenant.incident("Mine").await, tenant.incident("Theirs").await);
    tenant.assign(mine.id).await;
    let given = tenant.tell(theirs.id, "assign", json!({ "group": other })).await;
    let open = async |caller: &Caller| -> i64 {
        let told = caller.read("metrics/incidents/backlog?by=day&from=2020-01-01", &given.position).await;
        told["items"].as_array().unwrap().last().map_or(0, |item| item["open"].as_i64().unwrap())
    };
    // Ten years at most: from 2020 on is enough for what happens now. That the agent is in the group is seen within seconds.
    eventually("an agent is told the figures of the own group", 5, async || {
        match tenant.agent.get("metrics/incidents/backlog?by=day&from=2020-01-01").send().await {
            answer if answer.status == 200 => Ok(()),
            answer => Err(format!("{answer:?}")),
        }
    })
    .await;
    assert_eq!(open(&tenant.agent).await, 1);
    assert_eq!(open(&tenant.first).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn what_is_taken_away_is_gone_within_five_seconds_and_a_policy_is_asked() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "reach").await;
    let incident = tenant.incident("The lift").await;
    let path = format!("incidents/{}", incident.id);
    tenant.agent.read(&path, &incident.position).await;
    let revoke = |end: &str| json!({ "role": format!("00000000-0000-8000-8000-0000000000{end}") });
    let agent = tenant.agent.user;
    tenant.first.give(&format!("users/{agent}/revoke_role"), revoke("0e")).await;
    tenant.agent.read(&path, &incident.position).await;
    let left = json!({ "user": agent });
    tenant.admin.give(&format!("groups/{}/remove_member", tenant.desk), left).await;
    // Commands at once; questions as soon as the views know.
    let start = tenant.agent.post(&format!("{path}/add_comment"), json!({ "body": "?", "visibility": "public" }));
    start.send().await.refused(403, "FORBIDDEN");
    eventually("an agent no more", 5, async || match tenant.agent.get(&path).send().await.status {
        403 => Ok(()),
        status => Err(status.to_string()),
    })
    .await;

    // A policy takes an End User the own record, and gives it back.
    let own = tenant.rita.give("incidents", tenant.report("Mine")).await;
    let rita_reads =
        async |position: &str| tenant.rita.get(&format!("incidents/{}", own.id)).position(position).send().await.status;
    assert_eq!(rita_reads(&own.position).await, 200);
    let policy = json!({
        "name": "Not one's own", "effect": "forbid", "permissions": ["incident:read"], "when": ["own_record", "no_second_factor"],
        "cases": [{ "permission": "incident:read", "given": ["own_record", "no_second_factor"], "expect": "forbidden" }],
    });
    let policy = tenant.admin.give("access-policies", policy).await.id;
    let active = tenant.first.give(&format!("access-policies/{policy}/activate"), json!({})).await;
    assert_eq!(rita_reads(&active.position).await, 404);
    let retired = tenant.first.give(&format!("access-policies/{policy}/retire"), json!({})).await;
    assert_eq!(rita_reads(&retired.position).await, 200);
}
