//! The engine: one loop that brings any sink to the end of the journals and keeps it there.
//!
//! It starts from what the store holds, repeats what was announced and perhaps not finished, tries parked books again, and
//! then stores batch after batch. It loses its footing when another instance has gone on or a commit's outcome is unknown;
//! then it asks the store again where it stands.

mod revive;
mod store;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use daybook_journal::{Checkpoint, JournalError, Lag, Settings, Start};
use daybook_platform::{Health, Shutdown};
use thiserror::Error;

use crate::{
    batch::{Advance, Batch, ParkedBook, Progress},
    decode::{Decoder, Unreadable},
    follow::{Bounds, Chunk, Follower, Item, Order, follow},
    gauges::{self, Applied, now_millis},
    sink::{Partition, Sink, SinkError, Standing},
};

/// The health check that says whether the journals can be followed.
const JOURNAL: &str = "journal";

/// How often the sink is asked whether there is a reason to look again where it stands.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause between two attempts to store a batch.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why an engine ended without being asked to.
#[derive(Debug, Error)]
pub enum Stopped {
    /// A journal is not the one that was followed.
    #[error("{topic}/{partition} cannot be followed: {reason}")]
    Halted {
        /// The journal topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Why.
        reason: String,
    },
    /// The sink cannot go on.
    #[error("{0}")]
    Sink(String),
    /// The journals cannot be read now; the engine tries again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system gives no thread.
    #[error("no thread to follow the journals: {0}")]
    Thread(#[from] std::io::Error),
}

/// How a stretch of work ended.
enum Turn {
    /// All is stored.
    Done,
    /// The store must be asked again where it stands.
    Again,
    /// The process is asked to stop.
    Stop,
}

/// Follows journals into one sink.
pub struct Engine<S> {
    sink: S,
    name: &'static str,
    settings: Settings,
    partitions: Vec<Partition>,
    bounds: Bounds,
    health: Health,
    shutdown: Shutdown,
    reached: HashMap<Partition, Checkpoint>,
    applied: HashMap<Partition, Applied>,
    held: HashSet<String>,
    parked: HashMap<(Partition, daybook_kernel::Tenant), ParkedBook>,
}

impl<S: Sink> Engine<S> {
    /// An engine that follows these partitions.
    pub fn new(
        sink: S,
        settings: Settings,
        partitions: Vec<Partition>,
        bounds: Bounds,
        health: Health,
        shutdown: Shutdown,
    ) -> Self {
        let name = sink.name();
        health.require(JOURNAL);
        health.require(name);
        let (reached, applied, held, parked) = Default::default();
        Self { sink, name, settings, partitions, bounds, health, shutdown, reached, applied, held, parked }
    }

    /// Runs until the process is asked to stop; the batch under way is finished first.
    ///
    /// # Errors
    /// When the sink cannot go on without an operator.
    pub async fn run(mut self) -> Result<(), Stopped> {
        let ended = self.live().await;
        if !self.sink.is_traced() {
            gauges::finished(self.name, &self.partitions);
        }
        ended
    }

    async fn live(&mut self) -> Result<(), Stopped> {
        let mut pause = Pause::default();
        loop {
            match self.session().await {
                Ok(Turn::Stop) => return Ok(()),
                Ok(Turn::Done | Turn::Again) => pause = Pause::default(),
                Err(Stopped::Journal(error)) => {
                    self.health.set(JOURNAL, Err(error.to_string()));
                    if self.shutdown.or(pause.take()).await.is_none() {
                        return Ok(());
                    }
                }
                Err(stopped) => {
                    self.health.set(JOURNAL, Err(stopped.to_string()));
                    return Err(stopped);
                }
            }
        }
    }

    async fn session(&mut self) -> Result<Turn, Stopped> {
        let Some(standing) = self.resume().await? else { return Ok(Turn::Stop) };
        let Standing { checkpoints, parked, cut, held } = standing;
        self.held = held;
        self.reached = checkpoints;
        let key = |book: &ParkedBook| ((book.topic.clone(), book.partition), book.tenant);
        self.parked = parked.into_iter().map(|book| (key(&book), book)).collect();
        for book in self.parked.values() {
            gauges::parked(self.name, book, true);
        }
        if !cut.is_empty() {
            match self.repeat(cut).await? {
                Turn::Done => {}
                other => return Ok(other),
            }
        }
        for book in self.parked.values().cloned().collect::<Vec<_>>() {
            match self.revive(book).await? {
                Turn::Done => {}
                other => return Ok(other),
            }
        }
        self.report_parked();
        self.keep_up().await
    }

