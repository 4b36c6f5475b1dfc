//! Reading a log that is long: many records at once, every partition's applied on a thread of its own.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};

use super::{Desk, tenure_of};
use crate::machine::Machine;
use crate::owner::tenure::{Now, Tenure};
use crate::track::Record;

/// Records read before they are applied.
const READ_AT_ONCE: usize = 8_192;

/// From so many records on, a thread is worth its while.
const WORTH_A_THREAD: usize = 256;

impl<M: Machine> Desk<M> {
    /// A partition has not been read to its end since the start.
    pub(super) fn is_behind(&self) -> bool {
        self.tenures.iter().any(Tenure::is_behind)
    }

    /// Reads what is there; true if there was anything.
    pub(super) fn catch_up(&mut self, now: Now) -> bool {
        let mut records: Vec<Vec<BorrowedMessage<'_>>> = self.tenures.iter().map(|_| Vec::new()).collect();
        let (mut read, mut nothing) = (0, 0);
        let (mut at_end, mut errors) = (Vec::new(), Vec::new());
        // The first "nothing" may be an event of librdkafka's own that hides a record behind it.
        while read < READ_AT_ONCE && nothing < 2 {
            match self.consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    read += 1;
                    let at = usize::try_from(message.partition()).ok();
                    if let Some(records) = at.and_then(|at| records.get_mut(at)) {
                        records.push(message);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => at_end.push(partition),
                Some(Err(error)) => errors.push(error),
                None => nothing += 1,
            }
        }
        let of_each = self.tenures.iter_mut().zip(records).filter(|(_, records)| !records.is_empty());
        std::thread::scope(|scope| {
            for (tenure, records) in of_each {
                match records.len() < WORTH_A_THREAD {
                    true => apply(tenure, records, now),
                    false => drop(scope.spawn(move || apply(tenure, records, now))),
                }
            }
        });
        for partition in at_end {
            if let Some(tenure) = tenure_of(&mut self.tenures, partition) {
                tenure.caught_up();
            }
        }
        errors.into_iter().for_each(|error| self.mend(error));
        if read > 0 {
            self.note_ends();
        }
        read > 0
    }
}

fn apply<M: Machine>(tenure: &mut Tenure<M>, records: Vec<BorrowedMessage<'_>>, now: Now) {
    for record in &records {
        match Record::of(record) {
            Ok(record) => tenure.read(&record, now),
            Err(halt) => tenure.halt(halt),
        }
    }
}
