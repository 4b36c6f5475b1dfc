//! What may happen at each step, and how often.

use std::time::Duration;

use super::{OWNERS, World};
use crate::owner::tenure::simulation::ledger::Command;

/// One step, chosen by chance: what happens, and to whom or how much.
pub(in super::super) type Step = (u8, u16);

/// How many kinds of steps there are, the frequent ones counted more than once.
pub(in super::super) const WHAT: u8 = 112;

const TWO_HOURS: i64 = 2 * 3_600 * 1_000_000;

impl World {
    pub(in super::super) fn step(&mut self, (what, whom): Step) {
        let owner = usize::from(whom) % OWNERS;
        let much = usize::from(whom) / OWNERS;
        match what {
            0..25 if much % 16 < 5 * self.reluctance[owner] => {}
            0..25 => self.read(owner, 1 + much % 6),
            25..45 => self.work(owner, if much.is_multiple_of(4) { 1 } else { usize::MAX }),
            45..65 => {
                // In the order in which they were sent.
                let next = self.flights.iter().position(|flight| flight.owner == owner);
                next.into_iter().for_each(|at| self.deliver(at, false));
            }
            65..69 => self.any_flight(whom).into_iter().for_each(|at| self.deliver(at, false)),
            69..72 => self.any_flight(whom).into_iter().for_each(|at| self.deliver(at, true)),
            72..75 => self.any_flight(whom).into_iter().for_each(|at| self.lose(at, much.is_multiple_of(2))),
            75..78 => self.report(),
            78..86 => self.submit_new(owner),
            86..89 if self.ids > 0 => {
                let id = 1 + much as u64 % self.ids;
                self.submit_write(owner, id);
            }
            89..93 => self.submit(owner, Command::Check),
            93..95 => self.elapsed += Duration::from_millis(much as u64 % 400),
            95..97 => self.owners[owner].tenure.assign(!much.is_multiple_of(4)),
            97 if much.is_multiple_of(2) => self.crash(owner, self.owners[owner].code_version),
            97 => self.reluctance[owner] = much / 2 % 4,
            98 => self.harm(much),
            99 => self.reader.read(&self.log, 1 + much % 9),
            100 => self.sleep_or_wake(owner, true),
            101 => self.sleep_or_wake(owner, false),
            102 => {
                self.clocks[owner] += if much.is_multiple_of(2) { TWO_HOURS } else { -TWO_HOURS };
                self.say(|| format!("the clock of {owner} jumps by two hours, forward: {}", much.is_multiple_of(2)));
            }
            103 | 104 => self.rebalance(|at| at == owner),
            105 => self.rebalance(|at| much >> at & 1 == 1),
            106 => {
                let now = self.now(owner);
                self.say(|| format!("{owner} contends"));
                let tenure = &mut self.owners[owner].tenure;
                tenure.contend(tenure.track.gate.term, now);
            }
            107..109 => {
                self.owners[owner].full = what == 107 && much.is_multiple_of(2);
                self.say(|| format!("the producer of {owner} is full: {}", self.owners[owner].full));
            }
            109 => self.elapsed += Duration::from_millis(much as u64 % 10_000),
            110 if much.is_multiple_of(4) => self.crash(owner, self.newest + 1),
            111 if much.is_multiple_of(2) => self.crash(owner, 1 + much as u32 / 2 % self.newest),
            _ => {}
        }
        self.listen();
    }

    fn sleep_or_wake(&mut self, owner: usize, asleep: bool) {
        if asleep == self.owners[owner].asleep {
            return;
        }
        self.say(|| format!("{owner} is {}", if asleep { "stopped" } else { "woken" }));
        if !asleep {
            self.elapsed += Duration::from_millis(1_500);
        }
        self.owners[owner].asleep = asleep;
    }

    /// The group has new members, and gives the partition to these.
    fn rebalance(&mut self, is_assigned: impl Fn(usize) -> bool) {
        for owner in 0..OWNERS {
            self.owners[owner].tenure.assign(is_assigned(owner));
        }
        let assigned: Vec<usize> = (0..OWNERS).filter(|owner| is_assigned(*owner)).collect();
        self.say(|| format!("assigned are {assigned:?}"));
    }
}
