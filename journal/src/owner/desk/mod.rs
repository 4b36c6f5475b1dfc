//! The owner's thread: reads the log, decides what has come in, appends it, and waits for more of either.

mod catching_up;
mod repair;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use tokio::sync::{oneshot, watch};

use super::answer::Outcome;
use super::group::Group;
use super::producer::{Appender, Handed};
use super::status::{Ownership, PartitionStatus};
use super::tenure::{Now, Tenure};
use crate::client::{self, Ear};
use crate::error::JournalError;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::track::Record;

/// Records read before commands get their turn.
const READ_AT_ONCE: usize = 512;

/// How often the group is heard, failures are looked for and the status is shown.
const ROUND: Duration = Duration::from_millis(50);

/// How soon a full producer is tried again.
const FULL: Duration = Duration::from_millis(1);

/// What the thread shares with the process.
pub(super) struct Counter<M: Machine> {
    pub(super) inbox: Mutex<Vec<Submitted<M>>>,
    pub(super) contended: Mutex<Vec<(i32, u64)>>,
    pub(super) status: Mutex<Vec<PartitionStatus>>,
    /// By partition, as of the last record read.
    pub(super) ownership: watch::Sender<Vec<Ownership>>,
    /// The owner is to join the group, and so to claim what it is assigned.
    pub(super) joining: AtomicBool,
    /// The owner is to leave the group, and to serve until others have taken over.
    pub(super) retiring: AtomicBool,
    /// The owner is to finish what it has and stop.
    pub(super) closing: AtomicBool,
    /// The owner is to stop at once.
    pub(super) stopping: AtomicBool,
}

impl<M: Machine> Default for Counter<M> {
    fn default() -> Self {
        Counter {
            inbox: Mutex::default(),
            contended: Mutex::default(),
            status: Mutex::default(),
            ownership: watch::Sender::default(),
            joining: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }
}

/// A command on its way to its partition.
pub(super) struct Submitted<M: Machine> {
    pub(super) partition: i32,
    pub(super) command: M::Command,
    pub(super) reply: oneshot::Sender<Outcome<M::Answer>>,
}

/// See the module.
pub(super) struct Desk<M: Machine> {
    pub(super) counter: Arc<Counter<M>>,
    settings: Settings,
    topic: Arc<str>,
    /// The topic whose group says who should own a partition.
    owners: String,
    reading: ClientConfig,
    consumer: BaseConsumer<Ear>,
    appender: Appender,
    /// Once it has joined.
    group: Option<Group>,
    /// By partition.
    tenures: Vec<Tenure<M>>,
    /// Where each log ended at the start.
    ends: Vec<i64>,
    next_round: Instant,
    consumer_since: Instant,
    /// What was told last, by partition.
    told: Vec<Ownership>,
}

impl<M: Machine> Desk<M> {
    /// Sets everything up; to be called on the thread that will [`run`](Desk::run).
    pub(super) fn open(
        settings: Settings,
        topic: Arc<str>,
        owners: String,
        mut tenures: Vec<Tenure<M>>,
        counter: Arc<Counter<M>>,
    ) -> Result<Desk<M>, JournalError> {
        let mut reading = client::reading(&settings);
        reading.set("enable.partition.eof", "true");
        let asking = client::consumer(&reading, std::iter::empty())?;
        let mut ends = Vec::new();
        for (partition, tenure) in (0..).zip(&mut tenures) {
            let (low, high) = client::watermarks(&asking, &topic, partition)?;
            tenure.fits(low, high);
            ends.push(high);
        }
        let partitions = i32::try_from(ends.len()).unwrap_or(i32::MAX);
        let appender = Appender::open(&settings, &topic, partitions)?;
        let consumer = consumer(&reading, &topic, &tenures)?;
        let (now, ends_known) = (Instant::now(), ends.len());
        let mut desk = Desk {
            counter,
            settings,
            topic,
            owners,
            reading,
            consumer,
            appender,
            group: None,
            tenures,
            ends,
            next_round: now,
            consumer_since: now,
            told: vec![Ownership::default(); ends_known],
        };
        desk.note_ends();
        desk.counter.ownership.send_replace(desk.told.clone());
        desk.tell();
        desk.show(now);
        Ok(desk)
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        while !self.counter.stopping.load(Ordering::Acquire) {
            let now = self.now();
            let mut busy = if self.is_behind() { self.catch_up(now) } else { self.read(now) };
            busy |= self.take_commands(now);
            for tenure in &mut self.tenures {
                tenure.work(now);
            }
            self.hand_over(now);
            self.tell();
            self.appender.listen();
            if now.instant >= self.next_round {
                self.next_round = now.instant + ROUND;
                self.go_round(now);
                if self.counter.closing.load(Ordering::Acquire) && self.tenures.iter().all(Tenure::is_idle) {
                    break;
                }
            }
            if !busy {
                let instant = Instant::now();
                let full = self.tenures.iter().any(|tenure| tenure.next_append().is_some()).then(|| instant + FULL);
                let due = self.tenures.iter().filter_map(|tenure| tenure.due(instant));
                let until = due.chain(full).fold(self.next_round, Instant::min);
                std::thread::park_timeout(until.saturating_duration_since(instant));
            }
        }
        if let Some(mut group) = self.group {
            group.leave();
        }
        tracing::info!(topic = %self.topic, "the owner has stopped");
    }

