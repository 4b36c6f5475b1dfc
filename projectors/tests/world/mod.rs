//! The world of the tests: journals of their own on the real Kafka, written by a real owner, and real stores.

#![allow(dead_code, reason = "each test target uses its part")]

use std::{path::Path, sync::Arc, time::Duration};

use daybook_journal::{
    Admitted, Decision, Machine, Owner, Poison, Position, Settings,
    topics::{self, Topic},
};
use daybook_kernel::{Tenant, Time, json};
use daybook_platform::{
    Health, Secret, Shutdown,
    sections::{Clickhouse, Kafka, Opensearch, Postgres, Sealing},
    settings,
};
use daybook_projectors::{
    engine::{Engine, Stopped},
    follow::Bounds,
    sink::{Partition, Sink},
};
use daybook_schemas::{Catalogue, Sealer, envelope};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Partitions of the tests' journals.
pub const PARTITIONS: i32 = 2;

/// The addresses of the real stack, from the same environment as the services'.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stack {
    pub kafka: Kafka,
    pub postgres: Postgres,
    pub clickhouse: Clickhouse,
    pub opensearch: Opensearch,
    pub sealing: Sealing,
}

/// Journals of a test's own, with their owner.
pub struct World {
    pub stack: Stack,
    /// What sets this world apart: part of topics, databases, indexes.
    pub apart: String,
    pub journal: Settings,
    pub sealer: Sealer,
    catalogue: Catalogue,
    owner: Owner<Scribe>,
}

impl World {
    pub async fn new(name: &str) -> World {
        let stack: Stack = settings::load().unwrap();
        let apart = format!("{name}{}", &Uuid::new_v4().simple().to_string()[..8]);
        let mut journal = Settings::new(stack.kafka.brokers.clone(), "projector-tests");
        journal.development = true;
        let own = |context: &str| format!("{apart}.{context}");
        let needed = [
            Topic::journal(&own("incident"), PARTITIONS),
            Topic::owners(&own("incident"), PARTITIONS),
            Topic::public(&own("incident"), PARTITIONS),
            Topic::schemas(),
        ];
        topics::ensure(&journal, &needed, 1).await.unwrap();
        let (context, settings) = (own("incident"), journal.clone());
        let owner = tokio::task::spawn_blocking(move || {
            // A topic just made may have no leader yet.
            (0..50).find_map(|_| {
                let opened = Owner::open(&settings, &context, |_| Scribe::default()).ok();
                opened.or_else(|| {
                    std::thread::sleep(Duration::from_millis(200));
                    None
                })
            })
        });
        let world = World {
            stack,
            apart,
            journal,
            sealer: Sealer::new(&[7; 32]),
            catalogue: Catalogue::ours(),
            owner: owner.await.unwrap().expect("Kafka gives the topic a leader"),
        };
        for partition in 0..PARTITIONS {
            world.append(partition, |_, now| envelope::Entry::barrier(Time(now)).encode(1)).await;
        }
        world
    }

    pub fn topic(&self) -> Arc<str> {
        format!("journal.{}.incident", self.apart).into()
    }

    pub fn partitions(&self) -> Vec<Partition> {
        (0..PARTITIONS).map(|partition| (self.topic(), partition)).collect()
    }

