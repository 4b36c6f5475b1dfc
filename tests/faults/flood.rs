//! One tenant floods, seven others work as always: what their p99 becomes. One owner, one partition, a book for each
//! tenant; the seven keep their times whatever becomes of the calls before (open loop), and the flood is as many
//! commands as are taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use daybook_journal::topics::{Topic, ensure};
use daybook_journal::{Admitted, Decision, Machine, Owner, Poison, Standing};
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::World;

const OTHERS: u128 = 7;
/// Between two commands of each of the others.
const STEADY: Duration = Duration::from_millis(10);
const ENTRY: usize = 256;
/// Clients of the flood; each gives its next command when the last is answered.
const FLOOD: usize = 64;
/// How long a refused client of the flood waits.
const REFUSED: Duration = Duration::from_millis(20);
/// How long each part takes; quiet and flooded parts take turns.
const PART: Duration = Duration::from_secs(4);
const TURNS: usize = 5;

struct Command {
    book: u128,
    bytes: usize,
}

/// Books that keep nothing but the time.
#[derive(Default)]
struct Books {
    latest: i64,
}

impl Machine for Books {
    type Command = Command;
    type Answer = ();

    fn queue(command: &Command) -> u128 {
        command.book
    }

    fn weight(command: &Command) -> usize {
        command.bytes
    }

    fn decide(&mut self, command: &Command, _: u64, now_micros: i64) -> Decision<()> {
        self.latest = now_micros;
        Decision::Append { value: vec![7; command.bytes], traceparent: None, answer: () }
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

    fn panicked(_: &Command, message: String) {
        panic!("{message}")
    }
}

/// Measures with a flood of small commands, and with one of heavy ones, and prints both; the last line is JSON.
///
/// Of each part the p99 counts, and of those the median: one stall of the machine spoils one part, not all.
pub async fn measure(broker: SocketAddr) {
    let mut ratios = Vec::new();
    for (name, bytes) in [("many", ENTRY), ("heavy", 16 << 10)] {
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        let owner = Arc::new(begin(broker, name).await);
        steady(&owner, PART).await;
        let mut taken = 0;
        for _ in 0..TURNS {
            quiet.push(p99(steady(&owner, PART).await));
            let enough = Arc::new(AtomicBool::new(false));
            let flood = flood(&owner, bytes, &enough);
            flooded.push(p99(steady(&owner, PART).await));
            enough.store(true, Ordering::Relaxed);
            taken += flood.join_all().await.into_iter().sum::<u64>();
        }
        println!("flood of {bytes} bytes: p99 of the others in each part without {quiet:.1?}, with {flooded:.1?}");
        let (before, beside) = (median(&mut quiet), median(&mut flooded));
        let rate = taken as f64 / (PART.as_secs_f64() * TURNS as f64);
        let ratio = beside.as_secs_f64() / before.as_secs_f64();
        println!(
            "flood of {bytes} bytes, {rate:.0} commands/s: p99 of the others {before:.2?} without, {beside:.2?} with: \
             {ratio:.2} times"
        );
        ratios.push((name, (ratio * 100.0).round() / 100.0));
    }
    let ratios: serde_json::Map<_, _> =
        ratios.into_iter().map(|(name, ratio)| (name.to_owned(), json!(ratio))).collect();
    println!("{}", json!({ "p99_beside_a_flood": ratios }));
}

async fn begin(broker: SocketAddr, name: &str) -> Owner<Books> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (settings, context) = (World::settings(broker), format!("flood{name}t{since_1970}"));
    ensure(&settings, &[Topic::journal(&context, 1), Topic::owners(&context, 1)], 1).await.unwrap();
    let opening = move || Owner::open(&settings, &context, |_| Books::default()).unwrap();
    let owner = tokio::task::spawn_blocking(opening).await.unwrap();
    while owner.status()[0].standing != Standing::Serving {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    owner
}

/// The others at work for this long; how long each of their commands took from when it should have begun.
async fn steady(owner: &Arc<Owner<Books>>, time: Duration) -> Vec<Duration> {
    let (begun, mut books) = (Instant::now(), JoinSet::new());
    for book in 1..=OTHERS {
        let owner = owner.clone();
        // Not all at the same moment.
        let mut due = begun + STEADY * u32::try_from(book).unwrap() / u32::try_from(OTHERS).unwrap();
        books.spawn(async move {
            let mut under_way = JoinSet::new();
            while due < begun + time {
                tokio::time::sleep_until(due.into()).await;
                let answer = owner.submit(0, Command { book, bytes: ENTRY });
                under_way.spawn(async move {
                    answer.await.expect("the others are never refused");
                    due.elapsed()
                });
                due += STEADY;
            }
            under_way.join_all().await
        });
    }
    books.join_all().await.concat()
}

/// Clients of one book that give as many commands as are taken; each says how many were.
fn flood(owner: &Arc<Owner<Books>>, bytes: usize, enough: &Arc<AtomicBool>) -> JoinSet<u64> {
    let mut clients = JoinSet::new();
    for _ in 0..FLOOD {
        let (owner, enough) = (owner.clone(), enough.clone());
        clients.spawn(async move {
            let mut taken = 0;
            while !enough.load(Ordering::Relaxed) {
                match owner.submit(0, Command { book: 0, bytes }).await {
                    Ok(_) => taken += 1,
                    Err(_) => tokio::time::sleep(REFUSED).await,
                }
            }
            taken
        });
    }
    clients
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
