//! A seed is a whole run: what befalls the log, and every step. The same seed is the same run on every machine.

use super::world::{Log, Step, WHAT};

pub(super) const LOGS: [Log; 3] = [Log::Intact, Log::Cut, Log::Altered];

const STEPS_MOST: u64 = 500;

/// What befalls the log in the run of this seed.
pub(super) fn log(seed: u64) -> Log {
    LOGS[(seed % 3) as usize]
}

/// What happens in the run of this seed.
pub(super) fn steps(seed: u64) -> Vec<Step> {
    let mut chance = Chance(seed);
    let length = 1 + chance.next() % STEPS_MOST;
    (0..length).map(|_| ((chance.next() % u64::from(WHAT)) as u8, chance.next() as u16)).collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
