//! The journal beside other event stores: the same commands, the same closed loop, the same machine, the same run.

mod clients;
mod journal;
mod postgres_es;
mod report;
mod tail;
mod ticket;
mod umadb;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use clients::{Failure, Length, Measured};
use journal::Durability;
use report::{Figures, Report};
use usage::Servers;

/// Measures commands a second of the journal, UmaDB and postgres-es, with servers that run already; see journal/bench/run.
#[derive(Debug, Parser)]
#[command(name = "bench-journal", max_term_width = 120)]
struct Arguments {
    /// Where Kafka is, as 127.0.0.1:19092
    #[arg(long)]
    kafka: String,
    /// Kafka's process
    #[arg(long)]
    kafka_pid: u32,
    /// Where UmaDB is, as http://127.0.0.1:50051
    #[arg(long, default_value = "")]
    umadb: String,
    /// UmaDB's process
    #[arg(long)]
    umadb_pid: Option<u32>,
    /// Where Postgres is, without a password: PGPASSFILE names a file with it
    #[arg(long, default_value = "")]
    postgres: String,
    /// Postgres' first process
    #[arg(long)]
    postgres_pid: Option<u32>,
    /// A folder on the disk that all three write to
    #[arg(long)]
    folder: PathBuf,
    /// How many clients; one cell for each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    clients: Vec<usize>,
    /// How often every cell is measured; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of a cell that count
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Seconds of a cell before that
    #[arg(long, default_value_t = 1.5)]
    warm_up: f64,
    /// Seconds with each store before the first cell
    #[arg(long, default_value_t = 10.0)]
    begin: f64,
    /// Entries a second whose way to a reader is measured
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tail: u32,
    /// Measure that way alone, without the other stores
    #[arg(long)]
    tail_only: bool,
    /// What to call the machine in the report
    #[arg(long, default_value = "a machine")]
    machine: String,
    /// The page to write
    #[arg(long)]
    write: Option<PathBuf>,
}

/// A store under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Our journal, on a topic that is made durable before each acknowledgement, or not.
    Journal(Durability),
    /// UmaDB.
    Umadb,
    /// cqrs-es on Postgres.
    PostgresEs,
}

/// Every store, in the order of the report.
pub const SYSTEMS: [System; 4] =
    [System::Journal(Durability::Fsync), System::Umadb, System::PostgresEs, System::Journal(Durability::NoFsync)];

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-journal: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let bench = Bench {
        servers: Servers(
            [
                ("kafka", Some(arguments.kafka_pid)),
                ("umadb", arguments.umadb_pid),
                ("postgres", arguments.postgres_pid),
            ]
            .into_iter()
            .filter_map(|(name, pid)| Some((name, pid?)))
            .collect(),
        ),
        arguments,
    };
    let arguments = &bench.arguments;
    let flush = usage::one_flush(&arguments.folder)?;
    println!("making 400 bytes durable takes {:.2} ms here", flush.as_secs_f64() * 1e3);
    // Kafka is Java, and compiles while it runs; nobody is measured cold.
    let systems = SYSTEMS.into_iter().filter(|system| !arguments.tail_only || matches!(system, System::Journal(_)));
    for system in systems {
        let length = Length { warm_up: Duration::ZERO, counted: Duration::from_secs_f64(arguments.begin) };
        bench.cell(system, 64, length).await?;
    }
    let length = Length {
        warm_up: Duration::from_secs_f64(arguments.warm_up),
        counted: Duration::from_secs_f64(arguments.seconds),
    };
    let mut figures = Figures::default();
    for round in 0..arguments.rounds {
        for &clients in arguments.clients.iter().filter(|_| !arguments.tail_only) {
            // Nobody always comes after the same one, and a noisy neighbour hurts all alike.
            for place in 0..SYSTEMS.len() {
                let system = SYSTEMS[(place + round) % SYSTEMS.len()];
                let measured = bench.cell(system, clients, length).await?;
                println!("round {} {}", round + 1, report::line(system, clients, &measured));
                figures.add(system, clients, measured);
            }
        }
        for durability in [Durability::Fsync, Durability::NoFsync] {
            let tail = tail::run(&arguments.kafka, durability, arguments.tail, length).await;
            let tail = tail.map_err(|failure| format!("the tail at {}/s: {failure}", arguments.tail))?;
            println!("round {} {}", round + 1, report::tail_line(durability, &tail));
            figures.add_tail(durability, tail);
        }
    }
    let report =
        Report { figures, flush, length, rounds: arguments.rounds, rate: arguments.tail, machine: &arguments.machine };
    println!("\nMedians of {} rounds:\n", arguments.rounds);
    if arguments.tail_only {
        println!("{}\n{}", report.tail_table(), report.tail_json());
        return Ok(());
    }
    println!("{}\n{}", report.table(), report.tail_table());
    if let Some(path) = &arguments.write {
        std::fs::write(path, report.page()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("{}\n{}", report.tail_json(), report.json());
    Ok(())
}

/// The run, and what it talks to.
struct Bench {
    arguments: Arguments,
    servers: Servers,
}

impl Bench {
    /// One store with so many clients.
    async fn cell(&self, system: System, clients: usize, length: Length) -> Result<Measured, Failure> {
        let Arguments { kafka, umadb, postgres, .. } = &self.arguments;
        let measured = match system {
            System::Journal(durability) => {
                let journal = journal::begin(kafka, journal::fresh_context()?, durability).await?;
                let measured = clients::run(journal.clone(), clients, length, &self.servers, "kafka").await;
                journal::end(kafka, journal).await?;
                measured
            }
            System::Umadb => {
                let umadb = umadb::begin(umadb, clients).await?;
                clients::run(umadb, clients, length, &self.servers, "umadb").await
            }
            System::PostgresEs => {
                let postgres = postgres_es::begin(postgres).await?;
                clients::run(postgres, clients, length, &self.servers, "postgres").await
            }
        };
        measured.map_err(|failure| format!("{system:?} with {clients} clients: {failure}").into())
    }
}
