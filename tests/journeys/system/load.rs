//! Load: clients that work through incidents at once, each sending a command again under its key until the answer is
//! definite; and what must be true of every store when they have ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use daybook_history::{Call, History, Outcome};
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Ask, Receipt, Tenant, eventually, journal, journal::Journal};

/// What an incident must have become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its version: how many commands it took.
    pub version: u64,
    /// Where it stands.
    pub status: String,
}

/// What the clients know when they have ended.
#[derive(Debug, Default)]
pub struct Known {
    /// Every command by its key, with its receipt.
    pub accepted: BTreeMap<String, Receipt>,
    /// The same commands as calls, with their times since the load began, in microseconds.
    pub calls: Vec<Call>,
    /// Every incident.
    pub incidents: BTreeMap<Uuid, Expected>,
    /// How many comments were made.
    pub comments: usize,
    /// How often something had to be sent again.
    pub repeats: usize,
}

/// Clients at work.
pub struct Load {
    clients: JoinSet<Known>,
    enough: Arc<AtomicBool>,
    given: Arc<AtomicUsize>,
}

impl Load {
    /// So many clients begin, each with such a pause between two commands.
    pub fn begin(tenant: &Arc<Tenant>, clients: usize, pause: Duration) -> Self {
        Self::through(&["command-api"], tenant, clients, pause)
    }

    /// The same, each client sending its commands to one of these processes, and again to the next.
    pub fn through(services: &[&str], tenant: &Arc<Tenant>, clients: usize, pause: Duration) -> Self {
        let urls: Vec<String> = services.iter().map(|service| tenant.system.url(service)).collect();
        let (enough, given): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
        let mut working = JoinSet::new();
        let begun = Instant::now();
        for client in 0..clients {
            let (tenant, enough, given) = (Arc::clone(tenant), Arc::clone(&enough), Arc::clone(&given));
            let mut urls = urls.clone();
            urls.rotate_left(client % services.len());
            working.spawn(async move {
                let mut known = Known::default();
                for n in 0.. {
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut work =
                        Work { tenant: &tenant, urls: &urls, known: &mut known, given: &given, pause, begun };
                    work.incident(&format!("{client}-{n}"), n).await;
                }
                known
            });
        }
        Self { clients: working, enough, given }
    }

    /// How many commands have been accepted so far.
    pub fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    /// Waits until so many more have been accepted: whatever was broken is whole again.
    pub async fn go_on(&self, more: usize) {
        let until = self.given() + more;
        eventually("the load goes on", 60, async || match self.given() {
            given if given >= until => Ok(()),
            given => Err(format!("{given} of {until} commands")),
        })
        .await;
    }

    /// Lets the clients end what they have begun.
    pub async fn end(self) -> Known {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Known::default();
        for known in self.clients.join_all().await {
            all.accepted.extend(known.accepted);
            all.calls.extend(known.calls);
            all.incidents.extend(known.incidents);
            all.comments += known.comments;
            all.repeats += known.repeats;
        }
        (0..).zip(&mut all.calls).for_each(|(attempt, call)| call.attempt = attempt);
        all
    }
}

/// One client's work on one incident.
struct Work<'a> {
    tenant: &'a Tenant,
    urls: &'a [String],
    known: &'a mut Known,
    given: &'a AtomicUsize,
    pause: Duration,
    begun: Instant,
}

impl Work<'_> {
    /// Reports an incident and brings it somewhere.
    async fn incident(&mut self, title: &str, n: usize) {
        let agent = &self.tenant.agent;
        let id = self.give(agent.post("incidents", self.tenant.report(title))).await.id;
        let tell = |command: &str, body: Json| agent.post(&format!("incidents/{id}/{command}"), body);
        let mut told = vec![
            ("assigned", self.tenant.assign_ask(id)),
            ("in_progress", tell("start", json!({}))),
            ("in_progress", tell("add_comment", json!({ "body": format!("At {title}"), "visibility": "public" }))),
        ];
        if n % 3 == 1 {
            told.push(("pending", tell("hold", json!({ "reason": "vendor" }))));
        }
        if n % 3 == 2 {
            told.push(("resolved", tell("resolve", json!({ "resolution_code": "fixed", "resolution_notes": "Done" }))));
            told.push(("closed", tell("close", json!({}))));
        }
        let mut expected = Expected { version: 1, status: "new".to_owned() };
        for (status, ask) in told {
            let receipt = self.give(ask).await;
            assert_eq!((receipt.id, receipt.version), (id, expected.version + 1), "{title}: {receipt:?}");
            expected = Expected { version: receipt.version, status: status.to_owned() };
        }
        self.known.comments += 1;
        self.known.incidents.insert(id, expected);
    }

    async fn give(&mut self, ask: Ask) -> Receipt {
        tokio::time::sleep(self.pause).await;
        let ask = ask.through(self.urls.iter().map(String::as_str));
        let invoked = self.elapsed();
        let (answer, repeats) = ask.definite_after().await;
        let receipt = answer.receipt();
        let took = (invoked, self.elapsed());
        self.known.add(self.tenant, &ask, receipt.clone(), took);
        self.known.repeats += repeats;
        self.given.fetch_add(1, Ordering::Relaxed);
        receipt
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap()
    }
}

