//! Tenants: one is set up and handed over by itself or given up, has room for what its plan says, and is stopped and goes on.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, System, eventually, fresh, organization};

/// A tenant that was set up by itself, as its staff and its admin know it.
struct Onboarded {
    platform: Caller,
    admin: Caller,
    id: Uuid,
    slug: String,
}

impl Onboarded {
    fn path(&self, rest: &str) -> String {
        format!("organizations/{}{rest}", self.id)
    }

    async fn status(&self) -> String {
        let shown = self.platform.get(&self.path("")).send().await;
        shown.body["status"].as_str().unwrap_or("not seen yet").to_owned()
    }

    async fn becomes(&self, status: &str) {
        eventually(&format!("the organisation is {status}"), 20, async || match self.status().await {
            now if now == status => Ok(()),
            now => Err(now),
        })
        .await;
    }

    /// A configuration item of the tenant's; nobody else has its name.
    fn item(&self) -> Json {
        json!({ "name": fresh("host"), "ci_type": "server", "environment": "production" })
    }

    /// What the meter has told of a metric, and when in its life.
    async fn told(&self, metric: &str) -> Vec<i64> {
        let timeline = self.admin.get(&format!("usage-meters/{}/timeline?limit=100", self.id)).send().await;
        let events = timeline.body["items"].as_array().cloned().unwrap_or_default();
        let told = events.iter().filter(|event| event["type"] == "usage.threshold_reached");
        let told = told.filter(|event| event["data"]["metric"] == metric);
        told.filter_map(|event| event["data"]["percent"].as_i64()).collect()
    }

    async fn is_told(&self, metric: &str, expected: &[i64]) {
        eventually(&format!("{expected:?} of {metric} are told"), 20, async || match self.told(metric).await {
            told if told == expected => Ok(()),
            told => Err(format!("{told:?}")),
        })
        .await;
    }
}

async fn platform(system: &System) -> Caller {
    Caller::with_roles(system, "platform", Uuid::new_v4(), &["platform"]).await
}

/// A new organisation whose first admin is to be called Ann.
fn with_ann(slug: &str) -> Json {
    let mut said = organization(slug);
    said["first_admin"] = json!("Ann");
    said
}

