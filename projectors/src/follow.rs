//! Following the journals on a thread of its own: reads, decodes, and hands over chunks while the sink is at work.
//!
//! A chunk grows until the sink asks for it, up to a bound. So batches are small when little happens and large when much
//! does, and memory stays bounded when a store is away.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use daybook_journal::{Admitted, Checkpoint, Halt, JournalError, Lag, Reader, Settings, Start};
use daybook_kernel::Tenant;
use daybook_schemas::envelope;
use tokio::sync::mpsc;

use crate::{
    batch::Entry,
    decode::{Decoder, Unreadable},
    sink::Partition,
};

/// How much is handed over at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Entries.
    pub entries: usize,
    /// Bytes of their values.
    pub bytes: usize,
    /// How long after a chunk the next one comes at the earliest. What comes after a pause is handed over at once.
    pub pace: Duration,
}

/// One entry as it was read.
#[derive(Debug)]
pub struct Item {
    /// Where it stands.
    pub partition: Partition,
    /// Its number.
    pub number: u64,
    /// The entry, or what cannot be read of it.
    pub entry: Result<Entry, Unreadable>,
}

/// What was read in one go.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Entries, in order within each partition.
    pub items: Vec<Item>,
    /// The last entry read in each partition, of whatever book.
    pub reached: HashMap<Partition, (Checkpoint, i64)>,
    /// Texts of schemas learned since the last chunk.
    pub schemas: Vec<Arc<str>>,
    /// Partitions that cannot be followed any further, and why.
    pub halted: Vec<(Partition, String)>,
    bytes: usize,
}

impl Chunk {
    fn is_empty(&self) -> bool {
        self.reached.is_empty() && self.halted.is_empty()
    }
}

/// What to follow.
pub struct Order {
    /// Partitions and where to start.
    pub starts: Vec<Start>,
    /// Only this tenant's entries are decoded.
    pub only: Option<Tenant>,
    /// Nothing beyond these numbers is read, and all up to them is one chunk; without bounds where empty.
    pub cut: HashMap<Partition, u64>,
    /// How large a chunk may be.
    pub bounds: Bounds,
    /// Where this sink stands: that entry must still be there before anything else is read.
    pub standing: Option<Start>,
}

/// What the thread and the sink tell each other beside the chunks.
#[derive(Default)]
struct Shared {
    /// How each partition stands, as the thread last saw it.
    lags: Mutex<Vec<Lag>>,
    /// The sink has nothing to do.
    hungry: AtomicBool,
}

/// The receiving end. The thread ends when this is dropped.
pub struct Follower {
    chunks: mpsc::Receiver<Result<Chunk, JournalError>>,
    shared: Arc<Shared>,
}