    /// Appends an entry whose bytes follow from its number and time.
    pub async fn append(&self, partition: i32, make: impl Fn(u64, i64) -> Vec<u8> + Send + Sync + 'static) -> Position {
        let make: Command = Arc::new(make);
        loop {
            match self.owner.submit(partition, Arc::clone(&make)).await {
                Ok(answered) => return answered.position.unwrap(),
                Err(refused) => {
                    tracing::debug!(%refused, "tried again");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Appends an entry with these events: type, aggregate, version, body.
    pub async fn write(&self, tenant: Tenant, events: Vec<(&str, Uuid, u64, Json)>) -> Position {
        let events: Vec<_> =
            events.into_iter().map(|(name, id, version, body)| self.event(tenant, name, id, version, &body)).collect();
        self.write_raw(tenant, events).await
    }

    pub async fn write_raw(&self, tenant: Tenant, events: Vec<envelope::Event>) -> Position {
        let partition = daybook_journal::partition_of(tenant.as_bytes(), PARTITIONS);
        let id = Uuid::new_v4();
        self.append(partition, move |number, now| {
            let entry = envelope::Entry {
                tenant,
                book_number: number,
                command_id: id.to_string(),
                actor: format!("user/{}", Uuid::nil()),
                correlation: id.to_string(),
                traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
                events: events.clone(),
                ..envelope::Entry::barrier(Time(now))
            };
            entry.encode(1)
        })
        .await
    }

    pub fn event(&self, tenant: Tenant, name: &str, id: Uuid, version: u64, body: &Json) -> envelope::Event {
        let (kind, index) = daybook_contents::event(name).unwrap();
        let shape = kind.events()[index].body;
        let mut datum = json::parse(shape, body).unwrap();
        self.sealer.derived(tenant, id).seal(shape, &mut datum).unwrap();
        let (schema, data) = self.catalogue.encode(kind, index, &datum).unwrap();
        envelope::Event {
            id: Uuid::new_v4(),
            event_type: name.into(),
            aggregate_type: kind.meta().type_name.into(),
            aggregate_id: id,
            version,
            schema,
            data,
        }
    }

    /// A new incident of that tenant.
    pub async fn report(&self, tenant: Tenant, number: u64, title: &str) -> (Uuid, Position) {
        let id = Uuid::now_v7();
        let position = self.write(tenant, vec![("incident.created", id, 1, created(number, title))]).await;
        (id, position)
    }

    /// Runs a sink until it is told to stop.
    pub fn run<S: Sink>(&self, sink: S, pace: Duration) -> Running {
        let (shutdown, health) = (Shutdown::new(), Health::new());
        let bounds = Bounds { entries: 500, bytes: 1 << 20, pace };
        let engine =
            Engine::new(sink, self.journal.clone(), self.partitions(), bounds, health.clone(), shutdown.clone());
        Running { task: tokio::spawn(engine.run()), shutdown, health }
    }
}

/// Another secret, from the file beside one that the settings name.
pub fn secret_beside(file: Option<&Path>, name: &str) -> Secret {
    let file = file.expect("the settings name a password file").with_file_name(name);
    Secret::new(std::fs::read_to_string(file).unwrap().trim_end())
}

/// The body of `incident.created`.
pub fn created(number: u64, title: &str) -> Json {
    json!({
        "number": format!("INC{number:07}"), "opened_at": "2026-11-20T08:00:00Z", "priority": "2-high",
        "short_description": title, "caller": Uuid::from_u128(1), "channel": "portal", "impact": 1, "urgency": 2,
        "category": "network", "cis": [],
    })
}

/// The body of `incident.assigned`.
pub fn assigned(group: Uuid) -> Json {
    json!({ "group": group, "assignee": Uuid::from_u128(2), "by": "person" })
}

/// The body of `incident.resolved`.
pub fn resolved() -> Json {
    json!({ "resolution_code": "fixed", "resolution_notes": "replaced", "resolved_at": "2026-11-21T09:30:00Z" })
}

/// A projector of a test.
pub struct Running {
    pub task: JoinHandle<Result<(), Stopped>>,
    pub shutdown: Shutdown,
    pub health: Health,
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.request();
        self.task.await.unwrap().unwrap();
    }

    /// As a kill would: wherever it stands.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Waits until it holds, for as long as a slow machine may need.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..300 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within 30 s");
}

type Command = Arc<dyn Fn(u64, i64) -> Vec<u8> + Send + Sync>;

/// Appends what it is told to.
#[derive(Default)]
struct Scribe {
    latest: i64,
}

impl Machine for Scribe {
    type Command = Command;
    type Answer = ();

    fn queue(_: &Command) -> u128 {
        0
    }

    fn weight(_: &Command) -> usize {
        256
    }

    fn decide(&mut self, command: &Command, number: u64, now: i64) -> Decision<()> {
        self.latest = now;
        let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
        Decision::Append { value: command(number, now), traceparent, answer: () }
    }

    fn barrier(&mut self, _: u64, now: i64) -> Vec<u8> {
        self.latest = now;
        envelope::Entry::barrier(Time(now)).encode(1)
    }

    fn admitted(&mut self, _: &Admitted<'_>) -> Result<(), Poison> {
        Ok(())
    }

    fn roll_back(&mut self) {}

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Command, message: String) {
        panic!("{message}");
    }
}
