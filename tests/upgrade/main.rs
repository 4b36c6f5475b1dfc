//! A rolling upgrade for real: a system of an older release is replaced under load by this one, process by process, its
//! new command is used, and one instance goes back.
//!
//! Begun by `tests/upgrade/run FROM`, which builds both releases and names the checkout of the older one and the folder
//! it was built into. The last line is one of JSON; where a promise is broken it ends with a panic that says which.
#![allow(clippy::unwrap_used)]

mod contract;
mod novelty;
mod reader;
#[allow(dead_code, unused_imports)] // the journeys' own, of which this journey needs a part
#[path = "../journeys/system/mod.rs"]
mod system;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use contract::Command;
use reader::Reader;
use system::{
    PROJECTORS, Receipt, System, Tenant,
    balancer::{Balancer, INSTANCES, both_own, none_failed, owned, tenants, within},
    eventually,
    journal::{Journal, public},
    mended, root,
};

/// Commands per second.
const RATE: u32 = 100;

/// How long every stage is left under load before the next.
const A_WHILE: Duration = Duration::from_secs(2);

const TOPICS: [&str; 4] = ["journal.cmdb", "journal.identity", "journal.incident", "journal.tenancy"];

/// Both releases, and what the newer one has beyond the older.
struct Upgrade {
    older: System,
    newer: System,
    events: Vec<String>,
    commands: Vec<Command>,
}

/// What is told of the run in the end.
type Told = serde_json::Map<String, Json>;

fn main() {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [checkout, target] = arguments.as_slice() else { panic!("where is the older release? use tests/upgrade/run") };
    let newer = System::running();
    let mut older = newer.clone().with("CARGO_TARGET_DIR", target.to_str().unwrap());
    older.release.clone_from(checkout);
    let (events, commands) = (contract::new_events(checkout, root()), contract::new_commands(checkout, root()));
    let upgrade = Upgrade { older, newer, events, commands };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let end = async { _ = upgrade.newer.services(&["stop"]).await };
        let journey = async { println!("{}", Json::Object(upgrade.run(checkout).await)) };
        mended(journey, end).await;
    });
}

impl Upgrade {
    async fn run(&self, checkout: &Path) -> Told {
        let mut told = Told::new();
        self.begin(checkout).await;
        let served = tenants(&self.newer, "upgrade").await;
        let novel = tenants(&self.newer, "novelty").await;
        let incident = novel[0].incident("There before").await;
        let before = self.code_versions().await;
        say("the older release serves; commands begin");
        let balancer = Balancer::begin(&served, RATE).await;
        tokio::time::sleep(A_WHILE).await;

        let begun = Instant::now();
        let reads = self.replace_readers(&novel[0], &incident).await;
        told.insert("reads_meanwhile".into(), reads);
        told.insert("readers_s".into(), seconds(begun));
        let early = self.replace_instances(&novel).await;
        told.insert("used_too_soon".into(), early.into());
        let used = self.use_novelty(&novel).await;
        let begun = Instant::now();
        self.go_back(&novel[0], &incident).await;
        told.insert("back_s".into(), seconds(begun));
        self.replace(INSTANCES[1]).await;
        both_own(&self.newer).await;
        tokio::time::sleep(A_WHILE).await;

        let sent = balancer.end().await;
        say("commands have ended; looking for each of them");
        none_failed(&served, &sent).await;
        let raised = self.never_claimed_again(&before).await;
        for tenant in served.iter().chain(&novel) {
            self.agrees(tenant).await;
        }
        told.insert("code_versions".into(), json!([before, raised]));
        told.insert("new_events".into(), json!(self.events));
        let names = self.commands.iter().map(|command| format!("{}/{}", command.aggregates, command.name));
        told.insert("new_commands".into(), names.collect());
        told.insert("new_commands_accepted".into(), used.into());
        told.insert("commands".into(), sent.len().into());
        told.insert("failed".into(), sent.iter().filter(|sent| sent.outcome.is_err()).count().into());
        for (name, share) in [("p50_ms", 0.5), ("p99_ms", 0.99), ("slowest_ms", 1.0)] {
            told.insert(name.into(), (within(&sent, share).as_secs_f64() * 1e3).round().into());
        }
        told.insert("tenants_that_agree".into(), (served.len() + novel.len()).into());
        told
    }

