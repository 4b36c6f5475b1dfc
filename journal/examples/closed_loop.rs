//! How many commands a second one owner takes from N clients that each wait for their answer, and how long
//! they wait. Real Kafka, one process, values of 256 bytes, spread over all partitions.
//!
//! `cargo run -p daybook-journal --example closed_loop -- 127.0.0.1:9092 [SECONDS [PARTITIONS [CLIENTS...]]]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_journal::topics::{Topic, check, ensure};
use daybook_journal::{Admitted, Decision, Machine, Owner, Poison, Reader, Refused, Settings, Standing, Start};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// Accepts everything, and knows only the time.
struct Yes {
    latest: i64,
}

impl Machine for Yes {
    type Command = Vec<u8>;
    type Answer = u64;

    fn queue(_: &Vec<u8>) -> u128 {
        0
    }

    fn weight(command: &Vec<u8>) -> usize {
        command.len()
    }

    fn decide(&mut self, command: &Vec<u8>, number: u64, now_micros: i64) -> Decision<u64> {
        self.latest = now_micros;
        Decision::Append { value: command.clone(), traceparent: None, answer: number }
    }

    fn barrier(&mut self, _: u64, _: i64) -> Vec<u8> {
        Vec::new()
    }

    fn admitted(&mut self, _: &Admitted<'_>) -> Result<(), Poison> {
        Ok(())
    }

    fn roll_back(&mut self) {}

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Vec<u8>, _: String) -> u64 {
        0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().ok_or("which brokers? HOST:PORT")?;
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let partitions = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut clients = arguments.map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    if clients.is_empty() {
        clients = vec![1, 16, 64, 256];
    }
    let mut settings = Settings::new(brokers, "closed-loop");
    settings.development = true;
    let context = format!("bench{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let topics = [Topic::journal(&context, partitions), Topic::owners(&context, partitions)];
    runtime.block_on(ensure(&settings, &topics, 1))?;
    runtime.block_on(check(&settings, &topics))?;

    let opened = Instant::now();
    let owner = Arc::new(Owner::open(&settings, &context, |_| Yes { latest: 0 })?);
    while !owner.status().iter().all(|partition| partition.standing == Standing::Serving) {
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("serving after {:.0} ms", opened.elapsed().as_secs_f64() * 1e3);
    for clients in clients {
        let waits = runtime.block_on(run(&owner, clients, partitions, Duration::from_secs(seconds)))?;
        let milliseconds = |quantile: f64| waits.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "{clients:>4} clients: {:>7.0} commands/s   p50 {:.2} p95 {:.2} p99 {:.2} max {:.1} ms",
            waits.len() as f64 / seconds as f64,
            milliseconds(0.5),
            milliseconds(0.95),
            milliseconds(0.99),
            waits.max() as f64 / 1e3,
        );
    }
    let status = owner.status();
    Arc::into_inner(owner).ok_or("a client still holds the owner")?.shutdown(Duration::from_secs(5));

    let starts = (0..partitions).map(|partition| Start::new(topics[0].name.as_str(), partition, None));
    let mut reader = Reader::open(&settings, starts.collect())?;
    let (begun, mut entries) = (Instant::now(), 0);
    while !reader.caught_up() {
        entries += reader.poll(10_000, Duration::from_millis(100))?.entries.len();
    }
    println!("replay: {entries} entries, {:.0}/s", entries as f64 / begun.elapsed().as_secs_f64());
    let (admitted, voids): (u64, u64) =
        status.iter().fold((0, 0), |(a, v), status| (a + status.admitted, v + status.voids));
    println!("admitted {admitted}, void {voids}, memory {}", memory());
    Ok(())
}

/// Lets `clients` send one command after the other for this long.
async fn run(
    owner: &Arc<Owner<Yes>>,
    clients: usize,
    partitions: i32,
    duration: Duration,
) -> Result<Histogram<u64>, Box<dyn std::error::Error>> {
    let mut all = JoinSet::new();
    for client in 0..clients {
        let owner = owner.clone();
        all.spawn(async move {
            let mut waits = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < duration {
                let sent = Instant::now();
                owner.submit(client as i32 % partitions, vec![7; 256]).await?;
                waits.push(sent.elapsed().as_micros() as u64);
            }
            Ok::<_, Refused>(waits)
        });
    }
    let mut together = Histogram::new(3)?;
    while let Some(waits) = all.join_next().await {
        waits??.into_iter().try_for_each(|wait| together.record(wait))?;
    }
    Ok(together)
}

/// The memory this process holds now and held at most, as Linux tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