    /// Reads what is there; true if there was anything.
    fn read(&mut self, now: Now) -> bool {
        let mut read = 0;
        let mut nothing = 0;
        // The first "nothing" may be an event of librdkafka's own that hides a record behind it.
        while read < READ_AT_ONCE && nothing < 2 {
            match self.consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    read += 1;
                    let Some(tenure) = tenure_of(&mut self.tenures, message.partition()) else {
                        continue;
                    };
                    match Record::of(&message) {
                        Ok(record) => tenure.read(&record, now),
                        Err(halt) => tenure.halt(halt),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Some(tenure) = tenure_of(&mut self.tenures, partition) {
                        tenure.caught_up();
                    }
                }
                Some(Err(error)) => self.mend(error),
                None => nothing += 1,
            }
        }
        if read > 0 {
            self.note_ends();
        }
        read > 0
    }

    fn now(&self) -> Now {
        let since_1970 = (self.settings.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { instant: Instant::now(), micros: i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX) }
    }

    fn note_ends(&mut self) {
        for (tenure, end) in self.tenures.iter_mut().zip(&self.ends) {
            if tenure.next_offset() >= *end {
                tenure.caught_up();
            }
        }
    }

    fn take_commands(&mut self, now: Now) -> bool {
        let submitted = std::mem::take(&mut *lock(&self.counter.inbox));
        let any = !submitted.is_empty();
        for Submitted { partition, command, reply } in submitted {
            if let Some(tenure) = tenure_of(&mut self.tenures, partition) {
                tenure.submit(command, reply, now);
            }
        }
        any
    }

    /// Gives the producer what is to be appended, as far as it takes it.
    fn hand_over(&mut self, now: Now) {
        for (partition, tenure) in (0..).zip(&mut self.tenures) {
            while let Some(append) = tenure.next_append() {
                let generation = append.generation;
                match self.appender.hand_over(partition, append) {
                    Handed::Over => tenure.appended(),
                    Handed::Full => break,
                    Handed::Refused(error) => {
                        tracing::error!(topic = %self.topic, partition, %error, "a record cannot be sent");
                        tenure.appended();
                        tenure.undelivered(generation, now);
                    }
                }
            }
        }
    }

    /// All that need not happen at once.
    fn go_round(&mut self, now: Now) {
        self.take_part();
        for (partition, term) in std::mem::take(&mut *lock(&self.counter.contended)) {
            if let Some(tenure) = tenure_of(&mut self.tenures, partition) {
                tenure.contend(term, now);
            }
        }
        self.renew_producer();
        for undelivered in self.appender.undelivered() {
            if let Some(tenure) = tenure_of(&mut self.tenures, undelivered.partition) {
                tenure.undelivered(undelivered.generation, now);
            }
        }
        self.look_for_unread(now);
        self.tenures.iter_mut().for_each(|tenure| tenure.expire(now));
        self.tenures.iter_mut().for_each(Tenure::keep);
        if self.counter.closing.load(Ordering::Acquire) {
            self.tenures.iter_mut().for_each(Tenure::close);
        }
        self.show(now.instant);
    }

    /// Takes part in the group as far as it is wanted, and hears what it should own.
    fn take_part(&mut self) {
        let retiring = self.counter.retiring.load(Ordering::Acquire);
        if self.group.is_none() && !retiring && self.counter.joining.load(Ordering::Acquire) {
            match Group::join(&self.settings, self.owners.clone()) {
                Ok(group) => self.group = Some(group),
                Err(error) => tracing::error!(topic = %self.topic, %error, "the group of owners is not joined yet"),
            }
        }
        if retiring {
            self.tenures.iter_mut().for_each(Tenure::retire);
        }
        let Some(group) = &mut self.group else { return };
        if retiring {
            group.leave();
        }
        if let Some(assigned) = group.listen() {
            for (partition, tenure) in (0..).zip(&mut self.tenures) {
                tenure.assign(assigned.contains(&partition));
            }
        }
    }

    /// Tells who waits for it that a partition has another owner, or this instance another part.
    fn tell(&mut self) {
        let mut changed = false;
        for (told, tenure) in self.told.iter_mut().zip(&self.tenures) {
            changed |= tenure.tell(told);
        }
        if changed {
            self.counter.ownership.send_replace(self.told.clone());
        }
    }

    fn show(&mut self, now: Instant) {
        let ear = self.consumer.client().context();
        let status: Vec<PartitionStatus> = (0..)
            .zip(&self.tenures)
            .zip(&self.ends)
            .map(|((partition, tenure), end)| {
                let end = ear.end(&self.topic, partition).unwrap_or(0).max(*end);
                tenure.show(end, now)
            })
            .collect();
        *lock(&self.counter.status) = status;
    }
}

fn tenure_of<M: Machine>(tenures: &mut [Tenure<M>], partition: i32) -> Option<&mut Tenure<M>> {
    tenures.get_mut(usize::try_from(partition).ok()?)
}

/// Reads all partitions that have not halted from where they stand, and wakes this thread whenever there
/// is something.
fn consumer<M: Machine>(
    reading: &ClientConfig,
    topic: &str,
    tenures: &[Tenure<M>],
) -> Result<BaseConsumer<Ear>, JournalError> {
    let readable = (0..).zip(tenures).filter(|(_, tenure)| !tenure.is_halted());
    let from = readable.map(|(partition, tenure)| (topic, partition, tenure.next_offset()));
    let mut consumer = client::consumer(reading, from)?;
    let owner = std::thread::current();
    consumer.set_nonempty_callback(move || owner.unpark());
    Ok(consumer)
}

/// A panic elsewhere does not make what is shared here any less right.
pub(super) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
