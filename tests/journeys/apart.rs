//! Apart: what would spoil a system for good is tried on one of its own. A registry that is not there, a topic that would
//! forget, an entry that nobody can read, and a journal that has lost its end.

use std::fs::OpenOptions;

use apache_avro::types::Value;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};
use serde_json::json;
use uuid::Uuid;

use crate::system::{
    Caller, System, Tenant,
    balancer::INSTANCES,
    eventually,
    forger::{Forger, next_entry},
    journal::Journal,
    mended, organization,
};

const TOPIC: &str = "journal.incident";

/// How much is cut off the journal, in bytes.
const CUT: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn what_would_spoil_a_system_is_noticed() {
    let system = System::apart("apart");
    // What an earlier run left is forgotten, the local store too: it belongs to journals that are gone.
    system.services(&["purge"]).await;
    system.stack(&["purge"]).await;
    let journey = async {
        system.stack(&["start", "kafka", "postgres"]).await;
        system.stack(&["wait", "kafka", "postgres"]).await;
        nothing_is_half_started_without_the_registry(&system).await;
        a_topic_that_would_forget_is_refused(&system).await;
        let system = older_code_follows_newer(&system).await;
        let position = a_poison_entry_parks_its_book(&system).await;
        a_cut_journal_stops_who_had_read_it(&system, &position).await;
    };
    let end = async {
        system.services(&["stop"]).await;
        system.stack(&["purge"]).await;
    };
    mended(journey, end).await;
}

async fn nothing_is_half_started_without_the_registry(system: &System) {
    system.services(&["start", "command-api"]).await;
    let words =
        eventually("the command API says what it waits for", 60, async || match system.health("command-api").await {
            (503, words) if words.to_string().contains("waiting for the schema registry") => Ok(words),
            other => Err(format!("{other:?}")),
        });
    assert_eq!(words.await["not_ready"], json!(["journals"]));
    let platform = Caller::with_roles(system, "platform", Uuid::new_v4(), &["platform"]).await;
    let refused = platform.post("organizations", organization("early")).send().await;
    assert!(!refused.refused(503, "UNAVAILABLE").header("retry-after").is_empty(), "{refused:?}");
    let journal = Journal::read(system, TOPIC).await;
    assert!(journal.gates.is_empty(), "it has claimed what it cannot serve: {:?}", journal.gates);

    system.stack(&["start", "registry"]).await;
    system.services(&["wait", "command-api"]).await;
}

