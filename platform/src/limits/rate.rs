//! A rate: so many requests in a window, as a token bucket in its shortest form, the generic cell rate algorithm (GCRA, ITU-T
//! I.371). A bucket is one number, its *debt*: how long it takes until it is full again.
//!
//! The law: of requests that came one after the other, never more are admitted than the quota and what the rate has given back
//! between the first and the last of them, whatever the clock does.

use std::time::Duration;

/// So many requests in a window. A client that was idle may send all of them at once; afterwards they come back one by one,
/// spread over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub quota: u32,
    /// In how many seconds.
    pub window_s: u32,
}

impl Rate {
    /// That many in that many seconds, both at least 1.
    pub const fn new(quota: u32, window_s: u32) -> Self {
        assert!(quota > 0 && window_s > 0, "a rate that admits nothing is no rate");
        Self { quota, window_s }
    }

    /// After how long one request is given back, in microseconds; rounded up, so that no rounding admits more.
    pub const fn interval(self) -> u64 {
        (self.window_s as u64 * 1_000_000).div_ceil(self.quota as u64)
    }

    /// The debt of an empty bucket, in microseconds.
    pub const fn capacity(self) -> u64 {
        self.interval() * self.quota as u64
    }

    /// Whether a bucket with this debt has one more.
    pub const fn admits(self, debt: u64) -> bool {
        debt.saturating_add(self.interval()) <= self.capacity()
    }

    /// How many a bucket with this debt still has.
    pub const fn left(self, debt: u64) -> u64 {
        self.capacity().saturating_sub(debt) / self.interval()
    }

    /// How long until a bucket with this debt has one more; zero where it has.
    pub const fn wait(self, debt: u64) -> Duration {
        Duration::from_micros(debt.saturating_add(self.interval()).saturating_sub(self.capacity()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A bucket as both stores keep it: the time at which it is full again.
    fn ask(rate: Rate, full_at: &mut u64, now: u64) -> bool {
        let debt = full_at.saturating_sub(now);
        let admitted = rate.admits(debt);
        if admitted {
            *full_at = now + debt + rate.interval();
        }
        admitted
    }

    proptest! {
        #[test]
        fn no_more_is_admitted_than_the_quota_and_what_came_back(
            quota in 1u32..50,
            window in 1u32..100,
            // Steps of the clock between two requests, backwards too, in microseconds.
            steps in prop::collection::vec(-3_000_000i64..3_000_000, 1..300),
        ) {
            let rate = Rate::new(quota, window);
            let (mut now, mut full_at) = (1_000_000_000_000u64, 0);
            let mut admitted = Vec::new();
            for step in steps {
                now = now.saturating_add_signed(step);
                if ask(rate, &mut full_at, now) {
                    admitted.push(now);
                }
            }
            for (first, began) in admitted.iter().enumerate() {
                for (last, ended) in admitted.iter().enumerate().skip(first) {
                    let back = ended.saturating_sub(*began) / rate.interval();
                    let count = (last - first + 1) as u64;
                    prop_assert!(count <= u64::from(quota) + back, "{count} between {began} and {ended}");
                }
            }
        }

        #[test]
        fn who_waits_as_told_is_admitted_and_who_comes_before_is_not(
            quota in 1u32..50,
            window in 1u32..100,
            taken in 0u32..50,
        ) {
            let rate = Rate::new(quota, window);
            let (now, mut full_at) = (1_000_000, 0);
            for _ in 0..taken {
                ask(rate, &mut full_at, now);
            }
            let debt = full_at.saturating_sub(now);
            prop_assert_eq!(rate.left(debt), u64::from(quota.saturating_sub(taken)));
            let wait = rate.wait(debt).as_micros() as u64;
            prop_assert_eq!(wait == 0, rate.admits(debt));
            prop_assert!(rate.admits(full_at.saturating_sub(now + wait)));
            if wait > 0 {
                prop_assert!(!rate.admits(full_at.saturating_sub(now + wait - 1)));
            }
        }
    }
}
