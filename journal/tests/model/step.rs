//! What may happen next in a world.

use crate::client::Fate;
use crate::log::Record;
use crate::owner::Stance;
use crate::world::{Bounds, Log, World};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Read {
        owner: u8,
    },
    /// After having read this many records.
    Claim {
        owner: u8,
        read: u8,
    },
    ClaimAgain {
        owner: u8,
    },
    Submit {
        owner: u8,
        attempt: u8,
    },
    Decide {
        owner: u8,
    },
    Barrier {
        owner: u8,
    },
    TurnAway {
        owner: u8,
    },
    Crash {
        owner: u8,
    },
    Deliver {
        record: u8,
    },
    DeliverTwice {
        record: u8,
    },
    Lose {
        record: u8,
    },
    Cut {
        to: u8,
    },
    AlterValue {
        record: u8,
    },
    AlterNumber {
        record: u8,
    },
}

impl World {
    /// All that may happen next.
    ///
    /// Loss and crashes need no steps: what is under way may stay there for ever, an owner may do nothing any more, and
    /// one that follows and holds nothing is the same as one that has just started.
    pub fn steps(&self, bounds: &Bounds) -> Vec<Step> {
        let mut steps = Vec::with_capacity(24);
        let left = &self.left;
        let may_send = left.records > 0;
        let length = self.log.len() as u8;
        for (at, owner) in (0..).zip(&self.owners) {
            if owner.stance == Stance::Halted {
                continue;
            }
            let chooses = owner.is_idle() && bounds.log == Log::Intact;
            if owner.read < length && !chooses {
                steps.push(Step::Read { owner: at });
            }
            if may_send && self.claims < bounds.claims && !matches!(owner.stance, Stance::Claiming { .. }) {
                let most = if chooses { length } else { owner.read };
                steps.extend((owner.read..=most).map(|read| Step::Claim { owner: at, read }));
            }
            if owner.is_serving() && may_send {
                steps.extend(self.unsent(bounds).map(|attempt| Step::Submit { owner: at, attempt }));
                if !owner.queue.is_empty() {
                    steps.push(Step::Decide { owner: at });
                }
                if owner.needs_barrier() {
                    steps.push(Step::Barrier { owner: at });
                }
            }
            if owner.stance == Stance::Following && !owner.queue.is_empty() {
                steps.push(Step::TurnAway { owner: at });
            }
        }
        for (at, record) in (0..).zip(&self.under_way) {
            if at > 0 && self.under_way[usize::from(at) - 1] == *record {
                continue;
            }
            steps.push(Step::Deliver { record: at });
            if left.repeats > 0 {
                steps.push(Step::DeliverTwice { record: at });
            }
        }
        if left.harm > 0 {
            match bounds.log {
                Log::Intact => {}
                Log::Cut => steps.extend((0..length).map(|to| Step::Cut { to })),
                Log::Altered => {
                    let entries = (0..).zip(&self.log).filter(|(_, record)| matches!(record, Record::Entry { .. }));
                    steps.extend(entries.map(|(record, _)| Step::AlterValue { record }));
                    let entries = (0..).zip(&self.under_way).filter(|(_, one)| matches!(one, Record::Entry { .. }));
                    steps.extend(entries.map(|(record, _)| Step::AlterNumber { record }));
                }
            }
        }
        steps
    }

    /// Attempts that may be sent next: of those that ask the same, the first.
    fn unsent<'a>(&'a self, bounds: &'a Bounds) -> impl Iterator<Item = u8> + 'a {
        let is_new = |attempt: &usize| self.fates[*attempt] == Fate::New;
        let first = move |attempt: &usize| {
            !(0..*attempt).any(|before| is_new(&before) && bounds.asks[before] == bounds.asks[*attempt])
        };
        (0..self.fates.len()).filter(is_new).filter(first).map(|attempt| attempt as u8)
    }

    /// In words, for a trace.
    pub fn describe(&self, bounds: &Bounds, step: Step) -> String {
        let name = |owner: u8| char::from(b'A' + self.owners[usize::from(owner)].name.0);
        let record = |record: u8| self.under_way[usize::from(record)];
        match step {
            Step::Read { owner } => {
                format!("{} reads {}", name(owner), self.log[usize::from(self.owners[usize::from(owner)].read)])
            }
            Step::Claim { owner, read } => format!("{} claims, having read {read} records", name(owner)),
            Step::ClaimAgain { owner } => format!("{} sends its claim again", name(owner)),
            Step::Submit { owner, attempt } => {
                format!("attempt {attempt}, {:?}, reaches {}", bounds.asks[usize::from(attempt)], name(owner))
            }
            Step::Decide { owner } => {
                format!("{} decides attempt {}", name(owner), self.owners[usize::from(owner)].queue[0].attempt)
            }
            Step::Barrier { owner } => format!("{} sends a barrier", name(owner)),
            Step::TurnAway { owner } => format!("{} turns away what waits", name(owner)),
            Step::Crash { owner } => format!("{} crashes and starts anew", name(owner)),
            Step::Deliver { record: at } => format!("the log gets {}", record(at)),
            Step::DeliverTwice { record: at } => format!("the log gets {}, which will come again", record(at)),
            Step::Lose { record: at } => format!("lost is {}", record(at)),
            Step::Cut { to } => format!("the log is cut to {to} records"),
            Step::AlterValue { record } => format!("the value of record {record} is altered"),
            Step::AlterNumber { record: at } => format!("the number is altered of {}", record(at)),
        }
    }
}
