//! Faults on a real Kafka: for each of them, by seed, a journal with three owner processes under load, in which one
//! thing goes wrong; and then every promise that was made to a client is judged against the whole journal.
//!
//! `make faults` does all of it, `make test` each fault once. Needs `DAYBOOK_TEST_KAFKA`, the address of a broker of
//! the state folder `DAYBOOK_STATE`, which is killed too. Options: `--seeds N` for each fault (1), `--from SEED` (1),
//! `--only FAULT,…`, `--side-by-side N` runs (3). The last line is one of JSON; the exit code says whether a promise
//! was broken. `flood` alone measures what one tenant's flood costs the others. `DAYBOOK_FAULTS_DISK` says that the
//! broker's data are on a small disk of their own, which may be filled.
#![allow(clippy::unwrap_used)]

#[path = "../../journal/tests/kafka/bank.rs"]
mod bank;
mod broker;
mod chance;
mod fault;
mod flood;
mod foreign;
mod outside;
mod owner;
mod process;
mod record;
mod run;
mod verdict;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use futures::StreamExt;
use serde_json::json;

use fault::Fault;
use verdict::Tally;

/// What is to be done.
struct Wish {
    seeds: u64,
    from: u64,
    only: Option<String>,
    side_by_side: usize,
}

impl Wish {
    fn read(mut arguments: impl Iterator<Item = String>) -> Wish {
        let mut wish = Wish { seeds: 1, from: 1, only: None, side_by_side: 3 };
        while let Some(option) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{option} wants a value"));
            match option.as_str() {
                "--seeds" => wish.seeds = value.parse().unwrap(),
                "--from" => wish.from = value.parse().unwrap(),
                "--only" => wish.only = Some(value),
                "--side-by-side" => wish.side_by_side = value.parse().unwrap(),
                _ => panic!("{option} is no option: see the head of this program"),
            }
        }
        wish
    }

    fn runs(&self) -> Vec<(Fault, u64)> {
        let wanted = |fault: &Fault| {
            let named = format!("{fault:?}");
            self.only.as_ref().is_none_or(|only| only.split(',').any(|one| one == named))
        };
        let faults = Fault::ALL.into_iter().filter(|fault| fault.is_possible() && wanted(fault));
        let seeds = self.from..self.from + self.seeds;
        faults.flat_map(|fault| seeds.clone().map(move |seed| (fault, seed))).collect()
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, brokers, context] = arguments.as_slice()
        && verb == "owner"
    {
        owner::run(brokers, context);
        return ExitCode::SUCCESS;
    }
    let broker = std::env::var("DAYBOOK_TEST_KAFKA").expect("DAYBOOK_TEST_KAFKA is not set, such as 127.0.0.1:19092");
    let broker = broker.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if arguments == ["flood"] {
        runtime.block_on(flood::measure(broker));
        return ExitCode::SUCCESS;
    }
    runtime.block_on(matrix(broker, &Wish::read(arguments.into_iter())))
}

async fn matrix(broker: SocketAddr, wish: &Wish) -> ExitCode {
    let begun = Instant::now();
    let mut table: BTreeMap<Fault, Tally> = BTreeMap::new();
    let mut logs = Vec::new();
    let runs = wish.runs();
    let all = runs.len();
    let (alone, beside): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(fault, _)| fault.is_everybodys());
    let mut done = 0;
    // A broker that has many logs takes long to come back.
    for (runs, side_by_side) in [(alone, 1), (beside, wish.side_by_side)] {
        let mut runs = futures::stream::iter(runs)
            .map(|(fault, seed)| async move { (fault, seed, run::run(broker, fault, seed).await) })
            .buffer_unordered(side_by_side);
        while let Some((fault, seed, (tally, log))) = runs.next().await {
            for violation in &tally.violations {
                println!("{fault:?}, seed {seed}: {violation}");
            }
            done += 1;
            if done % 20 == 0 {
                eprintln!("{done} of {all} runs, {} s", begun.elapsed().as_secs());
            }
            table.entry(fault).or_default().add(&tally);
            logs.extend(log);
        }
    }
    print(&table);
    let mut all = Tally::default();
    table.values().for_each(|tally| all.add(tally));
    let agree = outside::agrees(broker, &logs);
    let unfelt = table.values().filter(|tally| tally.felt == 0).count();
    let seconds = begun.elapsed().as_secs();
    let (runs, faults, violations) = (all.runs, table.len(), all.violations.len());
    println!(
        "{}",
        json!({
            "runs": runs, "faults": faults, "acknowledged": all.accepted, "void": all.void, "void_records": all.voids,
            "unfelt": unfelt, "outside_agrees": agree, "seconds": seconds, "violations": violations,
        })
    );
    if violations == 0 && unfelt == 0 && agree { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(table: &BTreeMap<Fault, Tally>) {
    let (call, record) = ("calls", "records");
    println!("{:20} {:>5} {:>5} {call:>12} {call:>9} {call:>9} {call:>9} {:>7} {record:>8}", "", "", "", "");
    println!(
        "{:20} {:>5} {:>5} {:>12} {:>9} {:>9} {:>9} {:>7} {:>8} {:>10}",
        "fault", "runs", "felt", "acknowledged", "rejected", "void", "unknown", "claims", "void", "violations"
    );
    for (fault, tally) in table {
        println!(
            "{:20} {:>5} {:>5} {:>12} {:>9} {:>9} {:>9} {:>7} {:>8} {:>10}",
            format!("{fault:?}"),
            tally.runs,
            tally.felt,
            tally.accepted,
            tally.rejected,
            tally.void,
            tally.unknown,
            tally.claims,
            tally.voids,
            tally.violations.len()
        );
    }
}
