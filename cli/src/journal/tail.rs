//! The latest entries, as a log viewer shows them.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use daybook_journal::{Batch, From, Reader, Settings};

use super::printed::print;
use super::shown::{envelope_of, line};
use super::{TailRequest, walk};
use crate::fault::Fault;

/// Prints the latest entries that are wanted; with `follow` also those to come, until it is interrupted.
pub async fn run(settings: &Settings, request: &TailRequest) -> Result<(), Fault> {
    let starts = walk::starts(settings, &request.topics, From::Beginning).await?;
    let mut reader = Reader::open(settings, starts)?;
    let mut latest: VecDeque<(i64, String)> = VecDeque::new();
    while !reader.caught_up() {
        for (time, line) in wanted(request, reader.poll(1_000, Duration::from_millis(100))?)? {
            latest.push_back((time, line));
            if latest.len() > request.lines.saturating_mul(64).max(1_024) {
                shorten(&mut latest, request.lines);
            }
        }
    }
    shorten(&mut latest, request.lines);
    let mut out = io::stdout().lock();
    for (_, line) in latest {
        print(&mut out, &line)?;
    }
    if !request.follow {
        return Ok(());
    }
    loop {
        for (_, line) in wanted(request, reader.poll(1_000, Duration::from_millis(500))?)? {
            print(&mut out, &line)?;
        }
    }
}

/// The entries that are wanted, each with when it was appended.
fn wanted(request: &TailRequest, batch: Batch) -> Result<Vec<(i64, String)>, Fault> {
    if let Some((topic, partition, offset, halt)) = batch.halted.into_iter().next() {
        return Err(Fault::asked(format!("{topic}/{partition} cannot be followed beyond offset {offset}: {halt}")));
    }
    let mut lines = Vec::new();
    for admitted in &batch.entries {
        let entry = envelope_of(admitted)?;
        if request.chosen.wants(&entry) {
            lines.push((admitted.timestamp, line(admitted, &entry)));
        }
    }
    Ok(lines)
}

/// Keeps the latest, in the order in which they were appended: partitions are read one beside the other.
fn shorten(latest: &mut VecDeque<(i64, String)>, lines: usize) {
    latest.make_contiguous().sort_by_key(|(time, _)| *time);
    let beyond = latest.len().saturating_sub(lines);
    latest.drain(..beyond);
}
