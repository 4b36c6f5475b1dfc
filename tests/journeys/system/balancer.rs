//! A load balancer at work: commands at a steady rate, each sent once, in turn to the instances that say they are ready.
//!
//! Where the machine is too slow for the rate, commands wait their turn: what is tried is a restart, and not an overload.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use tokio::{sync::Semaphore, task::JoinSet, time::MissedTickBehavior};

use super::{Receipt, System, Tenant, eventually, journal::Journal, load::Known};

/// The instances.
pub const INSTANCES: [&str; 2] = ["command-api", "command-api-2"];

/// How often an instance is asked whether it is ready, and how long it may take to say so.
const ASKED: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(2);

/// How many commands are under way at most: a second without answers at the rates here.
const UNDER_WAY: usize = 512;

/// Waits until the partitions of incidents are shared, and each has an owner.
pub async fn both_own(system: &System) {
    eventually("both own partitions", 20, async || {
        let (one, other) = (owned(system, INSTANCES[0]).await, owned(system, INSTANCES[1]).await);
        if one.len() == 2 && other.len() == 2 { Ok(()) } else { Err(format!("{one:?} and {other:?}")) }
    })
    .await;
}

/// The partitions of incidents that an instance serves.
pub async fn owned(system: &System, instance: &str) -> Vec<i32> {
    let mut owned = Vec::new();
    for partition in 0..4 {
        if system.serves(instance, partition).await {
            owned.push(partition);
        }
    }
    owned
}

/// A tenant for each partition, in their order.
pub async fn tenants(system: &System, name: &str) -> Vec<Arc<Tenant>> {
    let mut found: BTreeMap<i32, Arc<Tenant>> = BTreeMap::new();
    while found.len() < 4 {
        let begun = join_all((0..4).map(|_| Tenant::begin(system, name))).await;
        found.extend(begun.into_iter().map(|tenant| (tenant.partition, Arc::new(tenant))));
    }
    found.into_values().collect()
}

/// One command that was sent.
#[derive(Debug)]
pub struct Sent {
    /// Which tenant's, by its place.
    pub tenant: usize,
    /// Its key.
    pub key: String,
    /// When it was sent, and how long its answer took.
    pub at: Instant,
    /// How long its answer took.
    pub took: Duration,
    /// Its receipt, or what was said instead.
    pub outcome: Result<Receipt, String>,
}

/// A balancer and the commands that go through it.
pub struct Balancer {
    enough: Arc<AtomicBool>,
    sending: tokio::task::JoinHandle<Vec<Sent>>,
}

impl Balancer {
    /// Begins with so many commands per second, for these tenants in turn.
    pub async fn begin(tenants: &[Arc<Tenant>], rate: u32) -> Self {
        let system = tenants[0].system.clone();
        let enough = Arc::new(AtomicBool::new(false));
        let ready: Arc<[AtomicBool; 2]> = Arc::default();
        join_all(INSTANCES.iter().zip(ready.iter()).map(|(instance, ready)| look(&system, instance, ready))).await;
        for at in 0..INSTANCES.len() {
            let (system, ready, enough) = (system.clone(), Arc::clone(&ready), Arc::clone(&enough));
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    tokio::time::sleep(ASKED).await;
                    look(&system, INSTANCES[at], &ready[at]).await;
                }
            });
        }
        let (tenants, stop) = (tenants.to_vec(), Arc::clone(&enough));
        let sending = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let under_way = Arc::new(Semaphore::new(UNDER_WAY));
            let mut sending = JoinSet::new();
            let turn = Arc::new(AtomicUsize::new(0));
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                ticks.tick().await;
                let place = Arc::clone(&under_way).acquire_owned().await.unwrap();
                let (tenant, at) = (Arc::clone(&tenants[n % tenants.len()]), n % tenants.len());
                let chosen = (0..INSTANCES.len())
                    .map(|_| turn.fetch_add(1, Ordering::Relaxed) % INSTANCES.len())
                    .find(|at| ready[*at].load(Ordering::Relaxed));
                sending.spawn(async move {
                    let sent = send(tenant, at, chosen, n).await;
                    drop(place);
                    sent
                });
            }
            sending.join_all().await
        });
        Self { enough, sending }
    }

    /// Ends, with all that was sent.
    pub async fn end(self) -> Vec<Sent> {
        self.enough.store(true, Ordering::Relaxed);
        self.sending.await.unwrap()
    }
}

async fn look(system: &System, instance: &str, ready: &AtomicBool) {
    let health = tokio::time::timeout(PATIENCE, system.health(instance)).await;
    ready.store(health.is_ok_and(|(status, _)| status == 200), Ordering::Relaxed);
}

async fn send(tenant: Arc<Tenant>, at: usize, chosen: Option<usize>, n: usize) -> Sent {
    let ask = tenant.agent.post("incidents", tenant.report(&format!("Balanced {n}")));
    let key = ask.key_said().to_owned();
    let begun = Instant::now();
    let outcome = match chosen {
        None => Err("no instance is ready".to_owned()),
        Some(chosen) => match ask.through([tenant.system.url(INSTANCES[chosen]).as_str()]).try_send().await {
            Ok(answer) if answer.status == 201 => Ok(answer.receipt()),
            Ok(answer) => Err(format!("{} said {answer:?}", INSTANCES[chosen])),
            Err(error) => Err(format!("{} said nothing: {error:?}", INSTANCES[chosen])),
        },
    };
    Sent { tenant: at, key, at: begun, took: begun.elapsed(), outcome }
}

/// Insists that none has failed, and that the journal holds each once and nothing else of those tenants.
pub async fn none_failed(tenants: &[Arc<Tenant>], sent: &[Sent]) {
    let failed: Vec<_> = sent.iter().filter_map(|sent| sent.outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {} failed, such as {:?}", failed.len(), sent.len(), failed.first());
    let mut known: BTreeMap<usize, Known> = BTreeMap::new();
    for Sent { tenant, key, outcome, .. } in sent {
        let receipt = outcome.clone().unwrap();
        known.entry(*tenant).or_default().accepted.insert(key.clone(), receipt);
    }
    let journal = Journal::read(&tenants[0].system, "journal.incident").await;
    for (at, known) in known {
        known.is_in(&journal, &tenants[at]);
    }
}

/// The time within which that share of answers came.
pub fn within<'a>(sent: impl IntoIterator<Item = &'a Sent>, share: f64) -> Duration {
    let mut took: Vec<_> = sent.into_iter().map(|sent| sent.took).collect();
    took.sort_unstable();
    took.get(((took.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied().unwrap_or_default()
}