impl Known {
    /// A command of that tenant was accepted, asked and told at these moments of the load.
    fn add(&mut self, tenant: &Tenant, ask: &Ask, receipt: Receipt, (invoked, answered): (u64, u64)) {
        self.calls.push(Call {
            attempt: 0,
            book: tenant.id.to_string(),
            command: ask.key_said().to_owned(),
            invoked,
            answered: Some(answered),
            outcome: Outcome::Accepted {
                place: receipt.position.parse().unwrap(),
                aggregate: receipt.id.to_string(),
                version: receipt.version,
            },
        });
        self.accepted.insert(ask.key_said().to_owned(), receipt);
    }

    /// The same of a command that was given beside the load, at some moment or other.
    pub fn add_beside(&mut self, tenant: &Tenant, ask: &Ask, receipt: Receipt) {
        self.add(tenant, ask, receipt, (0, u64::MAX));
    }

    /// Insists that the journal keeps every promise made to these clients: what was acknowledged is in it exactly once, where
    /// the receipt says, in the order in which it was asked and told; and nothing else is.
    pub async fn is_in_the_journal(&self, tenant: &Tenant) {
        self.is_in(&Journal::read(&tenant.system, "journal.incident").await, tenant);
    }

    /// The same of a journal that has been read.
    pub fn is_in(&self, journal: &Journal, tenant: &Tenant) {
        let entries = journal.entries.iter().map(journal::Entry::promised).collect();
        let violations = History { entries, calls: self.calls.clone() }.violations();
        let said: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{} violations: {}", said.len(), said.join("\n"));
        assert_eq!(journal.of(tenant.id).len(), self.accepted.len(), "commands in the journal");
    }

    /// Insists that every store holds exactly what the model says, once it has caught up.
    pub async fn is_in_every_store(&self, tenant: &Tenant) {
        let (system, id) = (&tenant.system, tenant.id);
        let events = self.accepted.len();
        let last = self.accepted.values().max_by_key(|receipt| receipt.entry()).unwrap();
        let list = tenant.agent.read("incidents?limit=1", &last.position).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        tenant.agent.read("metrics/incidents/volume", &last.position).await;
        tenant.agent.read("search?q=x", &last.position).await;

        let rows =
            system.postgres(&format!("SELECT id, version, status FROM incident.incidents WHERE tenant = '{id}'")).await;
        self.same("Postgres", rows.iter().map(|row| (row[0].clone(), row[1].parse().unwrap(), row[2].clone())));
        let count = async |table: &str| {
            let rows = system
                .postgres(&format!("SELECT count(*), count(DISTINCT (id, item)) FROM {table} WHERE tenant = '{id}'"))
                .await;
            rows[0].iter().map(|count| count.parse().unwrap()).collect::<Vec<usize>>()
        };
        assert_eq!(count("incident.incidents_comments").await, [self.comments; 2], "comments in Postgres");
        let entries = format!(
            "SELECT count(*), count(DISTINCT event_id), count(DISTINCT command_id) FROM daybook.entries \
             WHERE tenant = '{id}' AND context = 'incident'"
        );
        assert_eq!(system.postgres(&entries).await[0], vec![events.to_string(); 3], "entries in Postgres");

        let counted = system
            .clickhouse(&format!("SELECT count() AS n, uniqExact(event_id) AS one FROM daybook.events WHERE tenant = '{id}' AND context = 'incident'"))
            .await;
        assert_eq!(counted[0], json!({ "n": events, "one": events }), "events in ClickHouse");
        let facts = format!(
            "SELECT id, max(version) AS v, argMax(status, version) AS s, count() AS n FROM daybook.incident_facts WHERE tenant = '{id}' GROUP BY id"
        );
        let facts = system.clickhouse(&facts).await;
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        self.same(
            "ClickHouse",
            facts.iter().map(|fact| (text(&fact["id"]), fact["v"].as_u64().unwrap(), text(&fact["s"]))),
        );
        let daily = system
            .clickhouse(&format!("SELECT sum(opened) AS n FROM daybook.incident_daily WHERE tenant = '{id}'"))
            .await;
        assert_eq!(daily[0]["n"], json!(self.incidents.len()), "incidents opened, by day");

        let documents = system.documents("incident-incidents", id).await;
        let documents = documents.iter().map(|found| &found["_source"]);
        self.same(
            "OpenSearch",
            documents.map(|found| (text(&found["id"]), found["version"].as_u64().unwrap(), text(&found["status"]))),
        );

        eventually("every event on the public topic", 60, async || {
            let heard = journal::public(system, "public.incident", id).await;
            let ids: BTreeSet<_> = heard.iter().map(|message| message.headers["ce_id"].clone()).collect();
            // A repeat can be told by its id.
            if ids.len() == events { Ok(()) } else { Err(format!("{} of {events}", ids.len())) }
        })
        .await;
    }

    fn same(&self, store: &str, held: impl Iterator<Item = (String, u64, String)>) {
        let held: Vec<_> =
            held.map(|(id, version, status)| (id.parse::<Uuid>().unwrap(), Expected { version, status })).collect();
        assert_eq!(held.len(), self.incidents.len(), "incidents in {store}");
        for (id, found) in held {
            assert_eq!(self.incidents.get(&id), Some(&found), "{store} holds {id} otherwise");
        }
    }
}