impl Follower {
    /// The next chunk; none when the thread has ended. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Result<Chunk, JournalError>> {
        self.shared.hungry.store(true, Ordering::Release);
        self.chunks.recv().await
    }

    /// How each partition stands.
    pub fn lags(&self) -> Vec<Lag> {
        self.shared.lags.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts to follow.
///
/// # Errors
/// The operating system gives no thread.
pub fn follow(settings: Settings, decoder: Decoder, order: Order) -> std::io::Result<Follower> {
    let (sender, chunks) = mpsc::channel(1);
    let shared = Arc::<Shared>::default();
    let follower = Follower { chunks, shared: Arc::clone(&shared) };
    thread::Builder::new().name("journal".to_owned()).spawn(move || {
        let end = read(&settings, decoder, order, &sender, &shared);
        if let Err(error) = end {
            // Nobody listens any more only when the process has asked this thread to end.
            let _ = sender.blocking_send(Err(error));
        }
    })?;
    Ok(follower)
}

/// How long a poll waits for something to read before it looks whether it is still wanted.
const IDLE: Duration = Duration::from_millis(200);

/// How long nothing is read while a chunk waits for the sink: librdkafka gathers meanwhile, and one look at many entries is
/// cheaper than many looks.
const NAP: Duration = Duration::from_millis(2);

/// Entries of one poll: few, so that bytes can be counted between polls.
const GULP: usize = 64;

fn read(
    settings: &Settings,
    decoder: Decoder,
    order: Order,
    sender: &mpsc::Sender<Result<Chunk, JournalError>>,
    shared: &Shared,
) -> Result<(), JournalError> {
    let mut gather = Gather { decoder, only: order.only, cut: order.cut, chunk: Chunk::default() };
    if let Some(standing) = order.standing {
        confirm(settings, standing, sender, &mut gather)?;
        if !gather.chunk.halted.is_empty() {
            let _ = sender.blocking_send(Ok(gather.chunk));
            return Ok(());
        }
    }
    let mut reader = Reader::open(settings, order.starts)?;
    let mut looked = Instant::now();
    let mut handed: Option<Instant> = None;
    while !sender.is_closed() {
        let idle = gather.chunk.is_empty();
        let polled = reader.poll(GULP, if idle { IDLE } else { Duration::ZERO })?;
        let more = polled.entries.len() == GULP;
        for (topic, partition, offset, halt) in polled.halted {
            gather.halt(topic, partition, offset, &halt);
        }
        for admitted in polled.entries {
            gather.take(admitted);
        }
        if idle || looked.elapsed() >= Duration::from_millis(500) {
            *shared.lags.lock().unwrap_or_else(PoisonError::into_inner) = reader.lag();
            looked = Instant::now();
        }
        let rested = handed.is_none_or(|handed| handed.elapsed() >= order.bounds.pace);
        if gather.is_due(&order.bounds, || rested && shared.hungry.swap(false, Ordering::AcqRel)) {
            handed = Some(Instant::now());
            if sender.blocking_send(Ok(std::mem::take(&mut gather.chunk))).is_err() {
                return Ok(());
            }
        } else if !gather.chunk.is_empty() && !more {
            thread::sleep(NAP);
        }
    }
    Ok(())
}

/// Reads the entry again at which the sink stands. Were it not there, what lies before it could not be trusted either.
fn confirm(
    settings: &Settings,
    standing: Start,
    sender: &mpsc::Sender<Result<Chunk, JournalError>>,
    gather: &mut Gather,
) -> Result<(), JournalError> {
    let mut reader = Reader::open(settings, vec![standing])?;
    while !sender.is_closed() {
        let polled = reader.poll(1, IDLE)?;
        for (topic, partition, offset, halt) in polled.halted {
            gather.halt(topic, partition, offset, &halt);
        }
        if !gather.chunk.halted.is_empty() || reader.lag().iter().all(|lag| lag.resumed) {
            break;
        }
    }
    Ok(())
}

/// Gathers entries into chunks.
struct Gather {
    decoder: Decoder,
    only: Option<Tenant>,
    cut: HashMap<Partition, u64>,
    chunk: Chunk,
}

impl Gather {
    /// Takes the entry into the chunk, unless it lies beyond the cut.
    fn take(&mut self, admitted: Admitted<'static>) {
        let partition = (Arc::clone(&admitted.position.topic), admitted.position.partition);
        if !self.cut.is_empty() && self.cut.get(&partition).is_none_or(|last| admitted.position.number > *last) {
            return;
        }
        self.chunk.bytes += admitted.value.len();
        self.chunk.reached.insert(partition.clone(), (admitted.checkpoint, admitted.timestamp));
        let number = admitted.position.number;
        if self
            .only
            .is_some_and(|tenant| envelope::Entry::decode(&admitted.value).is_ok_and(|entry| entry.tenant != tenant))
        {
            return;
        }
        let entry = self.decoder.decode(&admitted);
        self.chunk.schemas.append(&mut self.decoder.learned());
        self.chunk.items.push(Item { partition, number, entry });
    }

    fn halt(&mut self, topic: Arc<str>, partition: i32, offset: i64, halt: &Halt) {
        self.chunk.halted.push(((topic, partition), format!("at offset {offset}: {halt}")));
    }

    /// Whether the chunk is to be handed over: because it must, or because the sink `may` have it.
    fn is_due(&self, bounds: &Bounds, may: impl FnOnce() -> bool) -> bool {
        let Chunk { items, reached, halted, bytes, .. } = &self.chunk;
        if !halted.is_empty() {
            return true;
        }
        if !self.cut.is_empty() {
            let is_reached = |(partition, last): (&Partition, &u64)| {
                reached.get(partition).is_some_and(|(checkpoint, _)| checkpoint.number >= *last)
            };
            return self.cut.iter().all(is_reached);
        }
        items.len() >= bounds.entries || *bytes >= bounds.bytes || !reached.is_empty() && may()
    }
}
