//! Breadth first through all that can happen, so that what goes wrong is told by a shortest trace.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use crate::step::Step;
use crate::world::{Bounds, World};

/// How a search ended.
#[derive(Debug)]
pub enum Verdict {
    /// All there is was seen, and nothing was wrong.
    Holds { worlds: usize, steps: usize, longest: usize },
    /// The shortest way to what is wrong.
    Broken { worlds: usize, why: String, trace: Vec<String> },
}

/// Worlds are told apart by 64 bits of hash: among ten million of them two are mistaken for one with a chance of 3 in a
/// million.
type Seen = HashSet<u64, BuildHasherDefault<Itself>>;

/// A hash by folded multiplication: the standard library's would take a third of the search.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = self.0.rotate_left(29) ^ number ^ 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(mixed) * 0xd6e8_feb8_6659_fd93;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

/// What is a hash already.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Looks at every world that can be reached within the bounds. `objection` says what is wrong with one.
pub fn explore(bounds: &Bounds, mut objection: impl FnMut(&World) -> Option<String>) -> Verdict {
    let hasher = BuildHasherDefault::<Folded>::default();
    let mut seen = Seen::default();
    // By number: the world before it, and the step from there.
    let mut came: Vec<(u32, Step)> = Vec::new();
    let start = World::new(bounds);
    seen.insert(hasher.hash_one(&start));
    let mut level = vec![(start, u32::MAX)];
    let (mut steps, mut longest) = (0, 0);
    while !level.is_empty() {
        let mut next = Vec::new();
        for (world, number) in level {
            for step in world.steps(bounds) {
                steps += 1;
                let after = world.after(bounds, step);
                if !seen.insert(hasher.hash_one(&after)) {
                    continue;
                }
                came.push((number, step));
                let this = came.len() as u32 - 1;
                if let Some(why) = after.wrong.map(str::to_owned).or_else(|| objection(&after)) {
                    return Verdict::Broken { worlds: seen.len(), why, trace: trace(bounds, &came, this) };
                }
                next.push((after, this));
            }
        }
        longest += usize::from(!next.is_empty());
        level = next;
    }
    Verdict::Holds { worlds: seen.len(), steps, longest }
}

/// The steps to this world, in words.
fn trace(bounds: &Bounds, came: &[(u32, Step)], mut number: u32) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some((before, step)) = came.get(number as usize) {
        steps.push(*step);
        number = *before;
    }
    let mut world = World::new(bounds);
    let mut told = Vec::new();
    for step in steps.into_iter().rev() {
        told.push(world.describe(bounds, step));
        world = world.after(bounds, step);
    }
    told
}
