//! The one who decides: takes commands for the partitions it owns, decides them one after the other and
//! appends what they lead to.

mod answer;
mod desk;
mod group;
mod measures;
mod producer;
mod queues;
mod shares;
mod status;
mod tenure;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::{oneshot, watch};

pub use answer::{Answered, Refused, Scope, Submission};
pub use status::{Ownership, PartitionStatus, Role, Standing};

use crate::client::{self, PATIENCE};
use crate::error::JournalError;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::topics::Topic;
use crate::track::Track;
use desk::{Counter, Desk, Submitted, lock};
use tenure::{Identity, Tenure};

/// Commands that may lie at the counter before the owner's thread has seen them.
const COUNTER_ROOM: usize = 16_384;

/// The owner of a context's journal in this process.
///
/// It reads all partitions, claims those that the group `owners.<context>` assigns to it, and decides
/// their commands on a thread of its own. To drop it stops it at once, and waits for the thread; see
/// [`shutdown`](Owner::shutdown) for the gentle way.
pub struct Owner<M: Machine> {
    counter: Arc<Counter<M>>,
    settings: Settings,
    topic: Arc<str>,
    owners: String,
    partitions: i32,
    thread: Option<JoinHandle<()>>,
}

impl<M: Machine> Owner<M> {
    /// Starts to read `journal.<context>`, and serves each partition once it is read to the end, assigned
    /// and claimed. Blocks until Kafka has told the partitions; call it outside of async code, or in
    /// `spawn_blocking`.
    ///
    /// # Errors
    /// Kafka cannot be reached, or the topic is not there.
    pub fn open(settings: &Settings, context: &str, machine: impl FnMut(i32) -> M) -> Result<Owner<M>, JournalError> {
        let owner = Owner::follow(settings, context, machine)?;
        owner.join();
        Ok(owner)
    }

    /// The same, but claims nothing until it is told to [`join`](Owner::join): for an instance that needs more than this
    /// journal to decide.
    ///
    /// # Errors
    /// Those of [`open`](Owner::open).
    pub fn follow(
        settings: &Settings,
        context: &str,
        mut machine: impl FnMut(i32) -> M,
    ) -> Result<Owner<M>, JournalError> {
        let topic: Arc<str> = Topic::journal(context, 1).name.into();
        let partitions = partitions(settings, &topic)?;
        let owners = Topic::owners(context, partitions).name;
        let identity = Identity {
            url: settings.url.clone(),
            code_version: settings.code_version,
            limits: settings.limits.clone(),
        };
        let tenures: Vec<Tenure<M>> = (0..partitions)
            .map(|partition| {
                let chance = Box::new(|| uuid::Uuid::new_v4().as_u128());
                let machine = machine(partition);
                let checkpoint = machine.resume().map(|resume| resume.checkpoint);
                let track = Track::new(topic.clone(), partition, checkpoint);
                Tenure::new(track, machine, identity.clone(), chance)
            })
            .collect();
        let counter = Arc::new(Counter::default());
        let (opened, opening) = mpsc::channel();
        let thread = {
            let (settings, topic, owners) = (settings.clone(), topic.clone(), owners.clone());
            let counter = counter.clone();
            std::thread::Builder::new().name(format!("owner {context}")).spawn(move || {
                match Desk::open(settings, topic, owners, tenures, counter) {
                    Ok(desk) => {
                        // Who opened the owner waits for this.
                        let _ = opened.send(Ok(()));
                        desk.run();
                    }
                    Err(error) => {
                        let _ = opened.send(Err(error));
                    }
                }
            })
        };
        let thread = thread.map_err(|source| JournalError::Thread { topic: topic.to_string(), source })?;
        let settings = settings.clone();
        let owner = Owner { counter, settings, topic, owners, partitions, thread: Some(thread) };
        match opening.recv() {
            Ok(opened) => opened.map(|()| owner),
            Err(_) => Err(JournalError::Thread {
                topic: owner.topic.to_string(),
                source: std::io::Error::other("it ended before it began"),
            }),
        }
    }

