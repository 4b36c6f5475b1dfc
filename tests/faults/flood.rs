//! One tenant floods, seven others work as always: what their p99 becomes. One owner, one partition, a book for each
//! tenant; the seven keep their times whatever becomes of the calls before (open loop), and the flood is as many
//! commands as are taken.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
/// Commands that the flood has under way.
const FLOOD: usize = 512;
/// How long each part takes; quiet and flooded parts take turns.
const PART: Duration = Duration::from_secs(5);
const TURNS: usize = 3;

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
pub async fn measure(broker: SocketAddr) {
    let mut ratios = Vec::new();
    for (name, bytes) in [("many", ENTRY), ("heavy", 16 << 10)] {
        let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
        let owner = Arc::new(begin(broker, name).await);
        steady(&owner, PART).await;
        let mut taken = 0;
        for _ in 0..TURNS {
            quiet.extend(steady(&owner, PART).await);
            let enough = Arc::new(AtomicBool::new(false));
            let flood = tokio::spawn(flood(owner.clone(), bytes, enough.clone()));
            flooded.extend(steady(&owner, PART).await);
            enough.store(true, Ordering::Relaxed);
            taken += flood.await.unwrap();
        }
        let (before, beside) = (p99(&mut quiet), p99(&mut flooded));
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

/// As many commands of one book as are taken; how many were.
async fn flood(owner: Arc<Owner<Books>>, bytes: usize, enough: Arc<AtomicBool>) -> u64 {
    let (mut under_way, taken) = (VecDeque::new(), AtomicU64::new(0));
    while !enough.load(Ordering::Relaxed) {
        while under_way.len() < FLOOD {
            under_way.push_back(owner.submit(0, Command { book: 0, bytes }));
        }
        let Some(next) = under_way.pop_front() else { continue };
        match next.await {
            Ok(_) => {
                taken.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    for rest in under_way {
        taken.fetch_add(rest.await.is_ok().into(), Ordering::Relaxed);
    }
    taken.into_inner()
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
