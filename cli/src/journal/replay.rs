//! Entries as JSON lines, from a position or a time on, to their present end.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use daybook_journal::{From, Reader, Settings, Start};

use super::chosen::Beginning;
use super::printed::done;
use super::shown::{Reading, envelope_of};
use super::{ReplayRequest, walk};
use crate::fault::Fault;

/// Writes the entries that are wanted.
pub async fn run(settings: &Settings, request: &ReplayRequest) -> Result<(), Fault> {
    let reading = Reading::open(settings).await?;
    let starts = match &request.from {
        Some(Beginning::Position(at)) => {
            vec![Start { topic: at.topic.clone(), partition: at.partition, from: From::Number(at.number) }]
        }
        Some(Beginning::Time(time)) => walk::starts(settings, &request.topics, From::Time(time.0 / 1_000)).await?,
        None => walk::starts(settings, &request.topics, From::Beginning).await?,
    };
    let path = request.out.clone().unwrap_or_else(|| "standard output".into());
    let file: Box<dyn Write> = match &request.out {
        Some(path) => Box::new(File::create(path).map_err(Fault::file(path))?),
        None => Box::new(io::stdout()),
    };
    let mut out = BufWriter::new(file);
    let mut written = 0_u64;
    walk::to_the_end(Reader::open(settings, starts)?, |batch| {
        for admitted in &batch.entries {
            let entry = envelope_of(admitted)?;
            if request.chosen.wants(&entry) {
                done(writeln!(out, "{}", reading.entry(admitted, &entry)), &path)?;
                written += 1;
            }
        }
        match batch.halted.into_iter().next() {
            Some((topic, partition, offset, halt)) => {
                Err(Fault::asked(format!("{topic}/{partition} cannot be read beyond offset {offset}: {halt}")))
            }
            None => Ok(()),
        }
    })?;
    done(out.flush(), &path)?;
    eprintln!("{written} entries written");
    Ok(())
}
