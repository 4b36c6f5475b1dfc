//! Forgetting: words are planted in every personal field there is, found nowhere but where search may hold them, and after the
//! person is erased found nowhere at all; while the journal's bytes stay as they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::Duration,
};

use futures::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::masks::{everything, viewer};
use crate::system::{
    Caller, Receipt, System, Tenant, eventually, fresh,
    journal::{Journal, public},
    root,
};

const JOURNALS: [&str; 4] = ["journal.cmdb", "journal.identity", "journal.incident", "journal.tenancy"];

/// Personal fields that are about nobody who can be erased: they are the organisation's own.
const NOBODY_S: [(&str, &str); 3] =
    [("organizations", "owner_email"), ("organizations", "first_admin"), ("organizations/{id}/update", "owner_email")];

/// Who plants words, and where they were planted.
struct Planter<'a> {
    tenant: &'a Tenant,
    door: Caller,
    /// Who alone says whether it works again.
    ann: Option<Caller>,
    /// What every planted word begins with.
    seed: String,
    count: usize,
    planted: BTreeSet<(String, String)>,
    last: BTreeMap<String, Receipt>,
}

impl Planter<'_> {
    /// Gives a command to a new aggregate, or to this one, a fresh word in each of these fields.
    async fn plant(&mut self, path: &str, id: Option<Uuid>, mut body: Json, fields: &[&str]) -> Receipt {
        for field in fields {
            let word = format!("{}{:02}", self.seed, self.count);
            self.count += 1;
            body[field] = if *field == "email" { format!("{word}@x.example").into() } else { word.into() };
            self.planted.insert((path.to_owned(), (*field).to_owned()));
        }
        let filled = id.map_or_else(|| path.to_owned(), |id| path.replace("{id}", &id.to_string()));
        let as_ann = path.ends_with("/reject_resolution").then(|| self.ann.clone()).flatten();
        let of_door = path == "sessions" || path.ends_with("/fail_login") || path.ends_with("/sign_up");
        let of_agent = path.starts_with("incidents") && !path.ends_with("/cancel");
        let by = match (of_door, of_agent) {
            (true, _) => &self.door,
            (_, true) => &self.tenant.agent,
            _ => &self.tenant.admin,
        };
        let receipt = as_ann.as_ref().unwrap_or(by).give(&filled, body).await;
        let journal = receipt.position.split('#').next().unwrap().to_owned();
        self.last.insert(journal, receipt.clone());
        receipt
    }
}

/// Every personal field of a command's body, by the path it is given to, as the command API describes itself.
fn personal_fields() -> BTreeSet<(String, String)> {
    let document = std::fs::read_to_string(root().join("schemas/openapi/command-api.json")).unwrap();
    let document: Json = serde_json::from_str(&document).unwrap();
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let body = &methods["post"]["requestBody"]["content"]["application/json"]["schema"];
        let mut fields = Vec::new();
        personal(&document, body, "", &mut Vec::new(), &mut fields);
        let path = path.trim_start_matches("/api/v1/").to_owned();
        found.extend(fields.into_iter().map(|field| (path.clone(), field)));
    }
    found
}

