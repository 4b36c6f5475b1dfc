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
    let mut excerpt = logs.excerpt(&partition.topic, partition.partition, end)?;
    same(|| Ok(excerpt.next(PATIENCE)?), Frames::open(folder, &partition.kept)?, partition, end, count)
}

/// Compares what is found in a log that ends there with what was kept of it.
fn same(
    mut found: impl FnMut() -> Result<Option<Raw>, Fault>,
    mut frames: Frames,
    partition: &Partition,
    end: i64,
    count: &mut Count,
) -> Result<(), Fault> {
    let place = format!("{}/{}", partition.topic, partition.partition);
    let differs = |offset: i64| Fault::asked(format!("{place} has not come out the same, from offset {offset} on"));
    let mut audit = Audit::new(&partition.topic, partition.partition);
    let mut next: Option<Raw> = frames.next()?;
    while let Some(raw) = found()? {
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

/// A small journal, and its file, for tests.
#[cfg(test)]
pub mod tried {
    use daybook_journal::{Digest, GATE, Header, OwnerId};

    use super::super::files;
    use super::*;

    fn raw(offset: i64, header: &Header, value: &[u8]) -> Raw {
        let headers = vec![(GATE.to_owned(), Some(header.encode()))];
        Raw { offset, timestamp: 1_000 + offset, headers, value: Some(value.to_vec()), key: None }
    }

    /// The first record.
    pub fn claim() -> Raw {
        raw(0, &Header::Claim { term: 1, owner: OwnerId([7; 16]), code_version: 1 }, b"http://owner")
    }

    /// An entry; void in term 0.
    pub fn entry(offset: i64, term: u64, number: u64, previous: Digest) -> Raw {
        let header = Header::Entry { term, owner: OwnerId([7; 16]), seq: number - 1, number, previous };
        raw(offset, &header, format!("entry {number}").as_bytes())
    }

    /// Keeps a log in that folder.
    pub fn keep(folder: &Path, topic: &str, log: &[Raw]) -> Partition {
        files::make_folder(folder).unwrap();
        let mut file = FramesWriter::create(folder, "tried.records").unwrap();
        let mut audit = Audit::new(topic, 0);
        for raw in log {
            audit.take(raw).unwrap();
            file.write(raw).unwrap();
        }
        let (tip, last) = (audit.tip(), log.last().map(|raw| raw.offset));
        let (topic, digest) = (topic.to_owned(), tip.gate.digest.to_string());
        let (records, claims, voids) = (tip.records, tip.claims, tip.voids);
        let (number, term, kept) = (tip.gate.number, tip.gate.term, file.finish().unwrap());
        let (partition, first_offset, last_offset) = (0, Some(0), last);
        Partition { topic, partition, records, claims, voids, first_offset, last_offset, number, term, digest, kept }
    }
}

#[cfg(test)]
mod tests {
    use daybook_journal::Digest;

    use super::tried::{claim, entry};
    use super::*;

    const TOPIC: &str = "journal.tried";

    /// A claim, an entry, an offset without a record, and two entries.
    fn log() -> Vec<Raw> {
        let (mut log, mut previous) = (vec![claim()], Digest::NONE);
        for (number, offset) in [(1, 1), (2, 3), (3, 4)] {
            let entry = entry(offset, 1, number, previous);
            previous = Digest::of(entry.headers[0].1.as_deref().unwrap(), entry.value.as_deref().unwrap());
            log.push(entry);
        }
        log
    }

    /// What stands in the place of no record.
    fn filler(offset: i64) -> Raw {
        entry(offset, 0, 1, Digest::NONE)
    }

    #[test]
    fn what_has_not_come_out_the_same_is_told_by_its_offset() {
        let folder = std::env::temp_dir().join(format!("daybook-compare-{}", uuid::Uuid::new_v4()));
        let log = log();
        let partition = tried::keep(&folder, TOPIC, &log);
        let told = |mut found: Vec<Raw>| {
            found.sort_by_key(|raw| raw.offset);
            let end = found.last().map_or(0, |raw| raw.offset + 1);
            let (mut found, frames) = (found.into_iter(), Frames::open(&folder, &partition.kept).unwrap());
            same(|| Ok(found.next()), frames, &partition, end, &mut Count::of("compared", 4))
        };
        let restored: Vec<Raw> = log.iter().cloned().chain([filler(2)]).collect();
        told(restored.clone()).unwrap();

        let changed = |offset: i64, change: fn(&mut Raw)| {
            let mut found = restored.clone();
            change(found.iter_mut().find(|raw| raw.offset == offset).unwrap());
            told(found).unwrap_err().to_string()
        };
        let from = |offset: i64| format!("{TOPIC}/0 has not come out the same, from offset {offset} on");
        assert_eq!(changed(3, |raw| raw.timestamp += 1), from(3), "another date");
        assert_eq!(changed(0, |raw| raw.value = None), from(0), "another claim");
        assert_eq!(changed(4, |raw| raw.key = Some(vec![1])), from(4), "a key");
        assert_eq!(changed(1, |raw| raw.value = Some(b"entry !".to_vec())), from(1), "another entry");
        assert_eq!(told(log.iter().cloned().chain([filler(2), filler(5)]).collect()).unwrap_err().to_string(), from(5));
        // Without the filler every record behind it has moved.
        let mut moved = log.clone();
        moved[2..].iter_mut().for_each(|raw| raw.offset -= 1);
        assert_eq!(told(moved).unwrap_err().to_string(), from(3), "moved");
        assert_eq!(told(restored[..3].to_vec()).unwrap_err().to_string(), from(4), "too short");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