    /// The older release, both of its instances, with its own demo tenant.
    async fn begin(&self, checkout: &Path) {
        self.older.services(&["start"]).await;
        self.older.services(&["start", INSTANCES[1], "policies"]).await;
        self.older.services(&["wait"]).await;
        let seeded = self.older.run(&checkout.join("deploy/local/daybook"), &["seed"]).await;
        seeded.unwrap_or_else(|said| panic!("seed: {said}"));
        both_own(&self.older).await;
    }

    /// One process of this release in the place of the older one's.
    async fn replace(&self, service: &str) {
        say(&format!("{service} is replaced"));
        self.newer.services(&["stop", service]).await;
        self.newer.services(&["start", service]).await;
        self.newer.services(&["wait", service]).await;
    }

    /// Readers first: they must know what may come, and need nothing of what only the command API registers.
    async fn replace_readers(&self, tenant: &Arc<Tenant>, incident: &Receipt) -> Json {
        let reader = Reader::begin(tenant, incident);
        for service in PROJECTORS {
            self.replace(service).await;
        }
        // A view that another release folds otherwise is built anew, and switched when it has caught up.
        eventually("every view is live in the version of this release", 120, async || {
            let building = "SELECT view FROM daybook.views WHERE state = 'building'";
            let building = self.newer.postgres(building).await;
            if building.is_empty() { Ok(()) } else { Err(format!("{building:?} are built")) }
        })
        .await;
        // While a view of the older release is live nobody follows for it: what has just come is seen after the switch.
        let fresh = tenant.incident("After the projectors").await;
        for asked in ["incidents", "metrics/incidents/volume", "search?q=projectors"] {
            tenant.agent.read(asked, &fresh.position).await;
        }
        for service in ["query-api", "policies"] {
            self.replace(service).await;
        }
        tokio::time::sleep(A_WHILE).await;
        let read = reader.end().await;
        assert!(read.wrong.is_empty(), "{} answers were none, such as {}", read.wrong.len(), read.wrong[0]);
        let subjects = self.subjects().await;
        let known: Vec<_> = self.events.iter().filter(|event| subjects.contains(event)).collect();
        assert!(known.is_empty(), "registered before anybody can write them: {known:?}");
        json!({ "answered": read.answered, "nobody_there": read.absent, "later": read.later })
    }

    /// One instance after the other. In between both releases own partitions, and the new command, used too soon, does
    /// no harm: how often it was accepted.
    async fn replace_instances(&self, novel: &[Arc<Tenant>]) -> usize {
        self.replace(INSTANCES[1]).await;
        both_own(&self.newer).await;
        let subjects = self.subjects().await;
        let missing: Vec<_> = self.events.iter().filter(|event| !subjects.contains(event)).collect();
        assert!(missing.is_empty(), "this release claims before these are registered: {missing:?}");
        let mut accepted = 0;
        for command in &self.commands {
            for tenant in novel {
                // The older owner has no such route.
                match novelty::give(tenant, command, &self.newer, INSTANCES[1]).await {
                    Some(answer) if answer.status == 404 => {}
                    Some(answer) => accepted += usize::from(!answer.receipt().unchanged),
                    None => {}
                }
            }
        }
        tokio::time::sleep(A_WHILE).await;
        let (status, words) = self.newer.health(INSTANCES[0]).await;
        assert_eq!(status, 200, "the older instance beside the newer: {words}");
        assert!(!owned(&self.newer, INSTANCES[0]).await.is_empty(), "the older instance goes on with what it owns");
        self.replace(INSTANCES[0]).await;
        both_own(&self.newer).await;
        accepted
    }

    /// The new commands at both instances, read back from the views; how many were accepted.
    async fn use_novelty(&self, novel: &[Arc<Tenant>]) -> usize {
        say("the new commands are used");
        let mut accepted = 0;
        for command in &self.commands {
            for (tenant, instance) in novel.iter().zip(INSTANCES.iter().cycle()) {
                let Some(answer) = novelty::give(tenant, command, &self.newer, instance).await else { continue };
                let receipt = answer.receipt();
                if receipt.unchanged {
                    // There was nothing for it to do, such as a hold to release.
                    continue;
                }
                let path = format!("{}/{}", command.aggregates, receipt.id);
                let page = tenant.admin.read(&path, &receipt.position).await;
                assert_eq!(page["version"], json!(receipt.version), "{path}");
                let timeline = tenant.admin.read(&format!("{path}/timeline?limit=100"), &receipt.position).await;
                let items = timeline["items"].as_array().unwrap();
                let told = |event: &String| items.iter().any(|item| item["type"] == json!(event));
                assert!(self.events.iter().any(told), "{path}: {timeline}");
                if command.aggregates == "incidents" {
                    self.is_public(tenant).await;
                }
                accepted += 1;
            }
        }
        assert!(
            self.events.is_empty() || accepted > 0,
            "no new event was written: none of {:?} is such a command",
            self.commands
        );
        accepted
    }