fn personal(document: &Json, schema: &Json, at: &str, within: &mut Vec<String>, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        if !within.iter().any(|known| known == reference) {
            within.push(reference.to_owned());
            let target = document.pointer(reference.trim_start_matches('#')).unwrap();
            personal(document, target, at, within, found);
            within.pop();
        }
        return;
    }
    for below in ["items", "additionalProperties"] {
        if schema[below].is_object() {
            personal(document, &schema[below], at, within, found);
        }
    }
    for one in ["anyOf", "oneOf", "allOf"].iter().flat_map(|many| schema[many].as_array().into_iter().flatten()) {
        personal(document, one, at, within, found);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match field["x-personal"] == true {
            true => found.push(path),
            false => personal(document, field, &path, within, found),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn who_is_erased_is_forgotten_by_every_store_and_the_journal_stays_as_it_is() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "forget").await;
    let door = Caller::with_roles(&system, &tenant.id.to_string(), Uuid::new_v4(), &["sign-in"]).await;
    let seed = fresh("mk")[..26].to_owned();
    let mut planter =
        Planter { tenant: &tenant, door, ann: None, seed, count: 10, planted: BTreeSet::new(), last: BTreeMap::new() };
    let (people, incidents) = plant_everywhere(&mut planter).await;
    let Planter { seed, count, planted, last, .. } = planter;
    let nobody_s = NOBODY_S.map(|(path, field)| (path.to_owned(), field.to_owned()));
    let expected: BTreeSet<_> = personal_fields().into_iter().filter(|field| !nobody_s.contains(field)).collect();
    assert_eq!(planted, expected, "every personal field is planted");

    // Somebody else, who is to be remembered.
    let kept = fresh("kept");
    let other = tenant.incident(&kept).await;
    let positions: Vec<&str> =
        last.values().map(|receipt| receipt.position.as_str()).chain([&*other.position]).collect();
    for position in &positions {
        tenant.admin.read(&format!("search?q={kept}"), position).await;
        tenant.agent.read("incidents", position).await;
        tenant.agent.read("metrics/incidents/volume", position).await;
    }
    let ann = people[0];
    assert!(count > 30, "only {count} words");
    assert_eq!(found(&system, &tenant, &seed, true).await, ["search"], "in clear only where it is searched");
    assert_eq!(hits(&tenant, &seed).await, 3 + 3, "people and incidents are found");
    // Whose a record is, is known as soon as the eraser has heard of it.
    let of_ann = count - 10 - 4;
    eventually("every word of Ann is handed out", 20, async || {
        let export = tenant.admin.read(&format!("users/{ann}/export"), positions[0]).await.to_string();
        match (10..count).filter(|n| export.contains(&format!("{seed}{n:02}"))).count() {
            words if words == of_ann => Ok(()),
            words => Err(format!("{words} of {of_ann} words")),
        }
    })
    .await;
    tenant.agent.get(&format!("users/{ann}/export")).send().await.refused(403, "FORBIDDEN");
    let before = journals(&system, tenant.id).await;
    assert!(
        at_sign_in(&system, people[2]).await > 0 && on_disk(&system.state().join("mail"), &seed),
        "a password, by mail"
    );

    // Who may read it all but what is personal is told no word, wherever they look.
    let (telling, answers, masked) = everything(&viewer(&tenant).await, &seed).await;
    assert_eq!(telling, [""; 0], "masked");
    let (told, ..) = everything(&tenant.admin, &seed).await;
    assert!(told.len() > 10 && answers > 60 && masked > 20, "{told:?}: {answers} answers, {masked} masked");

    // A matter of law is stronger than the wish to be forgotten.
    let hold = json!({ "matter": "inquiry-7", "reason": "The court asked for it" });
    tenant.admin.give(&format!("users/{ann}/place_hold"), hold).await;
    let held = tenant.admin.post(&format!("users/{ann}/erase"), json!({})).send().await;
    held.refused(409, "LEGAL_HOLD");
    tenant.agent.post(&format!("users/{ann}/erase"), json!({})).send().await.refused(403, "FORBIDDEN");
    tenant.admin.give(&format!("users/{ann}/release_hold"), json!({ "matter": "inquiry-7" })).await;

    let of = tenant.id.to_string();
    let erasures = people.iter().map(|person| {
        let (system, of, person) = (system.clone(), of.clone(), person.to_string());
        async move { system.daybook(&["subject", "erase", &person, "--tenant", &of]).await }
    });
    for erased in join_all(erasures).await {
        let said = erased.unwrap_or_else(|said| panic!("{said}"));
        let certificate: Json = serde_json::from_str(said.trim()).unwrap();
        for place in ["destroyed_at", "caches_at", "postgres_at", "search_at", "sign_in_at"] {
            assert!(certificate[place].is_string(), "{certificate}");
        }
    }

    assert_eq!(found(&system, &tenant, &seed, false).await, [""; 0], "nowhere any more");
    assert_eq!(hits(&tenant, &seed).await, 0);
    assert_eq!(at_sign_in(&system, people[2]).await, 0, "no password, no token");
    nothing_is_shown(&tenant, ann, &incidents, &seed).await;
    let still = tenant.agent.get(&format!("search?q={kept}")).answered().await;
    assert_eq!(still["items"].as_array().map(Vec::len), Some(1), "others are remembered: {still}");

    // The journals are as they were, with what came after.
    let after = journals(&system, tenant.id).await;
    for (before, after) in before.iter().zip(&after) {
        assert!(after.len() >= before.len() && after[..before.len()] == before[..], "the bytes stay as they are");
    }
    life_goes_on(&tenant, ann, incidents[1]).await;
}

