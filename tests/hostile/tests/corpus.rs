//! The corpus, and what chance makes of it: for a second, or for as many as `DAYBOOK_HOSTILE_SECONDS` says.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use daybook_hostile::{TARGETS, Target, journal};

/// How long each target is given what chance makes of its corpus, and from which seed.
fn time_and_seed() -> (Duration, u64) {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    (Duration::from_secs(number("DAYBOOK_HOSTILE_SECONDS", 1)), number("DAYBOOK_HOSTILE_SEED", 0x00DA_7B00).max(1))
}

/// What was found once, or shows a form: by name, so that a failure is the same everywhere.
fn corpus(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(&path).unwrap())
    };
    let mut seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(read).collect();
    if target.name == "event" {
        let samples = journal::samples().into_iter().enumerate();
        seeds.extend(samples.map(|(n, bytes)| (format!("the sample of the declared event {n}"), bytes)));
    }
    seeds.sort();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

/// A generator of numbers by seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound.max(1)
    }

    /// Changes some bytes: flipped, cut, repeated, set to what is special, or crossed with another seed.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => bytes.insert(at, self.below(256) as u8),
                3 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b',', b'=', b'.'][self.below(8)],
                4 => {
                    let piece = bytes[at..].iter().take(self.below(64)).copied().collect::<Vec<_>>();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
    }
}

fn holds(target: Target) {
    let seeds = corpus(target);
    for (path, bytes) in &seeds {
        assert!(catch_unwind(|| (target.run)(bytes)).is_ok(), "{path}");
    }
    let (time, seed) = time_and_seed();
    let (mut chance, began, mut tried) = (Chance(seed), Instant::now(), 0_u64);
    while began.elapsed() < time {
        let (mut bytes, other) = (seeds[chance.below(seeds.len())].1.clone(), &seeds[chance.below(seeds.len())].1);
        chance.change(&mut bytes, other);
        assert!(catch_unwind(|| (target.run)(&bytes)).is_ok(), "{}: {bytes:?}", target.name);
        tried += 1;
    }
    assert!(tried > 100, "only {tried} were tried");
    println!("{}: {tried} tried in {} s from seed {seed}", target.name, time.as_secs());
}

fn of(name: &str) {
    holds(*TARGETS.iter().find(|target| target.name == name).unwrap());
}

#[test]
fn any_entry() {
    of("entry");
}

#[test]
fn any_event() {
    of("event");
}

#[test]
fn any_gate_header() {
    of("gate");
}

#[test]
fn any_token() {
    of("token");
}

#[test]
fn any_passkey() {
    of("passkey");
}

#[test]
fn any_filter() {
    of("filter");
}

#[test]
fn any_cursor() {
    of("cursor");
}

#[test]
fn every_target_is_tried() {
    assert_eq!(TARGETS.len(), 7, "one test above for each");
}