async fn a_topic_that_would_forget_is_refused(system: &System) {
    let terms = async || {
        let journal = Journal::read(system, TOPIC).await;
        journal.gates.values().map(|gate| gate.term).collect::<Vec<_>>()
    };
    let before = terms().await;
    system.services(&["kill", "command-api"]).await;
    keep(system, "604800000").await;
    system.services(&["start", "command-api"]).await;
    let said = system.try_services(&["wait", "command-api"]).await.unwrap_err();
    assert!(said.contains("topic journal.incident has retention.ms=604800000 instead of -1"), "{said}");
    assert_eq!(terms().await, before, "it has claimed a journal that it refuses");
    system.services(&["start", "projector-postgres"]).await;
    eventually("the projector refuses it too", 20, async || match system.health("projector-postgres").await {
        (503, words) if words["checks"]["topics"].to_string().contains("retention.ms") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    keep(system, "-1").await;
    let ours = ["command-api", "projector-postgres", "query-api"];
    system.services(&["start", ours[0], ours[1], ours[2]]).await;
    system.services(&["wait", ours[0], ours[1], ours[2]]).await;
}

/// Sets how long a journal is kept, in milliseconds.
async fn keep(system: &System, milliseconds: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", system.brokers()).create().unwrap();
    let altered = AlterConfig::new(ResourceSpecifier::Topic(TOPIC))
        .set("retention.ms", milliseconds)
        .set("retention.bytes", "-1")
        .set("cleanup.policy", "delete")
        .set("message.timestamp.type", "LogAppendTime");
    let outcome = admin.alter_configs(&[altered], &AdminOptions::new()).await.unwrap();
    outcome.into_iter().for_each(|topic| assert!(topic.is_ok(), "{topic:?}"));
}

/// From here on there are claims of newer code in the journals; the system whose processes may claim nevertheless.
async fn older_code_follows_newer(system: &System) -> System {
    let [older, newer] = INSTANCES;
    let raised = system.clone().with("DAYBOOK_COMMAND_API_CODE_VERSION", "1000");
    let tenant = Tenant::begin(system, "upgrade").await;
    tenant.incident("Before the upgrade").await;
    raised.services(&["start", newer]).await;
    raised.services(&["wait", newer]).await;
    system.services(&["stop", older]).await;
    system.services(&["start", older]).await;
    system.services(&["wait", older]).await;

    // It claims nothing, though the group would have it so, and takes every command.
    let receipt = tenant.incident("Through the older instance").await;
    assert_eq!(receipt.number.as_deref(), Some("INC0000002"));
    assert!(system.figure(older, "daybook_forward_total{outcome=\"answered\"}").await > 0.0);
    assert_eq!(system.figure(older, "daybook_journal_claims_total").await, 0.0);
    // Back to the older release for good: it has to be said.
    system.services(&["kill", newer, older]).await;
    raised.services(&["start", older]).await;
    raised.services(&["wait", older]).await;
    let receipt = tenant.incident("By the older release alone").await;
    assert_eq!(receipt.number.as_deref(), Some("INC0000003"));
    raised
}

/// The position of the last entry.
async fn a_poison_entry_parks_its_book(system: &System) -> String {
    // Two tenants whose books stand in one partition.
    let mut tenants: Vec<(Tenant, Uuid, i32)> = Vec::new();
    let (one, other, partition) = loop {
        let tenant = Tenant::begin(system, "apart").await;
        let receipt = tenant.incident("The printer smokes").await;
        let neighbour = tenants.iter().position(|(.., partition)| *partition == receipt.partition());
        if let Some(place) = neighbour {
            break (tenants.swap_remove(place), (tenant, receipt.id, receipt.partition()), receipt.partition());
        }
        tenants.push((tenant, receipt.id, receipt.partition()));
    };
    let (one, other, incident) = (one.0, other.0, other.1);
    let mut report = other.report("Much to say");
    report["description"] = json!("x".repeat(3_900));
    for _ in 0..2 * CUT / 4_000 {
        other.agent.give("incidents", report.clone()).await;
    }
    let said = json!({ "body": "Any news?", "visibility": "public" });
    let last = other.tell(incident, "add_comment", said).await;
    other.agent.read("incidents", &last.position).await;

    system.services(&["kill", "command-api"]).await;
    let journal = Journal::read(system, TOPIC).await;
    let mut forger = Forger::depose(system, &journal, TOPIC, partition);
    let of_one = journal.of(one.id).into_iter().next_back().unwrap();
    let poison = forger.add(&next_entry(of_one, |name, value| {
        if name == "schema" {
            *value = Value::Bytes(vec![0x5a; 32]);
        }
    }));
    let of_other = journal.of(other.id).into_iter().next_back().unwrap();
    let good = forger.add(&next_entry(of_other, |_, _| {}));

    // The neighbour's book goes on.
    let comments = other.agent.read(&format!("incidents/{incident}/comments"), &good).await;
    assert_eq!(comments["items"].as_array().map(Vec::len), Some(2), "{comments}");
    // The book with the poison stands still, and whoever asks for what comes after is told.
    let asked = one.agent.get("incidents").position(&good).send().await;
    let message = format!("postgres stands still at {poison}");
    assert!(asked.refused(503, "UNAVAILABLE").message().contains(&message), "{asked:?}");
    let before = one.agent.get("incidents").answered().await;
    assert_eq!(before["items"].as_array().map(Vec::len), Some(1), "what was there before is still there");
    let (status, words) = system.health("projector-postgres").await;
    assert_eq!(status, 200, "other tenants are served: {words}");
    assert!(words["notes"]["parked"].to_string().contains(&one.id.to_string()), "{words}");
    assert!(system.log("projector-postgres").contains("PARKED"));
    let parked = system.postgres("SELECT tenant, topic || '/' || partition || '#' || first_number FROM daybook.parked WHERE sink = 'postgres'").await;
    assert_eq!(parked, [vec![one.id.to_string(), poison]]);
    // Nothing is skipped: also when the projector starts again.
    system.crash("projector-postgres").await;
    system.services(&["wait", "projector-postgres"]).await;
    other.agent.read("incidents", &good).await;
    one.agent.get("incidents").position(&good).send().await.refused(503, "UNAVAILABLE");
    good
}

async fn a_cut_journal_stops_who_had_read_it(system: &System, last: &str) {
    let held =
        async || system.postgres("SELECT count(*), max(number) FROM daybook.entries WHERE context = 'incident'").await;
    let before = held().await;
    let partition = last.rsplit_once('#').unwrap().0;
    system.stack(&["kill", "kafka"]).await;
    let segment = format!("kafka/data/{}/00000000000000000000.log", partition.replace('/', "-"));
    let file = OpenOptions::new().write(true).open(system.state().join(segment)).unwrap();
    let length = file.metadata().unwrap().len();
    assert!(length > CUT + 1_000, "the journal has only {length} bytes");
    file.set_len(length - CUT).unwrap();
    drop(file);
    system.stack(&["start", "kafka"]).await;
    system.stack(&["wait", "kafka"]).await;

    let verdict = format!("{partition} cannot be followed");
    let stopped = async || {
        eventually("the projector stops and says so", 60, async || match system.health("projector-postgres").await {
            (503, words) if words["checks"]["journal"].to_string().contains(&verdict) => Ok(words),
            other => Err(format!("{other:?}")),
        })
        .await
    };
    let words = stopped().await;
    assert!(words["checks"]["journal"].to_string().contains("cut"), "{words}");
    assert!(system.log("projector-postgres").contains("STOPPED"));
    // Started again it does not get past it, though it has a parked book to look after: it stops, and stores nothing more.
    system.crash("projector-postgres").await;
    stopped().await;
    assert_eq!(held().await, before);
}
