//! The corpus of the fuzzers, run as a plain test, and what a second of chance makes of it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use daybook_hostile::{TARGETS, Target};

/// How long each target is given what chance makes of its corpus.
const TIME: Duration = Duration::from_secs(1);

/// What was found once, or shows a form: by name, so that a failure is the same everywhere.
fn corpus(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(&path).unwrap())
    };
    let mut seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(read).collect();
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
    let (mut chance, began, mut tried) = (Chance(0x00DA_7B00), Instant::now(), 0);
    while began.elapsed() < TIME {
        let (mut bytes, other) = (seeds[chance.below(seeds.len())].1.clone(), &seeds[chance.below(seeds.len())].1);
        chance.change(&mut bytes, other);
        assert!(catch_unwind(|| (target.run)(&bytes)).is_ok(), "{}: {bytes:?}", target.name);
        tried += 1;
    }
    assert!(tried > 100, "only {tried} were tried");
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
fn any_filter() {
    of("filter");
}

#[test]
fn any_cursor() {
    of("cursor");
}

#[test]
fn every_target_is_tried_here_and_has_a_program() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/targets");
    let mut programs: Vec<_> =
        fs::read_dir(fuzz).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    programs.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    names.sort();
    assert_eq!(programs, names);
    assert_eq!(TARGETS.len(), 6, "one test above for each");
}
