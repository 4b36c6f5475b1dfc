//! The buckets of this process: used where no Redis is set, and while it is away.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Question, Verdict};

/// Most buckets that are kept; each takes about 50 bytes. Only what has a debt is a bucket.
const MOST: usize = 200_000;

/// Rule and subject of a bucket.
type Key = (&'static str, u128);

/// Buckets in memory, bounded.
#[derive(Debug)]
pub(super) struct Memory {
    began: Instant,
    most: usize,
    /// When each bucket is full again, in microseconds since `began`.
    full_at: Mutex<HashMap<Key, u64>>,
}

impl Memory {
    pub fn new() -> Self {
        Self::bounded(MOST)
    }

    fn bounded(most: usize) -> Self {
        Self { began: Instant::now(), most, full_at: Mutex::default() }
    }

    /// Takes one from each bucket, or from none if one of them has none left.
    pub fn ask(&self, questions: &[Question]) -> Verdict {
        self.ask_at(questions, self.began.elapsed().as_micros() as u64)
    }

    fn ask_at(&self, questions: &[Question], now: u64) -> Verdict {
        let key = |question: &Question| (question.rule.name, question.subject);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut debts: Vec<u64> = questions
            .iter()
            .map(|question| full_at.get(&key(question)).map_or(0, |full_at| full_at.saturating_sub(now)))
            .collect();
        let admitted = questions.iter().zip(&debts).all(|(question, debt)| question.rule.rate.admits(*debt));
        if admitted {
            for (question, debt) in questions.iter().zip(&mut debts) {
                *debt += question.rule.rate.interval();
                full_at.insert(key(question), now + *debt);
            }
            if full_at.len() > self.most {
                make_room(&mut full_at, self.most, now);
            }
        }
        Verdict { admitted, debts }
    }
}

/// Forgets what is full again; if that is not enough, a quarter of the rest, those with the least debt: so whoever floods us
/// with addresses loses the traces of strangers who asked once before those of who asks all the time.
fn make_room(full_at: &mut HashMap<Key, u64>, most: usize, now: u64) {
    full_at.retain(|_, full_at| *full_at > now);
    if full_at.len() <= most - most / 4 {
        return;
    }
    let mut times: Vec<u64> = full_at.values().copied().collect();
    let (_, bound, _) = times.select_nth_unstable(most / 4);
    let bound = *bound;
    full_at.retain(|_, full_at| *full_at > bound);
    ::metrics::counter!("daybook_limits_forgotten_total").increment(1);
}

#[cfg(test)]
mod tests {
    use super::super::rate::Rate;
    use super::super::rules::{Rule, Scope};
    use super::*;

    const FEW: Rule = Rule { name: "few", scope: Scope::User, class: None, rate: Rate::new(2, 60) };
    const MANY: Rule = Rule { name: "many", scope: Scope::Tenant, class: None, rate: Rate::new(5, 60) };

    fn of(rule: &'static Rule, subject: u128) -> Question {
        Question { rule, subject, group: 0 }
    }

    #[test]
    fn who_is_refused_takes_nothing_from_others() {
        let memory = Memory::new();
        let both = |user| [of(&FEW, user), of(&MANY, 9)];
        for _ in 0..2 {
            assert!(memory.ask_at(&both(1), 0).admitted);
        }
        for _ in 0..10 {
            assert!(!memory.ask_at(&both(1), 0).admitted);
        }
        let verdict = memory.ask_at(&both(2), 0);
        assert!(verdict.admitted, "the refused requests of one user are not counted for their tenant");
        assert_eq!(MANY.rate.left(verdict.debts[1]), 2);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_busiest() {
        let memory = Memory::bounded(1_000);
        for _ in 0..5 {
            assert!(memory.ask_at(&[of(&MANY, u128::MAX)], 0).admitted);
        }
        for stranger in 0..20_000u64 {
            memory.ask_at(&[of(&MANY, u128::from(stranger))], stranger);
            assert!(memory.full_at.lock().unwrap().len() <= 1_001);
        }
        assert!(!memory.ask_at(&[of(&MANY, u128::MAX)], 20_000).admitted, "who has used all is still known");
    }

    #[test]
    fn what_is_full_again_is_forgotten_first() {
        let memory = Memory::bounded(100);
        for stranger in 0..100 {
            memory.ask_at(&[of(&FEW, stranger)], 0);
        }
        memory.ask_at(&[of(&FEW, 100)], 3_600_000_000);
        assert_eq!(memory.full_at.lock().unwrap().len(), 1);
    }
}
