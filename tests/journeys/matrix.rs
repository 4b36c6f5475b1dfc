//! The matrix: every operation of all interfaces that needs a token, asked by everybody who must not get an answer. Nothing crosses over.
//!
//! What an operation is about is said by the table below. An operation whose path stands nowhere in it fails the test, so a
//! new route is thought about before it is served.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{
    Answer, Caller, System, Tenant,
    door::{Door, text},
    eventually, fresh,
};

/// Where an operation's answer comes from.
const STORES: [&str; 4] = ["book", "postgres", "clickhouse", "opensearch"];

/// The paths below `/api/v1/`, and the store that the questions among them are answered from.
const ENTRIES: &[(&str, &str)] = &[
    ("organizations", "postgres"),
    ("tenant-hosts", "postgres"),
    ("plans", "postgres"),
    ("subscriptions", "postgres"),
    ("usage-meters", "postgres"),
    ("domains", "postgres"),
    ("teams", "postgres"),
    ("users", "postgres"),
    ("groups", "postgres"),
    ("credentials", "postgres"),
    ("sessions", "postgres"),
    ("roles", "postgres"),
    ("api-keys", "postgres"),
    ("identity-providers", "postgres"),
    ("access-policies", "postgres"),
    ("access-reviews", "postgres"),
    ("access", "postgres"),
    ("incidents", "postgres"),
    ("cmdb", "postgres"),
    ("metrics", "clickhouse"),
    ("search", "opensearch"),
    ("auth", "postgres"),
];

/// What is of a domain: the records of another one are nothing to somebody of this one.
const OF_DOMAIN: [&str; 3] = ["users", "credentials", "incidents"];

/// An operation, as the documents of the interfaces describe it.
struct Operation {
    service: &'static str,
    method: String,
    path: String,
    /// Whose entry it has.
    resource: String,
    /// What its id is of.
    about: String,
    store: &'static str,
}

/// Somebody who must not be told.
struct Adversary {
    name: &'static str,
    caller: Caller,
    /// Whose token nobody believes: there is none, or what it stands on has ended. They are not even told that they may not.
    unknown: bool,
    /// Without a token.
    nameless: bool,
    /// Words that no answer holds.
    words: Vec<String>,
    /// What is not done for them, whatever they ask: of all resources, or of these.
    denied: Option<&'static [&'static str]>,
}

/// A tenant in which everything bears a word that nobody else knows.
struct Victim {
    tenant: Tenant,
    /// In every name and text.
    word: String,
    /// In those of the domain `health` alone.
    secret: String,
    ids: BTreeMap<&'static str, Uuid>,
    position: String,
}

impl Victim {
    async fn begin(system: &System) -> Self {
        let tenant = Tenant::begin(system, "matrix").await;
        let (word, secret) = (fresh("word"), fresh("secret"));
        let admin = &tenant.admin;
        let named = |what: &str| format!("{what} {word}");
        let mut ids = BTreeMap::from([("organizations", tenant.id)]);
        let hana =
            json!({ "name": format!("Hana {secret}"), "email": format!("{secret}@h.example"), "domain": "health" });
        let hana = admin.give("users", hana).await.id;
        ids.extend([("users", hana), ("credentials", hana)]);
        ids.insert("groups", admin.give("groups", json!({ "name": named("Group") })).await.id);
        let domain = json!({ "code": format!("d-{}", &word[word.len() - 12..]), "name": named("Domain") });
        ids.insert("domains", admin.give("domains", domain).await.id);
        let ci = json!({ "name": named("Host"), "ci_type": "server", "environment": "production", "attributes": {} });
        ids.insert("cmdb", admin.give("cmdb/cis", ci).await.id);
        let role = json!({ "name": named("Role"), "scope": "org", "permissions": ["incident:read"] });
        ids.insert("roles", tenant.first.give("roles", role).await.id);
        let policy = json!({
            "name": named("Policy"), "effect": "forbid", "permissions": ["incident:cancel"], "when": ["out_of_hours"],
            "cases": [{ "permission": "incident:cancel", "given": [], "expect": "silent" }],
        });
        ids.insert("access-policies", admin.give("access-policies", policy).await.id);
        let report = json!({
            "short_description": format!("The lift is stuck {secret}"), "caller": hana, "channel": "phone", "impact": 1, "urgency": 1,
            "category": secret,
        });
        let incident = admin.give("incidents", report).await;
        ids.insert("incidents", incident.id);
        // Somebody who is signed in, and has a key: both are nobody else's.
        let email = format!("{}@ida.example", fresh("ida"));
        let ida = admin.give("users", json!({ "name": named("Ida"), "email": email })).await.id;
        let role = json!({ "role": "00000000-0000-8000-8000-000000000002" });
        let held = tenant.first.give(&format!("users/{ida}/assign_role"), role).await;
        admin.read(&format!("users/{ida}"), &held.position).await;
        let door = Door { caller: admin.clone(), tenant: tenant.clone(), email };
        door.first_password("a stair without a lift").await;
        let signed_in = door.login("a stair without a lift", &[]).send().await;
        ids.insert("sessions", text(&signed_in, "session").parse().unwrap());
        let key = json!({ "name": named("Key"), "scopes": ["incident:read"], "expires_at": "2099-01-01T00:00:00Z" });
        let ida = admin.showing(text(&signed_in, "access_token"));
        let key = ida.sign_in("POST", "api-keys").body(key.to_string()).send().await;
        ids.insert("api-keys", text(&key, "id").parse().unwrap());
        let remark = json!({ "body": format!("Any news? {secret}"), "visibility": "public" });
        let said = admin.give(&format!("incidents/{}/add_comment", incident.id), remark).await;
        Self { tenant, word, secret, ids, position: said.position }
    }