/// A word in every personal field; the people they are about, and the incidents.
async fn plant_everywhere(planter: &mut Planter<'_>) -> ([Uuid; 3], [Uuid; 3]) {
    let token = || json!({ "token": Uuid::new_v4() });
    let ann = planter.plant("users", None, json!({}), &["email", "name"]).await.id;
    let of = planter.tenant.id.to_string();
    let end_user = json!({ "role": "00000000-0000-8000-8000-00000000000f" });
    planter.tenant.first.give(&format!("users/{ann}/assign_role"), end_user).await;
    planter.ann = Some(Caller::with_roles(&planter.tenant.system, &of, ann, &["end-user"]).await);
    let (bea, cara) = (Uuid::now_v7(), Uuid::now_v7());
    planter.plant("users/{id}/sign_up", Some(bea), token(), &["email", "name"]).await;
    let address = format!("{}{}@x.example", planter.seed, planter.count);
    planter.plant("users/{id}/invite", Some(cara), json!({ "roles": [] }), &["email", "name"]).await;
    planter.plant("users/{id}/update_profile", Some(ann), json!({}), &["name", "phone", "title"]).await;
    planter.plant("users/{id}/change_email", Some(ann), token(), &["email"]).await;
    planter.plant("users/{id}/fail_login", Some(ann), json!({}), &["ip"]).await;
    let sign_in = json!({ "user": ann, "method": "password", "amr": ["pwd"] });
    planter.plant("sessions", None, sign_in, &["ip", "device"]).await;

    let report = json!({ "caller": ann, "channel": "phone", "impact": 2, "urgency": 2 });
    let mut incidents = Vec::new();
    for _ in 0..3 {
        let reported = planter.plant("incidents", None, report.clone(), &["short_description", "description"]).await;
        incidents.push(reported.id);
    }
    let one = Some(incidents[0]);
    let resolution = json!({ "resolution_code": "fixed" });
    planter.plant("incidents/{id}/describe", one, json!({}), &["short_description", "description"]).await;
    planter.plant("incidents/{id}/set_priority", one, json!({ "priority": "1-critical" }), &["override_reason"]).await;
    let escalation = json!({ "level": 1, "kind": "functional" });
    planter.plant("incidents/{id}/escalate", one, escalation, &["reason"]).await;
    planter.plant("incidents/{id}/add_comment", one, json!({ "visibility": "internal" }), &["body"]).await;
    planter.plant("incidents/{id}/add_task", one, json!({}), &["title"]).await;
    planter.tenant.assign(incidents[0]).await;
    planter.tenant.tell(incidents[0], "start", json!({})).await;
    let tasks = planter.tenant.agent.get(&format!("incidents/{}", incidents[0]));
    let open = eventually("the task is seen", 20, async || {
        let seen = tasks.send().await.body;
        seen["tasks"][0]["id"].as_str().map(str::to_owned).ok_or_else(|| seen.to_string())
    });
    planter.tenant.tell(incidents[0], "complete_task", json!({ "task": open.await })).await;
    planter.plant("incidents/{id}/resolve", one, resolution.clone(), &["resolution_notes", "cause"]).await;
    planter.plant("incidents/{id}/reject_resolution", one, json!({}), &["reason"]).await;
    planter
        .tenant
        .tell(incidents[0], "resolve", json!({ "resolution_code": "fixed", "resolution_notes": "Done." }))
        .await;
    planter.plant("incidents/{id}/reopen", one, json!({}), &["reason"]).await;
    planter.plant("incidents/{id}/cancel", Some(incidents[2]), json!({}), &["reason"]).await;
    a_password_comes_by_mail(planter.tenant, cara, &address).await;
    ([ann, bea, cara], [incidents[0], incidents[1], incidents[2]])
}