    async fn is_public(&self, tenant: &Tenant) {
        eventually("other systems hear of it", 30, async || {
            let heard = public(&self.newer, "public.incident", tenant.id).await;
            let kinds: Vec<_> = heard.iter().map(|message| message.headers["ce_type"].clone()).collect();
            let told = |event: &String| kinds.iter().any(|kind| kind.ends_with(event.as_str()));
            if self.events.iter().any(told) { Ok(()) } else { Err(format!("{kinds:?}")) }
        })
        .await;
    }

    /// One instance of the older release comes back: it reads past what it does not know, and forwards.
    async fn go_back(&self, tenant: &Tenant, incident: &Receipt) {
        let instance = INSTANCES[1];
        say("the second instance goes back to the older release");
        self.newer.services(&["stop", instance]).await;
        self.older.services(&["start", instance]).await;
        self.older.services(&["wait", instance]).await;
        tokio::time::sleep(A_WHILE).await;
        let url = self.newer.url(instance);
        let report = tenant.agent.post("incidents", tenant.report("Through the older release"));
        report.through([url.as_str()]).send().await.receipt();
        let said = json!({ "body": "Still with us", "visibility": "public" });
        let comment = tenant.agent.post(&format!("incidents/{}/add_comment", incident.id), said);
        comment.through([url.as_str()]).send().await.receipt();
        if !self.events.is_empty() {
            assert_eq!(self.newer.figure(instance, "daybook_journal_claims_total").await, 0.0, "it has claimed");
            assert!(self.newer.figure(instance, "daybook_forward_total{outcome=\"answered\"}").await > 0.0);
        }
        assert_eq!(self.newer.figure(instance, "daybook_journal_halted").await, 0.0, "it has halted");
        let (status, words) = self.newer.health(instance).await;
        assert_eq!(status, 200, "{words}");
    }

    /// The code versions of all claims, of every journal and partition.
    async fn claims(&self) -> Vec<(String, Vec<u32>)> {
        let mut claims = Vec::new();
        for topic in TOPICS {
            for (partition, gate) in Journal::read(&self.newer, topic).await.gates {
                claims.push((format!("{topic}/{partition}"), gate.code_versions));
            }
        }
        claims
    }

    /// The highest code version that has claimed.
    async fn code_versions(&self) -> u32 {
        self.claims().await.into_iter().flat_map(|(_, versions)| versions).max().unwrap()
    }

    /// Insists that no partition was claimed by older code after newer; the highest code version now.
    async fn never_claimed_again(&self, before: &u32) -> u32 {
        let claims = self.claims().await;
        for (partition, versions) in &claims {
            assert!(versions.is_sorted(), "{partition}: older code has claimed after newer: {versions:?}");
        }
        let after = claims.into_iter().flat_map(|(_, versions)| versions).max().unwrap();
        assert!(
            self.events.is_empty() || after > *before,
            "{:?} are new: raise CODE_VERSION in domain/contents/src/lib.rs, or older instances decide beside them",
            self.events
        );
        after
    }

    /// The subjects of the schema registry.
    async fn subjects(&self) -> Vec<String> {
        let url = format!("http://127.0.0.1:{}/apis/ccompat/v7/subjects", self.newer.port(18_081));
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    /// Stock clients compare every store with the journals.
    async fn agrees(&self, tenant: &Tenant) {
        let id = tenant.id.to_string();
        let said = self.newer.run(&root().join("tests/outside/run"), &["verify.py", "--quick", "--tenant", &id]).await;
        let said = said.unwrap_or_else(|said| panic!("{said}"));
        assert!(said.trim_end().ends_with("\"agree\":true}"), "{said}");
    }
}

fn seconds(begun: Instant) -> Json {
    json!((begun.elapsed().as_secs_f64() * 10.0).round() / 10.0)
}

fn say(line: &str) {
    eprintln!("  {line}");
}