    /// Asks the store where it stands until it answers; `None` if the process is asked to stop before.
    async fn resume(&mut self) -> Result<Option<Standing>, Stopped> {
        let mut pause = Pause::default();
        loop {
            match self.shutdown.or(self.sink.resume()).await {
                None => return Ok(None),
                Some(Ok(standing)) => {
                    self.health.set(self.name, Ok(()));
                    return Ok(Some(standing));
                }
                Some(Err(SinkError::Stopped(reason))) => return Err(Stopped::Sink(reason)),
                Some(Err(error)) => {
                    self.health.set(self.name, Err(error.to_string()));
                    if self.shutdown.or(pause.take()).await.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads the cut of an announced batch again and stores it as it was announced.
    async fn repeat(&mut self, cut: HashMap<Partition, u64>) -> Result<Turn, Stopped> {
        let starts = cut.keys().map(|partition| self.start(partition)).collect();
        let mut follower = self.follow(Order { starts, only: None, cut, bounds: self.bounds, standing: None })?;
        match self.next(&mut follower).await? {
            Some(chunk) => self.chunk(chunk).await,
            None => Ok(Turn::Stop),
        }
    }

    /// Stores what comes, until the footing is lost or the process is asked to stop.
    async fn keep_up(&mut self) -> Result<Turn, Stopped> {
        let followed = self.partitions.iter().filter(|(topic, _)| !self.held.contains(&**topic));
        let starts: Vec<Start> = followed.map(|partition| self.start(partition)).collect();
        if starts.is_empty() {
            return self.wait().await;
        }
        let order = Order { starts, only: None, cut: HashMap::new(), bounds: self.bounds, standing: None };
        let mut follower = self.follow(order)?;
        let mut look = Instant::now();
        loop {
            let waited = tokio::time::timeout(Duration::from_millis(500), self.next(&mut follower)).await;
            let turn = match waited {
                Ok(next) => match next? {
                    Some(chunk) => self.chunk(chunk).await?,
                    None => Turn::Stop,
                },
                Err(_) => Turn::Done,
            };
            self.measure(&follower);
            if !matches!(turn, Turn::Done) {
                return Ok(turn);
            }
            if look.elapsed() >= LOOK {
                look = Instant::now();
                if matches!(self.sink.look_again().await, Ok(true)) {
                    return Ok(Turn::Again);
                }
            }
        }
    }

    /// Waits until there is something to follow.
    async fn wait(&mut self) -> Result<Turn, Stopped> {
        while self.shutdown.or(tokio::time::sleep(LOOK)).await.is_some() {
            if matches!(self.sink.look_again().await, Ok(true)) {
                return Ok(Turn::Again);
            }
        }
        Ok(Turn::Stop)
    }

    fn start(&self, partition: &Partition) -> Start {
        Start::new(partition.0.clone(), partition.1, self.reached.get(partition).copied())
    }

    fn follow(&self, order: Order) -> Result<Follower, Stopped> {
        let decoder = Decoder::new(self.name, self.sink.is_traced(), self.settings.clone());
        Ok(follow(self.settings.clone(), decoder, order)?)
    }

    async fn next(&mut self, follower: &mut Follower) -> Result<Option<Chunk>, Stopped> {
        match self.shutdown.or(follower.next()).await {
            None => Ok(None),
            Some(Some(chunk)) => {
                self.health.set(JOURNAL, Ok(()));
                Ok(Some(chunk?))
            }
            Some(None) => Err(Stopped::Sink("the thread that follows the journals has ended".to_owned())),
        }
    }

    /// Makes a batch of a chunk, parking what cannot be decoded, and stores it.
    async fn chunk(&mut self, chunk: Chunk) -> Result<Turn, Stopped> {
        let mut parked = Vec::new();
        let mut entries = Vec::new();
        let mut halts = chunk.halted;
        let mut reached = chunk.reached;
        for Item { partition, number, entry } in chunk.items {
            if halts.iter().any(|(halted, _)| *halted == partition) && !reached.contains_key(&partition) {
                continue;
            }
            match entry {
                Ok(entry) if entry.events.is_empty() => {}
                Ok(entry) if self.is_parked(&partition, entry.envelope.tenant, number) => {}
                Ok(entry) => entries.push(entry),
                Err(Unreadable::Envelope(reason)) => {
                    reached.remove(&partition);
                    let before: Option<&crate::batch::Entry> =
                        entries.iter().rev().find(|entry: &&crate::batch::Entry| {
                            entry.position.topic == partition.0 && entry.position.partition == partition.1
                        });
                    if let Some(before) = before {
                        reached.insert(partition.clone(), (before.checkpoint, before.appended_at));
                    }
                    halts.push((partition, format!("entry {number}: {reason}")));
                    break;
                }
                Err(Unreadable::Event { tenant, .. }) if self.is_parked(&partition, tenant, number) => {}
                Err(Unreadable::Event { tenant, reason }) => {
                    let book = ParkedBook { topic: partition.0, partition: partition.1, tenant, first: number, reason };
                    self.park(&book);
                    parked.push(book);
                }
            }
        }
        let mut advances: Vec<Advance> = reached
            .iter()
            .map(|((topic, partition), (to, _))| Advance {
                topic: topic.clone(),
                partition: *partition,
                from: self.reached.get(&(topic.clone(), *partition)).copied(),
                to: *to,
            })
            .collect();
        advances.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        if !advances.is_empty() {
            let batch = Batch { entries, progress: Progress::Journal { advances, parked }, schemas: chunk.schemas };
            match self.store(batch).await? {
                Turn::Done => {}
                other => return Ok(other),
            }
            let moved_at = now_millis();
            for (partition, (checkpoint, appended_at)) in reached {
                let applied = Applied { number: checkpoint.number, appended_at, moved_at };
                self.reached.insert(partition.clone(), checkpoint);
                self.applied.insert(partition, applied);
            }
        }
        match halts.into_iter().next() {
            None => Ok(Turn::Done),
            Some((partition, reason)) => {
                gauges::halted(self.name, &partition);
                Err(halted(&partition, reason))
            }
        }
    }

    /// The time before which nothing is left to apply in any partition; none while that is not known.
    fn applied_until(&self, lags: &[Lag]) -> Option<i64> {
        let until = |partition: &Partition| {
            let lag = lags.iter().find(|lag| lag.topic == partition.0 && lag.partition == partition.1)?;
            let number = self.reached.get(partition).map_or(0, |at| at.number);
            let is_behind = !lag.caught_up || lag.records > 0 || number < lag.number;
            let applied = self.applied.get(partition).map(|applied| applied.appended_at);
            if is_behind { applied } else { Some(now_millis() - STALE) }
        };
        let each: Option<Vec<i64>> = self.partitions.iter().map(until).collect();
        each?.into_iter().min()
    }

    fn measure(&mut self, follower: &Follower) {
        let lags = follower.lags();
        if !lags.is_empty() {
            // Brokers have answered, even where nothing is there to read.
            self.health.set(JOURNAL, Ok(()));
        }
        if let Some(until) = self.applied_until(&lags) {
            self.sink.applied_until(until);
        }
        for lag in &lags {
            let partition = (lag.topic.clone(), lag.partition);
            let resumed = self.reached.get(&partition).map(|at| Applied {
                number: at.number,
                appended_at: 0,
                moved_at: now_millis(),
            });
            gauges::standing(self.name, lag, self.applied.get(&partition).copied().or(resumed));
        }
    }
}

/// How old what the follower says of its lag may be, in milliseconds.
const STALE: i64 = 1_000;

fn halted((topic, partition): &Partition, reason: String) -> Stopped {
    Stopped::Halted { topic: topic.to_string(), partition: *partition, reason }
}

/// Pauses between attempts: doubling, from 100 ms.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(100))
    }
}

impl Pause {
    async fn take(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}
