//! The report: the table with its medians, the page that holds it, and the line that programs read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::clients::{Length, Measured};
use crate::journal::Durability;
use crate::tail::Tail;
use crate::{SYSTEMS, System};

/// The page, but for what is measured.
const PAGE: &str = include_str!("page.md");

/// The head of the table.
const HEAD: &str = "\
| clients | store | commands/s | p50 ms | p99 ms | µs of CPU a command, our process | server | disk flushes/s |
|--:|---|--:|--:|--:|--:|--:|--:|
";

/// The head of the tail's table.
const TAIL_HEAD: &str = "\
| store | entries/s seen | p50 ms | p99 ms | longest ms | p99 ms from when each should have begun |
|---|--:|--:|--:|--:|--:|
";

/// Everything measured.
#[derive(Default)]
pub struct Figures {
    /// By clients and the place of the store in [`SYSTEMS`].
    cells: BTreeMap<(usize, usize), Vec<Measured>>,
    /// By the same place.
    tails: BTreeMap<usize, Vec<Tail>>,
}

impl Figures {
    /// Takes the outcome of a cell.
    pub fn add(&mut self, system: System, clients: usize, measured: Measured) {
        self.cells.entry((clients, place(system))).or_default().push(measured);
    }

    /// Takes the outcome of a tail.
    pub fn add_tail(&mut self, durability: Durability, tail: Tail) {
        self.tails.entry(place(System::Journal(durability))).or_default().push(tail);
    }

    /// The tail of median p99, if there is one.
    fn tail(&self, durability: Durability) -> Option<Tail> {
        let mut all = self.tails.get(&place(System::Journal(durability)))?.clone();
        all.sort_by(|one, other| one.p99.total_cmp(&other.p99));
        all.get(all.len() / 2).copied()
    }

    /// The median of one figure of a cell, if it was measured.
    fn median(&self, system: System, clients: usize, of: impl Fn(&Measured) -> f64) -> Option<f64> {
        let mut all: Vec<f64> = self.cells.get(&(clients, place(system)))?.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        Some(all[all.len() / 2])
    }

    fn clients(&self) -> Vec<usize> {
        let mut clients: Vec<usize> = self.cells.keys().map(|(clients, _)| *clients).collect();
        clients.dedup();
        clients
    }
}

fn place(system: System) -> usize {
    SYSTEMS.iter().position(|listed| *listed == system).unwrap_or(SYSTEMS.len())
}

fn name(system: System) -> &'static str {
    match system {
        System::Journal(Durability::Fsync) => "daybook, fsync before the ack",
        System::Journal(Durability::NoFsync) => "daybook, no fsync",
        System::Umadb => "UmaDB",
        System::PostgresEs => "postgres-es",
    }
}

/// A cell in one line.
pub fn line(system: System, clients: usize, measured: &Measured) -> String {
    let Measured { per_second, p50, p99, own_cpu, server_cpu, flushes, others } = measured;
    format!(
        "{clients:>4} clients {:<30} {per_second:>8.0}/s  p50 {p50:>6.2}  p99 {p99:>7.2} ms  \
         CPU {own_cpu:>5.1} + {server_cpu:>6.1} µs  {flushes:>6.0} flushes/s  others {:.1} %",
        name(system),
        others * 100.0,
    )
}

/// A tail in one line.
pub fn tail_line(durability: Durability, tail: &Tail) -> String {
    let Tail { per_second, p50, p99, max, due_p99 } = tail;
    format!(
        "to a reader   {:<30} {per_second:>8.0}/s  p50 {p50:>6.2}  p99 {p99:>7.2}  longest {max:>7.2} ms  from due p99 {due_p99:>7.2} ms",
        name(System::Journal(durability))
    )
}

/// What is told in the end.
pub struct Report<'a> {
    /// What was measured.
    pub figures: Figures,
    /// How long the disk takes to make a little durable.
    pub flush: Duration,
    /// How long a cell is.
    pub length: Length,
    /// How often each was measured.
    pub rounds: usize,
    /// Entries a second of the tail.
    pub rate: u32,
    /// The machine, in words.
    pub machine: &'a str,
}

