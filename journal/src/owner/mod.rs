//! The one who decides: takes commands for the partitions it owns, decides them one after the other and
//! appends what they lead to.

mod answer;
mod desk;
mod group;
mod measures;
mod producer;
mod queues;
mod status;
mod tenure;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::oneshot;

pub use answer::{Answered, Refused, Scope, Submission};
pub use status::{PartitionStatus, Standing};

use crate::client::{self, PATIENCE};
use crate::error::JournalError;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::topics::Topic;
use crate::track::Track;
use desk::{Counter, Desk, Submitted, lock};
use group::Group;
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
    topic: Arc<str>,
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
    pub fn open(
        settings: &Settings,
        context: &str,
        mut machine: impl FnMut(i32) -> M,
    ) -> Result<Owner<M>, JournalError> {
        let topic: Arc<str> = Topic::journal(context, 1).name.into();
        let partitions = partitions(settings, &topic)?;
        let group = Group::join(settings, Topic::owners(context, partitions).name)?;
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
            let (settings, topic, counter) = (settings.clone(), topic.clone(), counter.clone());
            std::thread::Builder::new().name(format!("owner {context}")).spawn(move || {
                match Desk::open(settings, topic, group, tenures, counter) {
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
        let owner = Owner { counter, topic, partitions, thread: Some(thread) };
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

    /// Tells that the instance which should own a partition has refused a forwarded command, so that this
    /// one claims it, after a short random pause, although it is not assigned.
    pub fn contend(&self, partition: i32) {
        lock(&self.counter.contended).push(partition);
        self.wake();
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