/// Somebody sets a first password by the token that comes to that address.
async fn a_password_comes_by_mail(tenant: &Tenant, user: Uuid, address: &str) {
    let ask = |path: &str, body: Json| tenant.admin.sign_in("POST", path).body(body.to_string());
    // Views are asked who has the address: they may have to be asked twice.
    let folder = tenant.system.state().join("mail");
    let token = eventually("a mail comes", 20, async || {
        let forgotten = json!({ "organization": tenant.id, "email": address });
        ask("forgot-password", forgotten).send().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let end = format!("-{}.eml", user.simple());
        let files = std::fs::read_dir(&folder).map_err(|error| error.to_string())?.flatten().map(|file| file.path());
        let mail = files.filter(|file| file.to_string_lossy().ends_with(&end)).max();
        let text = mail.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let (_, rest) = text.split_once("token=").ok_or("none yet")?;
        Ok(rest.split_whitespace().next().unwrap().to_owned())
    })
    .await;
    let set = ask("reset-password", json!({ "token": token, "password": "nine-lamps-under-the-stair" })).send().await;
    assert_eq!(set.status, 200, "{set:?}");
}

/// How many rows sign-in has of somebody.
async fn at_sign_in(system: &System, owner: Uuid) -> usize {
    let rows = ["secrets", "tokens", "api_keys", "links", "provider_sessions", "external_ids"]
        .map(|table| format!("SELECT id::text FROM (SELECT owner AS id FROM sign_in.{table}) t WHERE id = '{owner}'"));
    system.postgres(&rows.join(" UNION ALL ")).await.len()
}

/// The places where a word that begins so is found in clear.
async fn found(system: &System, tenant: &Tenant, seed: &str, may_be_searched: bool) -> Vec<&'static str> {
    let mut places = Vec::new();
    for topic in JOURNALS {
        let journal = Journal::read(system, topic).await;
        if journal.of(tenant.id).iter().any(|entry| holds(&entry.value, seed)) {
            places.push("journals");
        }
    }
    for topic in ["public.incident", "public.cmdb"] {
        let heard = public(system, topic, tenant.id).await;
        if heard.iter().any(|message| holds(&message.value, seed) || message.headers.values().any(|v| v.contains(seed)))
        {
            places.push("public topics");
        }
    }
    if in_postgres(system, seed).await {
        places.push("postgres");
    }
    if in_clickhouse(system, seed).await {
        places.push("clickhouse");
    }
    let asked = json!({ "size": 1, "query": { "query_string": { "query": format!("{seed}*"), "lenient": true } } });
    let indexed = system.opensearch("POST", "_all/_search", asked).await;
    let sources = system.documents("_all", tenant.id).await;
    if indexed["hits"]["total"]["value"] != 0 || sources.iter().any(|source| source.to_string().contains(seed)) {
        places.push("search");
    }
    // The bytes on disk: segments of the journals, pages of Postgres, parts of ClickHouse, the owner's local store, every log.
    let mut folders = vec!["kafka", "registry", "postgres/", "clickhouse", "store", "logs", "cli", "issuer", "trail"];
    if !may_be_searched {
        folders.extend(["opensearch", "mail"]);
    }
    for folder in folders {
        let path = system.state().join(folder);
        if path.exists() && on_disk(&path, seed) {
            eprintln!("a word lies in {}", path.display());
            places.push("disk");
        }
    }
    places
}

fn holds(bytes: &[u8], seed: &str) -> bool {
    bytes.windows(seed.len()).any(|window| window == seed.as_bytes())
}

/// Whether a file below holds the word. Files come and go while a system runs, so what cannot be read any more is passed over.
fn on_disk(folder: &Path, seed: &str) -> bool {
    let output = Command::new("grep").args(["-rlaFs", "-m1", "--", seed]).arg(folder).output().unwrap();
    if !output.stdout.is_empty() {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    }
    !output.stdout.is_empty()
}