    /// A user of the tenant who holds that built-in role, and shows a token that says much more.
    async fn user(&self, name: &str, domain: Option<&str>, role: &str) -> Caller {
        let email = format!("{name}@{}.example", self.tenant.id.simple());
        let user = self.tenant.admin.give("users", json!({ "name": name, "email": email, "domain": domain })).await.id;
        let role = json!({ "role": format!("00000000-0000-8000-8000-0000000000{role}") });
        self.tenant.first.give(&format!("users/{user}/assign_role"), role).await;
        Caller::with_roles(&self.tenant.system, &self.tenant.id.to_string(), user, &["admin"]).await
    }

    /// Somebody whose session was that of an admin, and has ended: what it was told before, by every service, it is told no more.
    async fn signed_out(&self) -> Caller {
        let Tenant { admin, first, .. } = &self.tenant;
        let email = format!("{}@out.example", fresh("otto"));
        let user = admin.give("users", json!({ "name": "Otto", "email": email })).await.id;
        let role = json!({ "role": "00000000-0000-8000-8000-000000000002" });
        let held = first.give(&format!("users/{user}/assign_role"), role).await;
        // Sign-in looks at the same view: once it shows the account, a mail comes.
        admin.read(&format!("users/{user}"), &held.position).await;
        let door = Door { caller: admin.clone(), tenant: self.tenant.clone(), email };
        door.first_password("a stair without a lift").await;
        let (otto, _) = door.signed_in("a stair without a lift", &[]).await;
        let incident = format!("incidents/{}", self.ids["incidents"]);
        let told = otto.read(&incident, &held.position).await;
        assert!(told.to_string().contains(&self.secret), "an admin is told: {told}");
        otto.give("groups", json!({ "name": "Otto's" })).await;

        assert_eq!(otto.sign_in("POST", "logout").send().await.status, 204);
        for ask in [otto.get(&incident), otto.post("groups", json!({ "name": "Late" }))] {
            eventually("an ended session is over", 5, async || match ask.send().await {
                answer if answer.status == 401 => Ok(()),
                answer => Err(format!("{answer:?}")),
            })
            .await;
        }
        otto
    }

    async fn adversaries(&self) -> Vec<Adversary> {
        let system = &self.tenant.system;
        let other = Tenant::begin(system, "matrix").await;
        let suspended = Tenant::begin(system, "matrix").await;
        let platform = Caller::with_roles(system, "platform", Uuid::new_v4(), &["platform"]).await;
        platform.give(&format!("organizations/{}/suspend", suspended.id), json!({ "reason": "unpaid" })).await;
        let refused = suspended.admin.post("groups", json!({ "name": "Late" }));
        eventually("a suspended tenant takes no commands", 10, async || match refused.send().await {
            answer if answer.code() == "TENANT_SUSPENDED" => Ok(()),
            answer => Err(format!("{answer:?}")),
        })
        .await;
        let stopped = self.user("stopped", None, "02").await;
        let stop = json!({ "reason": "left" });
        self.tenant.admin.give(&format!("users/{}/suspend", stopped.user), stop).await;
        eventually("a suspended account sees nothing", 5, async || match stopped.get("users").send().await {
            answer if answer.status == 403 => Ok(()),
            answer => Err(format!("{answer:?}")),
        })
        .await;
        let all = || vec![self.word.clone(), self.secret.clone()];
        let one =
            |name, caller, words, denied| Adversary { name, caller, unknown: false, nameless: false, words, denied };
        vec![
            Adversary { unknown: true, nameless: true, ..one("no token", other.admin.clone(), all(), None) },
            one("other tenant", other.admin.clone(), all(), None),
            one(
                "other domain",
                self.user("judge", Some("justice"), "0c").await,
                vec![self.secret.clone()],
                Some(&OF_DOMAIN),
            ),
            one("low role", self.user("clerk", None, "0f").await, all(), None),
            one("suspended tenant", suspended.admin.clone(), all(), None),
            one("suspended account", stopped, all(), None),
            Adversary { unknown: true, ..one("revoked session", self.signed_out().await, all(), None) },
        ]
    }

