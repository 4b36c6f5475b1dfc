//! One reader's way along one partition: every record passes through here, whoever reads it.

use std::borrow::Cow;
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::checkpoint::Checkpoint;
use crate::digest::{Digest, OwnerId};
use crate::entry::Admitted;
use crate::gate::{Gate, Halt, Rule, Verdict};
use crate::header::{GATE, Header, TRACEPARENT};
use crate::position::Position;

/// A record as it lies in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) gate: &'a [u8],
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn of(message: &'a BorrowedMessage<'_>) -> Result<Record<'a>, Halt> {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let timestamp = message.timestamp().to_millis().unwrap_or(0);
        let headers = headers.map(|header| (header.key, header.value));
        Record::from_parts(message.offset(), timestamp, headers, message.payload())
    }

    /// The same from what a copy of the log holds.
    pub(crate) fn from_parts(
        offset: i64,
        timestamp: i64,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
        value: Option<&'a [u8]>,
    ) -> Result<Record<'a>, Halt> {
        let mut gate = None;
        let mut traceparent = None;
        for (name, value) in headers {
            match name {
                GATE if gate.is_some() => {
                    return Err(Halt::Malformed { reason: "it has two gate headers".into() });
                }
                GATE => gate = value,
                TRACEPARENT => traceparent = value.and_then(|bytes| std::str::from_utf8(bytes).ok()),
                _ => {}
            }
        }
        Ok(Record {
            offset,
            timestamp,
            gate: gate.ok_or_else(|| Halt::Malformed { reason: "it has no gate header".into() })?,
            traceparent,
            value: value.unwrap_or_default(),
        })
    }
}

/// What a record turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passage {
    /// A claim that stands from here on.
    Claimed { owner: OwnerId, code_version: u32 },
    /// The next entry of the history.
    Admitted(Checkpoint),
    /// Nothing.
    Void,
    /// The entry a checkpoint names, found again; it has been applied before.
    Resumed,
}

/// How far a partition has been read, and what that amounts to.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) gate: Gate,
    /// The offset of the next record.
    pub(crate) next_offset: i64,
    /// The time of the last record read, in milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// Entries read as admitted.
    pub(crate) admitted: u64,
    /// Records read as void.
    pub(crate) voids: u64,
    rule: Rule,
    /// The entry that has to be found again first.
    resume: Option<Checkpoint>,
}

impl Track {
    /// A way that starts after a checkpoint, or at the beginning of the log.
    pub(crate) fn new(topic: Arc<str>, partition: i32, resume: Option<Checkpoint>) -> Track {
        Track::under(Gate::admit, topic, partition, resume)
    }

    /// The same under another admission rule, for tests that break the rule.
    pub(crate) fn under(rule: Rule, topic: Arc<str>, partition: i32, resume: Option<Checkpoint>) -> Track {
        Track {
            topic,
            partition,
            gate: Gate::default(),
            next_offset: resume.map_or(0, |checkpoint| checkpoint.offset),
            timestamp: 0,
            admitted: 0,
            voids: 0,
            rule,
            resume,
        }
    }

    /// The entry that had to be found again first has been.
    pub(crate) fn has_resumed(&self) -> bool {
        self.resume.is_none()
    }

    /// A log that now starts or ends where this reader cannot go on was cut.
    pub(crate) fn fits(&self, low: i64, high: i64) -> Result<(), Halt> {
        let reason = match self.resume {
            _ if low > 0 => {
                format!("the log starts at offset {low}, but a journal is kept from offset 0")
            }
            Some(Checkpoint { offset, number, .. }) if high <= offset => {
                format!("entry {number} was read at offset {offset}, but the log now ends at offset {high}")
            }
            None if high < self.next_offset => {
                format!("the log was read up to offset {}, but now ends at offset {high}", self.next_offset)
            }
            _ => return Ok(()),
        };
        Err(Halt::Cut { reason })
    }

    /// Takes the next record of the log.
    pub(crate) fn read(&mut self, record: &Record<'_>) -> Result<Passage, Halt> {
        if record.offset < self.next_offset {
            let reason = format!("offset {} came after offset {}", record.offset, self.next_offset - 1);
            return Err(Halt::Cut { reason });
        }
        let header = Header::decode(record.gate)?;
        let digest = match header {
            Header::Claim { .. } => Digest::NONE,
            Header::Entry { .. } => Digest::of(record.gate, record.value),
        };
        let passage = match self.resume.take() {
            Some(checkpoint) => self.resumed(checkpoint, record.offset, &header, digest)?,
            None => self.judged(record.offset, &header, digest)?,
        };
        self.next_offset = record.offset + 1;
        self.timestamp = record.timestamp;
        Ok(passage)
    }

    fn judged(&mut self, offset: i64, header: &Header, digest: Digest) -> Result<Passage, Halt> {
        match ((self.rule)(&mut self.gate, header, digest)?, *header) {
            (Verdict::Claimed, Header::Claim { owner, code_version, .. }) => {
                Ok(Passage::Claimed { owner, code_version })
            }
            (Verdict::Admitted, Header::Entry { term, owner, seq, .. }) => {
                self.admitted += 1;
                let number = self.gate.number;
                Ok(Passage::Admitted(Checkpoint { offset, term, owner, seq, number, digest }))
            }
            _ => {
                self.voids += 1;
                Ok(Passage::Void)
            }
        }
    }

    /// The record at a checkpoint's offset has to be the entry that the checkpoint names.
    fn resumed(
        &mut self,
        checkpoint: Checkpoint,
        offset: i64,
        header: &Header,
        digest: Digest,
    ) -> Result<Passage, Halt> {
        let found = match *header {
            Header::Entry { term, owner, seq, number, .. } => {
                Some(Checkpoint { offset, term, owner, seq, number, digest })
            }
            Header::Claim { .. } => None,
        };
        if found == Some(checkpoint) {
            self.gate = checkpoint.gate();
            return Ok(Passage::Resumed);
        }
        let Checkpoint { offset: expected, number, .. } = checkpoint;
        let reason = match found {
            _ if offset != expected => {
                format!("entry {number} was read at offset {expected}, but there is no record now")
            }
            Some(other) => format!(
                "entry {number} with digest {} was read at offset {expected}, but there now is entry {} with digest {}",
                checkpoint.digest, other.number, other.digest
            ),
            None => {
                format!("entry {number} was read at offset {expected}, but there now is a claim")
            }
        };
        Err(Halt::Cut { reason })
    }

    /// The entry that was admitted last, as its readers see it.
    pub(crate) fn entry<'a>(&self, record: &Record<'a>, checkpoint: Checkpoint, own: bool) -> Admitted<'a> {
        Admitted {
            position: self.position(checkpoint.number),
            offset: record.offset,
            timestamp: record.timestamp,
            value: Cow::Borrowed(record.value),
            traceparent: record.traceparent.map(Cow::Borrowed),
            checkpoint,
            own,
        }
    }

    pub(crate) fn position(&self, number: u64) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, number }
    }
}
