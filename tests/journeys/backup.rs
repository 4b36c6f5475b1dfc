//! Backup: a system is lost and comes back from a folder as it was, and stores that know more than the backup say so.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};
use serde_json::{Value as Json, json};

use crate::system::{
    PROJECTORS, System, Tenant, eventually,
    journal::{Journal, public},
    load::Load,
    mended,
};

const JOURNALS: [&str; 4] = ["journal.cmdb", "journal.identity", "journal.incident", "journal.tenancy"];

/// A file of a backup that surely holds records.
const RECORDS: &str = "journal.tenancy-";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_lost_system_comes_back_as_it_was() {
    let system = System::apart("backup");
    system.services(&["purge"]).await;
    system.stack(&["purge"]).await;
    let folder = system.state().join("backups");
    let _ = fs::remove_dir_all(&folder);
    let end = async {
        system.services(&["stop"]).await;
        lose(&system).await;
    };
    mended(lose_and_restore(&system, &folder), end).await;
}

async fn lose_and_restore(system: &System, folder: &Path) {
    system.stack(&["start"]).await;
    system.stack(&["wait"]).await;
    system.services(&["start"]).await;
    system.services(&["wait"]).await;
    said(system, &["seed"]).await;

    // The older backup is made while commands come in, the newer one when all is quiet.
    let tenant = Arc::new(Tenant::begin(system, "backup").await);
    let load = Load::begin(&tenant, 4, Duration::from_millis(10));
    load.go_on(100).await;
    let (older, newer) = (folder.join("older"), folder.join("newer"));
    back_up(system, &older).await;
    system.crash("command-api").await;
    load.go_on(100).await;
    let known = load.end().await;
    known.is_in_every_store(&tenant).await;
    system.services(&["stop"]).await;
    let told = back_up(system, &newer).await;
    assert!(told.contains("It holds the sealing key") && told.contains("neither the key-encryption keys"), "{told}");
    let before = Held::of(system, &tenant).await;
    assert_eq!(fs::read_to_string(newer.join("sign-in.jsonl")).unwrap().matches("\"table\":\"secrets\"").count(), 1);

    what_is_no_backup_is_refused(system, &newer).await;
    let refused = restore(system, &newer).await.unwrap_err();
    assert!(refused.contains("holds records already: a backup is restored into an empty cluster only"), "{refused}");

    stores_ahead_of_their_journal_stop(system, &older).await;

    // The newer one beside the same stores: their checkpoints fit, and they go on as if nothing had been.
    empty(system).await;
    restore(system, &newer).await.unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(journals(system).await, before.journals);
    system.services(&["start"]).await;
    system.services(&["wait"]).await;
    let receipt = tenant.incident("After").await;
    for asked in ["incidents", "metrics/incidents/volume", "search?q=x"] {
        tenant.agent.read(asked, &receipt.position).await;
    }

    everything_is_lost(system, &newer, &before).await;
    eventually("every store is as it was", 60, async || before.differs(&Held::of(system, &tenant).await)).await;
    known.is_in_every_store(&tenant).await;
    signs_in(&tenant).await;
    let titles = tenant.agent.get("incidents?limit=1").answered().await;
    assert!(titles["items"][0]["short_description"].is_string(), "what was sealed opens again: {titles}");
    tenant.incident("Life goes on").await;
}