async fn onboarded(system: &System) -> Onboarded {
    let platform = platform(system).await;
    let slug = fresh("acme-");
    let id = platform.give("organizations", with_ann(&slug)).await.id;
    let admin = Caller::with_roles(system, &id.to_string(), Uuid::new_v4(), &["admin"]).await;
    let tenant = Onboarded { platform, admin, id, slug };
    let early = tenant.admin.post("teams", json!({ "name": "Desk" })).definite().await;
    early.refused(403, "TENANT_SUSPENDED");
    tenant.becomes("active").await;
    tenant
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn one_is_set_up_has_room_for_what_its_plan_says_and_can_be_stopped() {
    let system = System::running();
    let tenant = onboarded(&system).await;
    its_first_admin_is_invited(&tenant).await;
    what_is_of_one_tenant_is_of_no_other(&tenant).await;
    its_plan_has_an_end(&tenant).await;
    it_says_how_it_works(&system, &tenant).await;
    it_is_stopped_and_goes_on(&tenant).await;
}

/// What was sealed in the platform's book is read in the tenant's.
async fn its_first_admin_is_invited(tenant: &Onboarded) {
    let shown = tenant.admin.get(&tenant.path("")).answered().await;
    let owner = shown["members"][0]["user"].as_str().unwrap().to_owned();
    let invited = tenant.admin.get(&format!("users/{owner}")).answered().await;
    assert_eq!((&invited["status"], &invited["name"]), (&json!("invited"), &json!("Ann")));
    assert_eq!(invited["email"], json!(format!("owner@{}.example", tenant.slug)));
    assert_eq!(invited["roles"][0]["role"], "00000000-0000-8000-8000-000000000002");
}

async fn what_is_of_one_tenant_is_of_no_other(tenant: &Onboarded) {
    let again = tenant.platform.post("organizations", with_ann(&tenant.slug)).send().await;
    assert_eq!(again.refused(409, "NOT_UNIQUE").fields(), ["slug"]);
    let host = format!("{}.example", tenant.slug);
    let claim = |host: &str| json!({ "host": host, "organization": tenant.id });
    let held = tenant.platform.give("tenant-hosts", claim(&host)).await;
    let taken = tenant.platform.post("tenant-hosts", claim(&host.to_uppercase())).send().await;
    assert_eq!(taken.refused(409, "NOT_UNIQUE").fields(), ["host"]);
    tenant.platform.give(&format!("tenant-hosts/{}/release", held.id), json!({})).await;
    tenant.platform.give("tenant-hosts", claim(&host)).await;
    tenant.admin.post("tenant-hosts", claim("mine.example")).send().await.refused(403, "FORBIDDEN");
}

/// Two seats, and five configuration items: at four somebody is told, the sixth is refused, and so are several at once.
async fn its_plan_has_an_end(tenant: &Onboarded) {
    let limits = json!([{ "metric": "configuration_items", "soft": 5, "hard": 5 }]);
    let plan = json!({ "code": fresh("plan-"), "name": "Five", "limits": limits });
    let plan = tenant.platform.give("plans", plan).await.id;
    let chosen = json!({ "plan": plan, "seats": 2, "period": "monthly" });
    tenant.platform.give(&format!("subscriptions/{}/subscribe", tenant.id), chosen).await;

    let mut items = Vec::new();
    for _ in 0..4 {
        items.push(tenant.admin.give("cmdb/cis", tenant.item()).await.id);
    }
    tenant.is_told("configuration_items", &[80]).await;
    let asks: Vec<_> = (0..3).map(|_| tenant.admin.post("cmdb/cis", tenant.item())).collect();
    let answers = join_all(asks.iter().map(|ask| ask.send())).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((accepted.len(), refused.len()), (1, 2), "{refused:?}");
    for answer in &refused {
        answer.refused(429, "QUOTA_EXCEEDED");
    }
    tenant.is_told("configuration_items", &[80, 100]).await;

    // What is out of use gives its place free, and nobody is told twice in a month.
    tenant.admin.give(&format!("cmdb/cis/{}/retire", items[0]), json!({})).await;
    let last = tenant.admin.give("cmdb/cis", tenant.item()).await;
    tenant.admin.post("cmdb/cis", tenant.item()).send().await.refused(429, "QUOTA_EXCEEDED");

    let member = || json!({ "user": Uuid::new_v4(), "role": "member" });
    let second = tenant.admin.give(&tenant.path("/members"), member()).await;
    tenant.admin.post(&tenant.path("/members"), member()).send().await.refused(429, "QUOTA_EXCEEDED");
    tenant.is_told("members", &[80, 100]).await;
    assert_eq!(tenant.told("configuration_items").await, [80, 100]);

    let subscription = tenant.admin.read(&tenant.path("/subscription"), &second.position).await;
    assert_eq!((&subscription["status"], &subscription["terms"]["seats"]), (&json!("active"), &json!(2)));
    let usage = tenant.admin.read(&tenant.path("/usage"), &last.position).await;
    let gauges = usage["usage"].as_array().unwrap();
    let items = gauges.iter().find(|gauge| gauge["metric"] == "configuration_items").unwrap();
    assert_eq!(items["told"], json!(100), "{usage}");
    tenant.admin.get(&format!("organizations/{}/usage", Uuid::new_v4())).send().await.refused(404, "NOT_FOUND");
}

/// A setting that another context's book is asked for, and the decision says on which version it was made.
async fn it_says_how_it_works(system: &System, tenant: &Onboarded) {
    let settings = |days: u32| {
        json!({
            "locale": "en", "time_zone": "Europe/Paris", "base_currency": "EUR", "fiscal_year_start": 1, "week_start": 1,
            "reopen_days": days,
        })
    };
    let wrong = tenant.admin.post(&tenant.path("/set_settings"), settings(91)).send().await;
    assert_eq!(wrong.refused(400, "VALIDATION_ERROR").fields(), ["reopen_days"]);
    tenant.admin.give(&tenant.path("/set_settings"), settings(0)).await;
    let rita = tenant.admin.give("users", json!({ "name": "Rita", "email": "rita@acme.example" })).await.id;
    let report =
        json!({ "short_description": "No mail", "caller": rita, "channel": "phone", "impact": 2, "urgency": 2 });
    let incident = tenant.admin.give("incidents", report).await.id;
    let tell = |command: &str, body| tenant.admin.post(&format!("incidents/{incident}/{command}"), body);
    tell("assign", json!({ "assignee": rita })).accepted().await;
    tell("resolve", json!({ "resolution_code": "fixed", "resolution_notes": "It was full." })).accepted().await;
    let reason = || json!({ "reason": "It is full again" });
    tell("reopen", reason()).send().await.refused(409, "REOPEN_TOO_LATE");
    let changed = tenant.admin.give(&tenant.path("/set_settings"), settings(3)).await;
    let reopened = tell("reopen", reason()).accepted().await;
    let entry = system.daybook(&["journal", "show", &reopened.position]).await.unwrap();
    assert!(entry.contains(&changed.position), "decided on {}: {entry}", changed.position);
    let read = tenant.admin.read(&tenant.path(""), &changed.position).await;
    assert_eq!((&read["settings_version"], &read["settings"]["reopen_days"]), (&json!(2), &json!(3)));
}

/// Nothing is written while it is stopped but what reading takes, and the platform lets it go on.
async fn it_is_stopped_and_goes_on(tenant: &Onboarded) {
    let kept = tenant.admin.give("users", json!({ "name": "Kim", "email": "kim@acme.example" })).await.id;
    let suspended = tenant.platform.give(&tenant.path("/suspend"), json!({ "reason": "unpaid" })).await;
    for (path, body) in [
        ("cmdb/cis".to_owned(), tenant.item()),
        ("teams".to_owned(), json!({ "name": "Desk" })),
        (format!("users/{kept}/deactivate"), json!({})),
    ] {
        tenant.admin.post(&path, body).send().await.refused(403, "TENANT_SUSPENDED");
    }
    let read = tenant.admin.read(&tenant.path(""), &suspended.position).await;
    assert_eq!((&read["status"], &read["suspended_for"]), (&json!("suspended"), &json!("unpaid")));
    assert!(!tenant.admin.get("cmdb/cis").answered().await["items"].as_array().unwrap().is_empty());
    tenant.admin.give(&format!("users/{kept}/request_export"), json!({})).await;
    tenant.admin.post(&tenant.path("/resume"), json!({ "reason": "please" })).send().await.refused(403, "FORBIDDEN");
    tenant.platform.give(&tenant.path("/resume"), json!({ "reason": "paid" })).await;
    tenant.admin.give("teams", json!({ "name": "Desk" })).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn one_that_cannot_be_set_up_is_given_up_and_its_name_is_free() {
    let system = System::running();
    let (platform, owner, slug) = (platform(&system).await, Uuid::new_v4(), fresh("acme-"));
    let runner = Caller::with_roles(&system, "platform", Uuid::new_v4(), &["policy"]).await;
    let mut said = with_ann(&slug);
    said["owner"] = json!(owner);
    let id = platform.give("organizations", said).await.id;
    // Somebody is quicker than the policy: the account of its owner is there already.
    let invitation = json!({ "email": "eve@acme.example", "name": "Eve", "roles": [] });
    let quicker = runner.post(&format!("users/{owner}/invite"), invitation);
    let cause = "policy=trial;source=tenancy/platform#1;step=0;depth=1";
    quicker.header("Daybook-Cause", cause).header("Daybook-Tenant", &id.to_string()).accepted().await;

    let admin = Caller::with_roles(&system, &id.to_string(), Uuid::new_v4(), &["admin"]).await;
    let tenant = Onboarded { platform, admin, id, slug };
    tenant.becomes("failed").await;
    tenant.admin.post("teams", json!({ "name": "Desk" })).send().await.refused(403, "TENANT_SUSPENDED");
    tenant.platform.give("organizations", organization(&tenant.slug)).await;
    let rejected = system.daybook(&["policies", "rejected", "--policy", "onboarding", "--json"]).await.unwrap();
    let ours = rejected.lines().find(|line| line.contains(&owner.to_string())).unwrap();
    assert!(ours.contains("ALREADY_EXISTS"), "{ours}");
}
