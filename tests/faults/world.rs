//! One run's world: a journal of its own, three owner processes, and clients that are never content with "maybe".

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_history::Outcome;
use daybook_journal::Settings;
use daybook_journal::topics::{Topic, ensure};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::process::Process;
use crate::record::Record;

pub const OWNERS: usize = 3;
const CLIENTS: u64 = 8;

/// After this a client asks another owner.
const DEADLINE: Duration = Duration::from_millis(600);

/// How long all that is open may take once the fault is over.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// See the module.
pub struct World {
    pub broker: SocketAddr,
    pub context: String,
    pub record: Arc<Record>,
    pub owners: Arc<[RwLock<Arc<Process>>]>,
    /// Clients begin nothing new.
    enough: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl World {
    pub fn settings(broker: SocketAddr) -> Settings {
        Settings { development: true, ..Settings::new(broker.to_string(), "faults") }
    }

    /// Everything is there, one owner serves, and the clients are at work.
    pub async fn begin(broker: SocketAddr, context: String) -> Result<World, String> {
        let topics = [Topic::journal(&context, 1), Topic::owners(&context, 1)];
        ensure(&World::settings(broker), &topics, 1).await.map_err(|error| error.to_string())?;
        let record = Arc::new(Record::new(format!("{}/0", topics[0].name)));
        let start = || Process::start(broker, &context, &record, |_| ());
        let owners = futures::future::join_all((0..OWNERS).map(|_| start())).await;
        let owners = owners.into_iter().map(|process| RwLock::new(Arc::new(process))).collect();
        let (enough, clients) = (Arc::default(), JoinSet::new());
        let mut world = World { broker, context, record, owners, enough, clients };
        let begun = Instant::now();
        while world.owner().await.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err("no owner began to serve".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let commands = Arc::new(AtomicU64::new(1));
        for number in 0..CLIENTS {
            let client = Client {
                record: world.record.clone(),
                owners: world.owners.clone(),
                target: usize::try_from(number).unwrap() % OWNERS,
            };
            let (commands, enough) = (commands.clone(), world.enough.clone());
            world.clients.spawn(client.work(commands, enough));
        }
        Ok(world)
    }

    pub async fn process(&self, index: usize) -> Arc<Process> {
        self.owners[index].read().await.clone()
    }

    /// Which process serves now, if one does.
    pub async fn owner(&self) -> Option<usize> {
        for index in 0..OWNERS {
            if self.process(index).await.is_owner() {
                return Some(index);
            }
        }
        None
    }

    pub async fn replace(&self, index: usize, process: Process) {
        *self.owners[index].write().await = Arc::new(process);
    }

    /// Lets the clients end what they have begun; false if they do not within a time.
    pub async fn settle(&mut self) -> bool {
        self.enough.store(true, Ordering::Relaxed);
        let all = async { while self.clients.join_next().await.is_some_and(|ended| ended.is_ok()) {} };
        tokio::time::timeout(PATIENCE, all).await.is_ok() && self.clients.is_empty()
    }
}

struct Client {
    record: Arc<Record>,
    owners: Arc<[RwLock<Arc<Process>>]>,
    target: usize,
}

impl Client {
    async fn work(mut self, commands: Arc<AtomicU64>, enough: Arc<AtomicBool>) {
        while !enough.load(Ordering::Relaxed) {
            let command = commands.fetch_add(1, Ordering::Relaxed);
            self.carry_out(command).await;
            tokio::time::sleep(Duration::from_millis(5 + command % 7)).await;
        }
    }

    /// Asks one owner after the other, until the answer is definite.
    async fn carry_out(&mut self, command: u64) {
        loop {
            let process = self.owners[self.target].read().await.clone();
            let attempt = self.record.invoke(command);
            let told = tokio::time::timeout(DEADLINE, process.ask(attempt, command)).await;
            match told {
                Ok(Some(Outcome::Accepted { .. } | Outcome::Rejected { .. })) => return,
                Ok(Some(Outcome::Void)) => {
                    self.target = (self.target + 1) % OWNERS;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                // Gone, or silent for too long: another one should own the partition. An answer may still come.
                Ok(Some(Outcome::Unknown) | None) | Err(_) => {
                    self.target = (self.target + 1) % OWNERS;
                    self.owners[self.target].read().await.order("contend".to_owned());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}