impl Report<'_> {
    /// The medians, as a table.
    pub fn table(&self) -> String {
        let mut table = HEAD.to_owned();
        for clients in self.figures.clients() {
            for system in SYSTEMS {
                let median = |of: fn(&Measured) -> f64| self.figures.median(system, clients, of).unwrap_or(f64::NAN);
                table += &format!(
                    "| {clients} | {} | {} | {:.2} | {:.2} | {:.1} | {:.1} | {} |\n",
                    name(system),
                    thousands(median(|cell| cell.per_second)),
                    median(|cell| cell.p50),
                    median(|cell| cell.p99),
                    median(|cell| cell.own_cpu),
                    median(|cell| cell.server_cpu),
                    thousands(median(|cell| cell.flushes)),
                );
            }
        }
        table
    }

    /// From append to a reader, as a table.
    pub fn tail_table(&self) -> String {
        let mut table = TAIL_HEAD.to_owned();
        for durability in [Durability::Fsync, Durability::NoFsync] {
            if let Some(Tail { per_second, p50, p99, max, due_p99 }) = self.figures.tail(durability) {
                let (name, per_second) = (name(System::Journal(durability)), thousands(per_second));
                table += &format!("| {name} | {per_second} | {p50:.2} | {p99:.2} | {max:.2} | {due_p99:.2} |\n");
            }
        }
        table
    }

    /// The same, for programs.
    pub fn tail_json(&self) -> Json {
        let tail = |durability| {
            let Tail { per_second, p50, p99, max, due_p99 } = self.figures.tail(durability)?;
            Some(
                json!({ "per_s": per_second.round(), "p50_ms": p50, "p99_ms": p99, "max_ms": max, "due_p99_ms": due_p99 }),
            )
        };
        let (fsync, nofsync) = (tail(Durability::Fsync), tail(Durability::NoFsync));
        json!({ "tail": { "rate": self.rate, "fsync": fsync, "nofsync": nofsync } })
    }

    /// How the journal stands to the best of the others, both durable before the answer.
    fn comparison(&self) -> String {
        let mut said = String::new();
        for clients in self.figures.clients() {
            let cell = |system| {
                let median = |of: fn(&Measured) -> f64| self.figures.median(system, clients, of);
                Some((median(|cell| cell.per_second)?, median(|cell| cell.p99)?, name(system)))
            };
            let others = [System::Umadb, System::PostgresEs].into_iter().filter_map(cell);
            let best = others.max_by(|(one, ..), (other, ..)| one.total_cmp(other));
            if let (Some((ours, our_p99, _)), Some((theirs, their_p99, best))) =
                (cell(System::Journal(Durability::Fsync)), best)
            {
                said += &format!(
                    "- {clients} clients: {:.1} times the commands/s of {best}, the best of the others, at a p99 of {our_p99:.1} ms \
                     beside {their_p99:.1} ms\n",
                    ours / theirs,
                );
            }
        }
        said
    }

    /// The page with everything.
    pub fn page(&self) -> String {
        let others = self.figures.cells.values().flatten().map(|cell| cell.others).fold(0.0, f64::max);
        PAGE.replace("{machine}", self.machine)
            .replace("{flush}", &format!("{:.2}", self.flush.as_secs_f64() * 1e3))
            .replace("{rounds}", &self.rounds.to_string())
            .replace("{seconds}", &self.length.counted.as_secs_f64().to_string())
            .replace("{warm_up}", &self.length.warm_up.as_secs_f64().to_string())
            .replace("{others}", &format!("{:.0}", (others * 100.0).ceil()))
            .replace("{table}", &self.table())
            .replace("{tail}", &self.tail_table())
            .replace("{rate}", &thousands(self.rate.into()))
            .replace("{comparison}", &self.comparison())
            .replace("{json}", &self.json().to_string())
    }

    /// Commands a second, for programs.
    pub fn json(&self) -> Json {
        let rates = |system| {
            let rate = |clients: usize| self.figures.median(system, clients, |cell| cell.per_second.round());
            let clients = self.figures.clients().into_iter();
            let rates: Map<String, Json> =
                clients.filter_map(|clients| Some((clients.to_string(), json!(rate(clients)? as u64)))).collect();
            Json::from(rates)
        };
        json!({
            "fsync": {
                "daybook": rates(System::Journal(Durability::Fsync)),
                "umadb": rates(System::Umadb),
                "postgres_es": rates(System::PostgresEs),
            },
            "nofsync": { "daybook": rates(System::Journal(Durability::NoFsync)) },
        })
    }
}

/// A whole number with its thousands apart.
fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut apart = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(per_second: f64, p99: f64) -> Measured {
        Measured { per_second, p50: 1.0, p99, own_cpu: 5.0, server_cpu: 9.0, flushes: 100.0, others: 0.0 }
    }

    #[test]
    fn the_median_counts_and_the_best_other_is_compared() {
        let mut figures = Figures::default();
        for per_second in [30_000.0, 10_000.0, 20_000.0] {
            figures.add(System::Journal(Durability::Fsync), 64, cell(per_second, 8.0));
        }
        figures.add(System::Umadb, 64, cell(5_000.0, 20.0));
        figures.add(System::PostgresEs, 64, cell(4_000.0, 30.0));
        let length = Length { warm_up: Duration::from_secs(1), counted: Duration::from_secs(8) };
        for p99 in [9.0, 3.0, 4.0] {
            figures.add_tail(
                Durability::Fsync,
                Tail { per_second: 9_999.6, p50: 1.0, p99, max: 30.0, due_p99: p99 + 1.0 },
            );
        }
        let report =
            Report { figures, flush: Duration::from_micros(280), length, rounds: 3, rate: 10_000, machine: "m" };
        assert!(report.page().contains("| daybook, fsync before the ack | 10,000 | 1.00 | 4.00 | 30.00 | 5.00 |"));
        assert_eq!(report.tail_json()["tail"]["fsync"]["p99_ms"], 4.0);
        assert_eq!(report.json()["fsync"]["daybook"]["64"], 20_000);
        assert_eq!(report.json()["fsync"]["umadb"]["64"], 5_000);
        assert!(report.table().contains("| 64 | daybook, fsync before the ack | 20,000 | 1.00 | 8.00 |"));
        let compared =
            "64 clients: 4.0 times the commands/s of UmaDB, the best of the others, at a p99 of 8.0 ms beside 20.0 ms";
        assert!(report.page().contains(compared), "{}", report.page());
        assert!(!report.page().contains('{') || report.page().contains("{\"fsync\""));
    }
}