/// Whether a row of any table holds the word, as text or as bytes.
async fn in_postgres(system: &System, seed: &str) -> bool {
    let tables = "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables \
        WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')";
    let tables = system.postgres(tables).await;
    assert!(tables.len() > 20, "{tables:?}");
    let hex: String = seed.bytes().map(|byte| format!("{byte:02x}")).collect();
    let looks: Vec<String> = tables
        .iter()
        .map(|table| {
            format!("SELECT '{0}' FROM {0} t WHERE t::text LIKE '%{seed}%' OR t::text LIKE '%{hex}%'", table[0])
        })
        .collect();
    let rows = system.postgres(&looks.join(" UNION ")).await;
    if !rows.is_empty() {
        eprintln!("{rows:?}");
    }
    !rows.is_empty()
}

/// Whether a row of any table of ours holds the word.
async fn in_clickhouse(system: &System, seed: &str) -> bool {
    let tables = system.clickhouse("SELECT name FROM system.tables WHERE database = 'daybook'").await;
    assert!(!tables.is_empty());
    for table in tables {
        let name = table["name"].as_str().unwrap();
        let look =
            format!("SELECT count() AS n FROM daybook.`{name}` WHERE position(toString(tuple(*)), '{seed}') > 0");
        if system.clickhouse(&look).await[0]["n"] != 0 {
            return true;
        }
    }
    false
}

/// How many documents of the tenant are found by a word that begins so.
async fn hits(tenant: &Tenant, seed: &str) -> usize {
    let asked = json!({ "size": 100, "query": { "bool": {
        "filter": { "term": { "tenant": tenant.id } },
        "must": { "query_string": { "query": format!("{seed}*"), "lenient": true } },
    } } });
    let found = tenant.system.opensearch("POST", "_all/_search", asked).await;
    found["hits"]["hits"].as_array().map_or(0, Vec::len)
}

/// Every journal's entries of a tenant, byte for byte.
async fn journals(system: &System, tenant: Uuid) -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for topic in JOURNALS {
        let journal = Journal::read(system, topic).await;
        all.push(journal.of(tenant).iter().map(|entry| entry.value.clone()).collect());
    }
    all
}

/// Answers show nothing of the person: `null` where something was.
async fn nothing_is_shown(tenant: &Tenant, ann: Uuid, incidents: &[Uuid], seed: &str) {
    let user = format!("users/{ann}");
    let mut answers = Vec::new();
    for path in [user.clone(), format!("{user}/timeline"), format!("{user}/export"), "users".into(), "incidents".into()]
    {
        answers.push(tenant.admin.get(&path).answered().await);
    }
    for incident in incidents {
        let one = format!("incidents/{incident}");
        for path in [one.clone(), format!("{one}/timeline"), format!("{one}/comments")] {
            answers.push(tenant.agent.get(&path).answered().await);
        }
    }
    for answer in &answers {
        assert!(!answer.to_string().contains(seed), "{answer}");
    }
    assert_eq!((&answers[0]["status"], &answers[0]["name"]), (&json!("erased"), &Json::Null), "{}", answers[0]);
    let incident = tenant.agent.get(&format!("incidents/{}", incidents[0])).answered().await;
    assert_eq!((&incident["short_description"], &incident["caller"]), (&Json::Null, &json!(ann)), "{incident}");
}

/// The account does not come back; the work on what it left goes on.
async fn life_goes_on(tenant: &Tenant, ann: Uuid, open: Uuid) {
    for (command, body) in
        [("reactivate", json!({})), ("update_profile", json!({ "name": "Ann" })), ("erase", json!({}))]
    {
        let refused = tenant.admin.post(&format!("users/{ann}/{command}"), body).send().await;
        refused.refused(409, "INVALID_TRANSITION");
    }
    let report = json!({ "short_description": "x", "caller": ann, "channel": "phone", "impact": 2, "urgency": 2 });
    tenant.agent.post("incidents", report).send().await.refused(422, "INACTIVE_USER");
    let remark = json!({ "body": "The caller has left", "visibility": "internal" });
    let said = tenant.tell(open, "add_comment", remark).await;
    let read = tenant.agent.read(&format!("incidents/{open}/comments"), &said.position).await;
    assert_eq!(read["items"][0]["body"], "The caller has left", "{read}");
}
