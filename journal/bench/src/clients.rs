//! The closed loop: clients that each give a command, wait for its answer, and give the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::ticket::Note;
use crate::usage::{Servers, Usage};

/// What goes wrong ends the run, with its own words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A store under test.
pub trait Store: Send + Sync + 'static {
    /// Gives a command and waits for its answer: accepted, and kept as this store keeps things.
    fn note(&self, client: usize, note: Note) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What was measured of one store with so many clients, once.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Commands answered in a second.
    pub per_second: f64,
    /// The median wait for an answer, in milliseconds.
    pub p50: f64,
    /// The wait that one in a hundred exceeds, in milliseconds.
    pub p99: f64,
    /// CPU time of this process for a command, in microseconds: clients and what decides.
    pub own_cpu: f64,
    /// CPU time of the store's server for a command, in microseconds.
    pub server_cpu: f64,
    /// How often in a second the disk was told to make what it had durable.
    pub flushes: f64,
    /// The share of a processor that the other stores' servers used meanwhile.
    pub others: f64,
}

/// How long a cell is.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Load that is not counted yet.
    pub warm_up: Duration,
    /// Load that is.
    pub counted: Duration,
}

const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// Loads a store with so many clients; `server` is what its own server is called.
///
/// # Errors
/// A command was refused or has failed: here none may be.
pub async fn run(
    store: Arc<impl Store>,
    clients: usize,
    length: Length,
    servers: &Servers,
    server: &str,
) -> Result<Measured, Failure> {
    let run = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut all = JoinSet::new();
    for client in 0..clients {
        let (store, phase) = (store.clone(), phase.clone());
        all.spawn(async move {
            let mut waits: Vec<u32> = Vec::new();
            for nth in 0.. {
                let sent = Instant::now();
                store.note(client, Note::nth(run, client, nth)).await?;
                match phase.load(Ordering::Relaxed) {
                    WARMING => {}
                    COUNTING => waits.push(u32::try_from(sent.elapsed().as_micros())?),
                    _ => break,
                }
            }
            Ok::<_, Failure>(waits)
        });
    }
    let watching = async {
        tokio::time::sleep(length.warm_up).await;
        let (begun, before) = (Instant::now(), servers.usage(server)?);
        phase.store(COUNTING, Ordering::Relaxed);
        tokio::time::sleep(length.counted).await;
        phase.store(OVER, Ordering::Relaxed);
        Ok::<_, Failure>((begun.elapsed(), servers.usage(server)? - before))
    };
    let mut waits = Histogram::<u64>::new(3)?;
    let gathering = async {
        while let Some(of_one) = all.join_next().await {
            of_one??.into_iter().try_for_each(|wait| waits.record(wait.into()))?;
        }
        Ok::<_, Failure>(())
    };
    let ((elapsed, usage), ()) = tokio::try_join!(watching, gathering)?;
    Ok(measured(&waits, elapsed, &usage))
}

fn measured(waits: &Histogram<u64>, elapsed: Duration, usage: &Usage) -> Measured {
    let (commands, seconds) = (waits.len() as f64, elapsed.as_secs_f64());
    Measured {
        per_second: commands / seconds,
        p50: waits.value_at_quantile(0.5) as f64 / 1e3,
        p99: waits.value_at_quantile(0.99) as f64 / 1e3,
        own_cpu: usage.own * 1e6 / commands,
        server_cpu: usage.server * 1e6 / commands,
        flushes: usage.flushes as f64 / seconds,
        others: usage.others / seconds,
    }
}
