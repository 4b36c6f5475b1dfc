//! What became of an import: how much of the history stands as in the log, what was inserted, and what was refused and why.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::add;
use super::log::Log;
use super::memory::{Applied, Memory};

/// How many single rows are listed; the rest are in the memory file.
const LISTED: usize = 60;

/// What became of every row of the log, over all runs.
pub struct Report<'a> {
    tenant: Uuid,
    incidents: usize,
    reported: usize,
    whole: usize,
    rows: usize,
    new_rows: u64,
    took: Duration,
    given: BTreeMap<String, u64>,
    inserted: BTreeMap<String, u64>,
    refused: Vec<&'a Applied>,
    differing: Vec<&'a Applied>,
}

impl<'a> Report<'a> {
    /// Adds up what is remembered.
    pub fn of(log: &Log, memory: &'a Memory, tenant: Uuid, new_rows: u64, took: Duration) -> Self {
        let mut report = Self {
            tenant,
            incidents: log.incidents.len(),
            reported: 0,
            whole: 0,
            rows: 0,
            new_rows,
            took,
            given: BTreeMap::new(),
            inserted: BTreeMap::new(),
            refused: Vec::new(),
            differing: Vec::new(),
        };
        for rows in &log.incidents {
            let applied = memory.rows(&rows[0].number);
            report.reported += usize::from(memory.incident(&rows[0].number).is_some());
            report.whole +=
                usize::from(applied.len() == rows.len() && applied.iter().all(|row| row.differences.is_empty()));
            report.rows += applied.len();
            for row in applied {
                add(&mut report.given, &row.given);
                add(&mut report.inserted, &row.inserted);
                report.refused.extend((!row.refused.is_empty()).then_some(row));
                // What stays different is told once, where it began.
            }
            let first = applied.iter().find(|row| !row.differences.is_empty());
            report.differing.extend(first);
        }
        report
    }

    /// Prints it: a table for people, and as the last line one of JSON for programs.
    pub fn print(&self, memory: &Path) {
        let kinds: std::collections::BTreeSet<_> = self.given.keys().chain(self.inserted.keys()).collect();
        println!("\n{:<16} {:>10} {:>10}", "command", "in the log", "inserted");
        for kind in kinds {
            let count = |counts: &BTreeMap<String, u64>| counts.get(kind).copied().unwrap_or(0);
            println!("{kind:<16} {:>10} {:>10}", count(&self.given), count(&self.inserted));
        }
        let (given, inserted) = (self.given.values().sum::<u64>(), self.inserted.values().sum::<u64>());
        println!("{:<16} {given:>10} {inserted:>10}\n", "all");

        let refusals: usize = self.refused.iter().map(|row| row.refused.len()).sum();
        if refusals > 0 {
            println!("{refusals} commands were refused, each by a rule; the rest of their rows was brought in:");
        }
        for row in self.refused.iter().take(LISTED) {
            for no in &row.refused {
                println!("  row {:>5} {} {}: {}: {}", row.place, row.number, no.command, no.code, no.message);
            }
        }
        if !self.differing.is_empty() {
            println!("{} incidents differ from the log, first here:", self.differing.len());
        }
        for row in self.differing.iter().take(LISTED) {
            println!("  row {:>5} {}: {}", row.place, row.number, row.differences.join("; "));
        }
        if self.refused.len().max(self.differing.len()) > LISTED {
            println!("  … and all others in {}", memory.display());
        }
        let seconds = self.took.as_secs_f64();
        println!(
            "\n{} of {} incidents are whole: after every row, state and both counts equal the log's",
            self.whole, self.incidents
        );
        let line = json!({
            "tenant": self.tenant,
            "incidents": self.reported,
            "rows": self.rows,
            "whole": self.whole,
            "whole_share": self.whole_share(),
            "commands": given + inserted,
            "inserted": inserted,
            "refused": refusals,
            "seconds": (seconds * 10.0).round() / 10.0,
            "rows_per_s": (self.new_rows as f64 / seconds.max(0.001)).round(),
        });
        println!("{line}");
    }

    /// The share of whole incidents, to four digits, never rounded up to 1.
    fn whole_share(&self) -> f64 {
        (self.whole as f64 / self.incidents as f64 * 10_000.0).floor() / 10_000.0
    }
}