/// Who signed in by a password still does: its hash is in the backup, and the view of accounts is derived again.
async fn signs_in(tenant: &Tenant) {
    let said = json!({
        "organization": "demo", "email": "alba.ferreira@demo.example", "password": "correct-lift-between-floors",
    });
    eventually("a password of before serves", 20, async || {
        let answer = tenant.agent.sign_in("POST", "login").body(said.to_string()).send().await;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
}

/// Every component dies, and its data is gone.
async fn lose(system: &System) {
    system.stack(&["kill", "kafka", "registry", "postgres", "clickhouse", "opensearch"]).await;
    system.stack(&["purge"]).await;
}

/// Nothing is left but the folder.
async fn everything_is_lost(system: &System, newer: &Path, before: &Held) {
    let key = system.state().join("secrets/sealing-key");
    let lost = fs::read(&key).unwrap();
    system.services(&["stop"]).await;
    lose(system).await;
    fs::remove_file(&key).unwrap();
    fs::remove_dir_all(system.state().join("store")).unwrap();
    // A new system makes itself a new key, under which nothing old could be opened.
    system.stack(&["start"]).await;
    system.stack(&["wait"]).await;
    let refused = restore(system, newer).await.unwrap_err();
    assert!(refused.contains("is another sealing key than the backup's"), "{refused}");
    fs::remove_file(&key).unwrap();
    restore(system, newer).await.unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(fs::read(&key).unwrap(), lost);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(journals(system).await, before.journals);
    assert_eq!(registry(system).await, before.registry);
    system.services(&["start"]).await;
    system.services(&["wait"]).await;
}

/// The stores have seen what the older backup does not hold.
async fn stores_ahead_of_their_journal_stop(system: &System, older: &Path) {
    let held = async || system.postgres("SELECT count(*), max(number) FROM daybook.entries").await;
    let before = held().await;
    empty(system).await;
    restore(system, older).await.unwrap_or_else(|said| panic!("{said}"));
    system.services(&["start", PROJECTORS[0], PROJECTORS[1], PROJECTORS[2], PROJECTORS[3]]).await;
    for projector in PROJECTORS {
        eventually("the projector stops and says so", 60, async || match system.health(projector).await {
            (503, words) if words["checks"]["journal"].to_string().contains("cannot be followed") => Ok(()),
            other => Err(format!("{projector}: {other:?}")),
        })
        .await;
        let log = system.log(projector);
        assert!(log.contains("STOPPED") && log.contains("the log was cut"), "{projector}: {log}");
    }
    assert_eq!(held().await, before);
    // So does who would decide on books that are ahead.
    system.services(&["start", "command-api"]).await;
    eventually("the command API serves no such journal", 60, async || match system.health("command-api").await {
        (503, words) if words["checks"]["journals"].to_string().contains("Halted(Cut") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    system.services(&["stop"]).await;

    // As a restore leaves it that was broken off: it is told from a journal, and nobody serves it.
    date_by(system, "CreateTime").await;
    let refused = restore(system, older).await.unwrap_err();
    assert!(refused.contains("an earlier restore was broken off: journal."), "{refused}");
    assert!(refused.contains("delete the topics journal.cmdb, journal.identity"), "{refused}");
    system.services(&["start", "command-api"]).await;
    let refused = system.try_services(&["wait", "command-api"]).await.unwrap_err();
    assert!(refused.contains("has message.timestamp.type=CreateTime instead of LogAppendTime"), "{refused}");
    let nothing = system.daybook(&["backup", text(&older.with_extension("again"))]).await.unwrap_err();
    assert!(nothing.contains("is being restored, or that was broken off"), "{nothing}");
}

/// Every way in which a folder can be damaged, said before anything is written.
async fn what_is_no_backup_is_refused(system: &System, whole: &Path) {
    let names: Vec<PathBuf> = fs::read_dir(whole).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in &names {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let largest = names.iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(RECORDS));
    let largest = largest.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap().file_name().unwrap();
    let damaged = whole.with_extension("damaged");
    let name = largest.to_string_lossy().into_owned();
    let refused = async |damage: &dyn Fn(&Path)| {
        let _ = fs::remove_dir_all(&damaged);
        fs::create_dir(&damaged).unwrap();
        for path in &names {
            fs::copy(path, damaged.join(path.file_name().unwrap())).unwrap();
        }
        damage(&damaged);
        restore(system, &damaged).await.unwrap_err()
    };
    let edit = |folder: &Path, name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = fs::read(folder.join(name)).unwrap();
        change(&mut content);
        fs::write(folder.join(name), content).unwrap();
    };
    let manifest = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("manifest.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };

    let cut = refused(&|folder| edit(folder, &name, &|content| content.truncate(content.len() - 100))).await;
    assert!(cut.contains(&name) && cut.contains("it was cut"), "{cut}");
    let altered = refused(&|folder| edit(folder, &name, &|content| content[150] ^= 1)).await;
    assert!(altered.contains(&name) && altered.contains("was altered: its SHA-256 is"), "{altered}");
    let missing = refused(&|folder| fs::remove_file(folder.join("registry.json")).unwrap()).await;
    assert!(missing.contains("registry.json is missing"), "{missing}");
    let unfinished = refused(&|folder| fs::remove_file(folder.join("manifest.json")).unwrap()).await;
    assert!(unfinished.contains("the backup was not finished"), "{unfinished}");
    let newer = refused(&|folder| manifest(folder, "\"format\": 2", "\"format\": 3")).await;
    assert!(newer.contains("the backup has the format 3; this tool reads the formats 1 to 2"), "{newer}");
    let lacking = refused(&|folder| manifest(folder, "\"partition\": 3", "\"partition\": 4")).await;
    assert!(lacking.contains("journal.cmdb/4 is out of place"), "{lacking}");
    // A file that is whole by itself but says less than the manifest.
    let short = refused(&|folder| manifest(folder, "\"number\": ", "\"number\": 9")).await;
    assert!(short.contains("journal.cmdb/0") && short.contains("but the manifest says"), "{short}");
    fs::remove_dir_all(damaged).unwrap();
}

/// A journal: where its partitions stand in words, and every entry by its position.
type Stood = (String, Vec<(String, Vec<u8>)>);

/// What a system holds.
#[derive(PartialEq)]
struct Held {
    journals: Vec<Stood>,
    registry: Json,
    postgres: Vec<String>,
    clickhouse: Vec<Json>,
    documents: Vec<String>,
    public: BTreeSet<String>,
}

impl Held {
    async fn of(system: &System, tenant: &Tenant) -> Self {
        let mut postgres = Vec::new();
        for row in system.postgres("SELECT view FROM daybook.views WHERE state = 'live' ORDER BY view").await {
            postgres.push(digest(system, &row[0]).await);
        }
        postgres.push(digest(system, "incident.incidents_comments").await);
        postgres.push(digest(system, "daybook.entries").await);
        let events = "SELECT DISTINCT * FROM daybook.events ORDER BY context, partition, number, index";
        let documents = system.documents("incident-incidents", tenant.id).await;
        let mut documents: Vec<String> = documents.iter().map(|found| found["_source"].to_string()).collect();
        documents.sort();
        let heard = public(system, "public.incident", tenant.id).await;
        Self {
            journals: journals(system).await,
            registry: registry(system).await,
            postgres,
            clickhouse: system.clickhouse(events).await,
            documents,
            public: heard.iter().map(|message| message.headers["ce_id"].clone()).collect(),
        }
    }

    /// What of the stores another system holds otherwise; its journals have a claim more.
    fn differs(&self, other: &Self) -> Result<(), String> {
        let same = [
            ("Postgres", self.postgres == other.postgres),
            ("ClickHouse", self.clickhouse == other.clickhouse),
            ("OpenSearch", self.documents == other.documents),
            ("the public topic", self.public == other.public),
        ];
        match same.iter().find(|(_, same)| !same) {
            Some((store, _)) => Err(format!("{store} is not")),
            None => Ok(()),
        }
    }
}

/// How many rows a relation has, and a digest of all of them.
async fn digest(system: &System, relation: &str) -> String {
    let rows = format!("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {relation} t");
    format!("{relation} {:?}", system.postgres(&rows).await)
}

/// Every journal: where its partitions stand, and every entry.
async fn journals(system: &System) -> Vec<Stood> {
    let mut all = Vec::new();
    for topic in JOURNALS {
        let journal = Journal::read(system, topic).await;
        let entries = journal.entries.into_iter().map(|entry| (entry.position, entry.value)).collect();
        all.push((format!("{topic} {:?}", journal.gates), entries));
    }
    all
}

/// Every subject with its ids, as any client of the registry sees them.
async fn registry(system: &System) -> Json {
    let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", system.port(18_081));
    let get = async |path: String| reqwest::get(format!("{url}{path}")).await.unwrap().json::<Json>().await.unwrap();
    let mut subjects: Vec<Json> = Vec::new();
    for subject in get("/subjects".into()).await.as_array().unwrap() {
        subjects.push(get(format!("/subjects/{}/versions/latest", subject.as_str().unwrap())).await);
    }
    subjects.sort_by_key(|subject| subject["subject"].to_string());
    assert!(subjects.len() > 40, "{} subjects", subjects.len());
    subjects.into()
}

async fn back_up(system: &System, folder: &Path) -> String {
    said(system, &["backup", text(folder)]).await
}

async fn restore(system: &System, folder: &Path) -> Result<String, String> {
    system.daybook(&["restore", text(folder)]).await
}

async fn said(system: &System, arguments: &[&str]) -> String {
    system.daybook(arguments).await.unwrap_or_else(|said| panic!("daybook {arguments:?}: {said}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn admin(system: &System) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", system.brokers()).create().unwrap()
}

/// Empties a cluster of its history, as an operator does before a restore; the stores keep what they hold.
async fn empty(system: &System) {
    system.services(&["stop"]).await;
    let topics: Vec<&str> = JOURNALS.into_iter().chain(["schemas"]).collect();
    let deleted = admin(system).delete_topics(&topics, &AdminOptions::new()).await.unwrap();
    deleted.into_iter().for_each(|topic| assert!(topic.is_ok(), "{topic:?}"));
}

/// Sets whose clock dates the records of the journals.
async fn date_by(system: &System, clock: &str) {
    let altered = JOURNALS.map(|topic| {
        AlterConfig::new(ResourceSpecifier::Topic(topic))
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1")
            .set("cleanup.policy", "delete")
            .set("message.timestamp.type", clock)
    });
    let outcome = admin(system).alter_configs(&altered, &AdminOptions::new()).await.unwrap();
    outcome.into_iter().for_each(|topic| assert!(topic.is_ok(), "{topic:?}"));
}
