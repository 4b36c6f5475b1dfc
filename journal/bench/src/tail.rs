//! The tail: how soon a reader on a thread of its own sees what an owner appends, in an open loop. Appends begin at their times
//! whatever becomes of those before.

use std::thread;
use std::time::{Duration, Instant};

use daybook_journal::{Admitted, Decision, From, Limits, Machine, Poison, Reader, Start};
use hdrhistogram::Histogram;

use crate::clients::{Failure, Length};
use crate::journal::{Durability, close, fresh_context, open, settings};
use crate::ticket::EVENT_BYTES;

/// How long the reader waits for what was appended before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// What was measured, once.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// Entries seen in a second.
    pub per_second: f64,
    /// The median from the moment before the append until the reader has it, in milliseconds.
    pub p50: f64,
    /// What one in a hundred exceeds, in milliseconds.
    pub p99: f64,
    /// The longest, in milliseconds.
    pub max: f64,
    /// What one in a hundred exceeds from the moment when the append should have begun, in milliseconds: a stall of the owner is
    /// charged to all it delays.
    pub due_p99: f64,
}

/// Appends so many entries a second to a partition of its own, and follows them.
///
/// # Errors
/// An append is refused, or an entry is not seen in time: here neither may be.
pub async fn run(brokers: &str, durability: Durability, rate: u32, length: Length) -> Result<Tail, Failure> {
    let origin = Instant::now();
    let mut settings = settings(brokers);
    // On a machine that cannot keep up everything waits, and the figures say so: nothing is refused.
    settings.limits = Limits {
        book_commands: usize::MAX,
        book_bytes: usize::MAX,
        partition_commands: usize::MAX,
        partition_bytes: usize::MAX,
        age: LOST,
        stall: LOST,
        ..settings.limits
    };
    let owner = open(&settings, &fresh_context()?, durability, move || Clock { origin, latest: 0 }).await?;
    let counted = |duration: Duration| (f64::from(rate) * duration.as_secs_f64()) as u64;
    let (skipped, all) = (counted(length.warm_up), counted(length.warm_up + length.counted));
    let topic = owner.topic().clone();
    let followed = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let reader = Reader::open(&settings, vec![Start { topic, partition: 0, from: From::Tail }])?;
        let following = thread::spawn(move || follow(reader, origin, skipped, all));
        let begin = origin.elapsed();
        let mut submitted = Vec::new();
        for nth in 0..all {
            let due = begin + Duration::from_nanos(nth * 1_000_000_000 / u64::from(rate));
            thread::sleep(due.saturating_sub(origin.elapsed()));
            submitted.push(owner.submit(0, Due(due)));
        }
        Ok((owner, submitted, following))
    });
    let (owner, submitted, following) = followed.await??;
    for submission in submitted {
        submission.await?;
    }
    let tail = tokio::task::spawn_blocking(move || following.join().map_err(|_| "the reader's thread has panicked"));
    let tail = tail.await???;
    close(brokers, owner).await?;
    Ok(tail)
}

/// Reads all of them; the first ones are not counted.
fn follow(mut reader: Reader, origin: Instant, skipped: u64, all: u64) -> Result<Tail, Failure> {
    let (mut waits, mut since_due) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let (mut read, mut latest, mut begun) = (0, Instant::now(), None);
    while read < all {
        let batch = reader.poll(1_000, Duration::from_millis(100))?;
        let now = origin.elapsed();
        if let Some((_, _, offset, halt)) = batch.halted.first() {
            return Err(format!("the reader has halted at offset {offset}: {halt}").into());
        }
        // A barrier says nothing.
        for entry in batch.entries.iter().filter(|entry| !entry.value.is_empty()) {
            let stamp = Stamp::read(&entry.value)?;
            (read, latest) = (read + 1, Instant::now());
            if read > skipped {
                begun.get_or_insert(now);
                waits.record(u64::try_from(now.saturating_sub(stamp.appended).as_micros())?)?;
                since_due.record(u64::try_from(now.saturating_sub(stamp.due).as_micros())?)?;
            }
        }
        if latest.elapsed() > LOST {
            return Err(format!("{read} of {all} entries were seen, and no more within {LOST:?}").into());
        }
    }
    let seconds = (origin.elapsed() - begun.unwrap_or_default()).as_secs_f64();
    let millis = |micros: u64| micros as f64 / 1e3;
    Ok(Tail {
        per_second: waits.len() as f64 / seconds,
        p50: millis(waits.value_at_quantile(0.5)),
        p99: millis(waits.value_at_quantile(0.99)),
        max: millis(waits.max()),
        due_p99: millis(since_due.value_at_quantile(0.99)),
    })
}

/// An append that should begin so long after the run's origin.
struct Due(Duration);

/// Two times since the run's origin, at the beginning of an entry: one clock for owner and reader.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    due: Duration,
    appended: Duration,
}

impl Stamp {
    /// An entry of the size of the other stores' events.
    fn write(&self) -> Vec<u8> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
        let mut value = Vec::with_capacity(EVENT_BYTES);
        value.extend(nanos(self.due));
        value.extend(nanos(self.appended));
        value.resize(EVENT_BYTES, b'.');
        value
    }

    fn read(value: &[u8]) -> Result<Stamp, Failure> {
        let nanos = |place: usize| -> Result<Duration, Failure> {
            let bytes = value.get(place..place + 8).ok_or("an entry without a stamp")?;
            Ok(Duration::from_nanos(u64::from_be_bytes(bytes.try_into()?)))
        };
        Ok(Stamp { due: nanos(0)?, appended: nanos(8)? })
    }
}

/// Decides nothing: writes down when.
struct Clock {
    origin: Instant,
    latest: i64,
}

impl Machine for Clock {
    type Command = Due;
    type Answer = ();

    fn queue(_: &Due) -> u128 {
        1
    }

    fn weight(_: &Due) -> usize {
        size_of::<Due>()
    }

    fn decide(&mut self, due: &Due, _: u64, now_micros: i64) -> Decision<()> {
        self.latest = now_micros;
        let stamp = Stamp { due: due.0, appended: self.origin.elapsed() };
        Decision::Append { value: stamp.write(), traceparent: None, answer: () }
    }

    fn barrier(&mut self, _: u64, now_micros: i64) -> Vec<u8> {
        self.latest = now_micros;
        Vec::new()
    }

    fn admitted(&mut self, _: &Admitted<'_>) -> Result<(), Poison> {
        Ok(())
    }

    fn roll_back(&mut self) {}

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Due, message: String) {
        panic!("a stamp is always written: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_the_size_of_an_event_and_comes_back() {
        let stamp = Stamp { due: Duration::from_nanos(7), appended: Duration::from_secs(3_600) };
        assert_eq!(stamp.write().len(), EVENT_BYTES);
        assert_eq!(Stamp::read(&stamp.write()).unwrap(), stamp);
        assert!(Stamp::read(b"short").is_err());
    }
}
