//! What befalls the log itself: its end is cut off, records in it are altered. Or one owner takes over
//! while the others know nothing of it.

use std::time::Duration;

use super::{Log, OWNERS, Stored, World};
use crate::digest::{Digest, OwnerId};
use crate::header::Header;

impl World {
    /// What the log itself suffers.
    pub(super) fn harm(&mut self, much: usize) {
        match self.kind {
            Log::Intact => self.usurp(much % OWNERS),
            Log::Cut if self.cut || self.log.is_empty() => self.usurp(much % OWNERS),
            Log::Cut => self.cut_off(much % 12),
            Log::Altered => self.alter(much),
        }
    }

    /// One owner does all it takes to serve, and a client writes through it, while the others see nothing.
    fn usurp(&mut self, owner: usize) {
        self.elapsed += Duration::from_millis(300);
        self.say(|| format!("{owner} alone is heard and served"));
        self.owners[owner].tenure.assign(true);
        for turn in 0..3 {
            self.read(owner, usize::MAX);
            if turn == 1 {
                self.submit_new(owner);
            }
            self.work(owner, usize::MAX);
            while let Some(at) = self.flights.iter().position(|flight| flight.owner == owner) {
                self.deliver(at, false);
            }
        }
        self.read(owner, usize::MAX);
    }

    /// The last records are gone. Kafka tells those who had read them, and they start anew; what they had
    /// sent may still arrive. What was told of the lost part no longer counts.
    fn cut_off(&mut self, records: usize) {
        self.cut = true;
        self.log.truncate(self.log.len().saturating_sub(records));
        self.say(|| format!("the log is cut to {} records", self.log.len()));
        for owner in 0..OWNERS {
            if self.owners[owner].read > self.log.len() {
                self.crash(owner, self.owners[owner].code_version);
            }
        }
        self.listen();
        self.told.clear();
        self.known = 0;
        self.open.iter_mut().for_each(|attempt| attempt.known = 0);
    }

    fn alter(&mut self, much: usize) {
        let (what, much) = (much % 6, much / 6);
        self.say(|| format!("something is altered: {what}, {much}"));
        if what == 5 && self.log.is_empty() {
            let header =
                Header::Entry { term: 0, owner: OwnerId::default(), seq: 0, number: 1, previous: Digest::NONE };
            self.log.push(Stored { header: header.encode(), value: vec![0; 32] });
        }
        if what == 4 {
            if let Some(at) = much.checked_rem(self.log.len())
                && let Some(byte) = self.log[at].value.get_mut(16)
            {
                *byte ^= 0x80;
                self.altered = true;
            }
            return;
        }
        let Some(at) = much.checked_rem(self.flights.len()) else {
            return;
        };
        let append = &mut self.flights[at].append;
        if let Ok(Header::Entry { term, owner, seq, number, previous }) = Header::decode(&append.header) {
            let altered = match what {
                0 => Header::Entry { term: term.saturating_sub(1), owner, seq, number, previous },
                1 => Header::Entry { term, owner, seq, number: number + 1, previous },
                2 => Header::Entry { term, owner, seq, number: number.saturating_sub(1), previous },
                _ => Header::Entry { term, owner, seq, number, previous: Digest([9; 32]) },
            };
            append.header = altered.encode();
        }
    }
}
