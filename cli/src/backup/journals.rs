//! The partitions of the journals: into files, checked there, back into a cluster, and compared.

use std::path::Path;
use std::time::Duration;

use daybook_journal::copy::{Audit, Logs, Raw, Restoring};

use super::frames::{Frames, FramesWriter};
use super::manifest::Partition;
use crate::fault::Fault;
use crate::progress::Progress;

/// How long Kafka may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Records that are under way at once, and their bytes.
const BATCH: (usize, usize) = (4_096, 4 << 20);

/// What progress counts: records of all partitions.
pub struct Count {
    bar: Progress,
    done: u64,
    whole: u64,
}

impl Count {
    /// Begins to count `whole` records.
    pub fn of(what: &str, whole: u64) -> Self {
        Self { bar: Progress::of(what, whole), done: 0, whole }
    }

    fn add(&mut self, records: usize) {
        self.done += records as u64;
        self.bar.at(self.done, self.whole.max(self.done));
    }
}

/// Copies a partition up to that offset into a file.
///
/// # Errors
/// The log was cut or altered: what is damaged is not backed up as if it were whole.
pub fn keep(
    logs: &mut Logs,
    folder: &Path,
    topic: &str,
    partition: i32,
    end: i64,
    count: &mut Count,
) -> Result<Partition, Fault> {
    let mut file = FramesWriter::create(folder, &format!("{topic}-{partition}.records"))?;
    let (mut audit, mut first_offset, mut last_offset) = (Audit::new(topic, partition), None, None);
    let mut excerpt = logs.excerpt(topic, partition, end)?;
    while let Some(raw) = excerpt.next(PATIENCE)? {
        audit.take(&raw).map_err(|halt| {
            Fault::asked(format!("{topic}/{partition} is not whole, at offset {}: {halt}", raw.offset))
        })?;
        first_offset = first_offset.or(Some(raw.offset));
        last_offset = Some(raw.offset);
        file.write(&raw)?;
        count.add(1);
    }
    let (tip, kept) = (audit.tip(), file.finish()?);
    Ok(Partition {
        topic: topic.to_owned(),
        partition,
        records: tip.records,
        claims: tip.claims,
        voids: tip.voids,
        first_offset,
        last_offset,
        number: tip.gate.number,
        term: tip.gate.term,
        digest: tip.gate.digest.to_string(),
        kept,
    })
}

/// Reads a partition's file by the admission rule, and compares what it amounts to.
pub fn check(folder: &Path, partition: &Partition, count: &mut Count) -> Result<(), Fault> {
    let place = format!("{}/{} in {}", partition.topic, partition.partition, partition.kept.file);
    let mut audit = Audit::new(&partition.topic, partition.partition);
    let mut frames = Frames::open(folder, &partition.kept)?;
    while let Some(raw) = frames.next()? {
        let halted = |halt| Fault::asked(format!("{place} is not whole, at offset {}: {halt}", raw.offset));
        audit.take(&raw).map_err(halted)?;
        count.add(1);
    }
    let tip = audit.tip();
    if tip.records != partition.records || !partition.fits(&tip) {
        let said = format!(
            "{place} ends with entry {} and the digest {}, but the manifest says {} and {}",
            tip.gate.number, tip.gate.digest, partition.number, partition.digest
        );
        return Err(Fault::asked(said));
    }
    Ok(())
}

/// Appends a partition's file to an empty partition.
pub fn put(restoring: &mut Restoring, folder: &Path, partition: &Partition, count: &mut Count) -> Result<(), Fault> {
    let mut frames = Frames::open(folder, &partition.kept)?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(raw) = frames.next()? {
        bytes += raw.value.as_ref().map_or(0, Vec::len);
        batch.push(raw);
        if batch.len() >= BATCH.0 || bytes >= BATCH.1 {
            restoring.append(&partition.topic, partition.partition, &batch, PATIENCE)?;
            count.add(batch.len());
            batch.clear();
            bytes = 0;
        }
    }
    restoring.append(&partition.topic, partition.partition, &batch, PATIENCE)?;
    count.add(batch.len());
    Ok(())
}

/// Reads a restored partition back: every record the same, at the same offset, and nothing beside it that counts.
pub fn compare(
    logs: &mut Logs,
    folder: &Path,
    partition: &Partition,
    end: i64,
    count: &mut Count,
) -> Result<(), Fault> {
    let place = format!("{}/{}", partition.topic, partition.partition);
    let differs = |offset: i64| Fault::asked(format!("{place} has not come out the same, from offset {offset} on"));
    let mut audit = Audit::new(&partition.topic, partition.partition);
    let mut excerpt = logs.excerpt(&partition.topic, partition.partition, end)?;
    let mut frames = Frames::open(folder, &partition.kept)?;
    let mut next: Option<Raw> = frames.next()?;
    while let Some(raw) = excerpt.next(PATIENCE)? {
        audit.take(&raw).map_err(|_| differs(raw.offset))?;
        match &next {
            Some(kept) if kept.offset == raw.offset => {
                if *kept != raw {
                    return Err(differs(raw.offset));
                }
                next = frames.next()?;
                count.add(1);
            }
            // What stands where the original had no record is void; the gate below would tell if it were not.
            Some(kept) if kept.offset > raw.offset => {}
            _ => return Err(differs(raw.offset)),
        }
    }
    match next {
        None if partition.fits(&audit.tip()) => Ok(()),
        None => Err(differs(end)),
        Some(kept) => Err(differs(kept.offset)),
    }
}