    /// An operation with the ids and questions that would find what is the victim's.
    fn path(&self, operation: &Operation) -> String {
        let id = self.ids.get(operation.about.as_str()).copied().unwrap_or_else(Uuid::new_v4).to_string();
        let path = operation.path.trim_start_matches("/api/v1/").replace("{id}", &id);
        match path.as_str() {
            "search" | "search/suggest" => format!("{path}?q={}", self.secret),
            "metrics/incidents/volume" | "metrics/incidents/backlog" => format!("{path}?by=category"),
            "access/why" => {
                let incident = self.ids["incidents"];
                format!("{path}?permission=incident:read&type=incident&id={incident}&user={}", self.ids["users"])
            }
            _ => path,
        }
    }

    async fn ask(&self, operation: &Operation, caller: &Caller, nameless: bool) -> Answer {
        let path = self.path(operation);
        let ask = match operation.service {
            "query-api" => caller.get(&path),
            "sign-in" => caller.sign_in(&operation.method, path.trim_start_matches("auth/")).body("{}".to_owned()),
            _ => caller.method(&operation.method, &path, json!({})),
        };
        if nameless { ask.without("Authorization").send().await } else { ask.send().await }
    }
}

/// Every operation of all interfaces but those of sign-in for who has no token yet.
async fn operations(system: &System) -> Vec<Operation> {
    let mut all = Vec::new();
    for service in ["command-api", "query-api", "sign-in"] {
        let url = format!("{}/openapi.json", system.url(service));
        let document: Json = system.http.get(url).send().await.unwrap().json().await.unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, described) in item.as_object().unwrap() {
                if service == "sign-in" && described["security"] == json!([]) {
                    continue;
                }
                let mut parts = path.trim_start_matches("/api/v1/").split('/').map(str::to_owned);
                let resource = parts.next().unwrap();
                let about = if resource == "auth" { parts.next().unwrap() } else { resource.clone() };
                let Some((_, store)) = ENTRIES.iter().find(|(entry, _)| *entry == resource) else {
                    panic!("{method} {path} has no entry in the matrix: say what it is about");
                };
                let store = if service == "command-api" { "book" } else { *store };
                let (method, path) = (method.to_uppercase(), path.clone());
                all.push(Operation { service, method, path, resource, about, store });
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn nothing_crosses_over() {
    let system = System::running();
    let operations = operations(&system).await;
    let victim = Victim::begin(&system).await;
    let adversaries = victim.adversaries().await;

    // Whoever may be told is told, by every store: else the silence below would say nothing.
    for (store, path) in [
        ("postgres", "incidents".to_owned()),
        ("postgres", format!("incidents/{}/timeline", victim.ids["incidents"])),
        ("postgres", format!("incidents/{}/comments", victim.ids["incidents"])),
        ("clickhouse", "metrics/incidents/volume?by=category".to_owned()),
        ("opensearch", format!("search?q={}", victim.secret)),
    ] {
        let told = victim.tenant.admin.read(&path, &victim.position).await;
        assert!(told.to_string().contains(&victim.secret), "{store} does not know: {told}");
    }

    let (mut checks, mut leaks) = (0, Vec::new());
    let mut table: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for operation in &operations {
        for adversary in &adversaries {
            let answer = victim.ask(operation, &adversary.caller, adversary.nameless).await;
            checks += 1;
            let said = format!("{} {:?}", answer.body, answer.headers);
            let told = adversary.words.iter().any(|word| said.contains(word));
            let names_one = operation.path.contains("{id}");
            let of_them = adversary.denied.is_none_or(|denied| denied.contains(&operation.resource.as_str()));
            let done = names_one && of_them && (200..300).contains(&answer.status);
            let let_in = adversary.unknown && answer.status != 401;
            let odd = answer.status >= 500;
            let cell = table.entry((operation.store, adversary.name)).or_default();
            cell.0 += 1;
            if told || done || let_in || odd {
                cell.1 += 1;
                leaks.push(format!("{}: {} {}: {answer:?}", adversary.name, operation.method, operation.path));
            }
        }
    }
    println!("{:18} {}", "", STORES.map(|store| format!("{store:>16}")).join(""));
    for adversary in &adversaries {
        let cells = STORES.map(|store| {
            let (asked, leaked) = table.get(&(store, adversary.name)).copied().unwrap_or_default();
            format!("{:>16}", format!("{leaked} of {asked}"))
        });
        println!("{:18} {}", adversary.name, cells.join(""));
    }
    let summary = json!({ "operations": operations.len(), "adversaries": adversaries.len(), "checks": checks, "leaks": leaks.len() });
    println!("{summary}");
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(operations.len() > 180 && adversaries.len() >= 7, "{summary}");
}