    /// The journal topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// How many partitions the journal has.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Hands a command to a partition's queue, at once; the future is only for its outcome, and to drop it
    /// cancels nothing.
    pub fn submit(&self, partition: i32, command: M::Command) -> Submission<M::Answer> {
        let (reply, outcome) = oneshot::channel();
        let retry_after = Duration::from_secs(1);
        let refused = if !(0..self.partitions).contains(&partition) || self.has_stopped() {
            Some(Refused::NotServing { retry_after })
        } else {
            let mut inbox = lock(&self.counter.inbox);
            if inbox.len() < COUNTER_ROOM {
                inbox.push(Submitted { partition, command, reply });
                drop(inbox);
                self.wake();
                return Submission(outcome);
            }
            Some(Refused::Overloaded { retry_after, scope: Scope::Partition })
        };
        if let Some(refused) = refused {
            // The receiver is in our hands.
            let _ = reply.send(Err(refused));
        }
        Submission(outcome)
    }

    /// Joins the group of owners: from here on this instance claims what it is assigned.
    pub fn join(&self) {
        self.counter.joining.store(true, Ordering::Release);
        self.wake();
    }

    /// Tells that the owner of a partition in that term has refused a forwarded command, so that this instance
    /// claims it, after a short random pause, although it is not assigned.
    pub fn contend(&self, partition: i32, term: u64) {
        lock(&self.counter.contended).push((partition, term));
        self.wake();
    }

    /// Who decides a partition's commands, as of the last record read; none for a partition that does not exist.
    pub fn ownership(&self, partition: i32) -> Option<Ownership> {
        let told = self.counter.ownership.borrow();
        let ownership = told.get(usize::try_from(partition).ok()?)?.clone();
        Some(if self.has_stopped() { Ownership { role: Role::Halted, ..ownership } } else { ownership })
    }

    /// Tells when the [`ownership`](Owner::ownership) of any partition changes.
    pub fn watch(&self) -> watch::Receiver<Vec<Ownership>> {
        self.counter.ownership.subscribe()
    }

    /// Leaves the group, and goes on serving until others have claimed what it owns, which then takes some
    /// milliseconds; [`has_retired`](Owner::has_retired) tells.
    pub fn retire(&self) {
        self.counter.retiring.store(true, Ordering::Release);
        self.wake();
    }

    /// This instance owns nothing any more, and claims nothing.
    pub fn has_retired(&self) -> bool {
        let owns = |told: &Ownership| matches!(told.role, Role::Owner | Role::Candidate);
        self.has_stopped()
            || self.counter.retiring.load(Ordering::Acquire) && !self.counter.ownership.borrow().iter().any(owns)
    }

    /// How many instances the group of owners has now. One that has died counts until its session has ended. Blocks.
    ///
    /// # Errors
    /// Kafka does not tell.
    pub fn members(&self) -> Result<usize, JournalError> {
        group::members(&self.settings, &self.owners)
    }

    /// How each partition stands, as of about 50 ms ago.
    pub fn status(&self) -> Vec<PartitionStatus> {
        let mut status = lock(&self.counter.status).clone();
        if self.has_stopped() {
            status.iter_mut().for_each(|partition| partition.standing = Standing::Stopped);
        }
        status
    }

    /// The owner's thread has ended, though it was not told to.
    pub fn has_stopped(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Takes no more commands, finishes those it has within `patience`, leaves the group and stops. What
    /// has no outcome by then is [`Undecided`](Refused::Undecided). Blocks.
    pub fn shutdown(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        self.counter.closing.store(true, Ordering::Release);
        self.wake();
        while !self.has_stopped() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl<M: Machine> Drop for Owner<M> {
    fn drop(&mut self) {
        self.counter.stopping.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(topic = %self.topic, "the owner's thread panicked");
        }
        // Whoever still waits is told so.
        lock(&self.counter.inbox).clear();
    }
}

/// How many partitions a topic has. Blocks.
fn partitions(settings: &Settings, topic: &str) -> Result<i32, JournalError> {
    let asking: BaseConsumer =
        client::asking(settings).create().map_err(JournalError::kafka(format!("{topic}: no client could be made")))?;
    let metadata = asking
        .fetch_metadata(Some(topic), PATIENCE)
        .map_err(JournalError::kafka(format!("{topic}: Kafka did not tell its partitions")))?;
    let partitions =
        metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len());
    match i32::try_from(partitions) {
        Ok(partitions) if partitions > 0 => Ok(partitions),
        _ => {
            Err(JournalError::Topics { refusals: vec![format!("topic {topic} does not exist; make the topics first")] })
        }
    }
}
