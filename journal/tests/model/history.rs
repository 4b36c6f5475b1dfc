//! A history, small enough to be its own digest: equal histories have equal digests, and no others have.

use daybook_journal::Digest;

/// How many bits a line takes, and so how many lines a history can have: ten.
const BITS: u32 = 12;

/// One admitted entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The claim that its owner wrote it under.
    pub owner: u8,
    /// Its place in the claim.
    pub seq: u8,
    /// The attempt it answers; none for a barrier.
    pub attempt: Option<usize>,
    /// Its number in the header is not the one it was given.
    pub altered: bool,
}

impl Line {
    fn pack(self) -> u128 {
        let attempt = self.attempt.map_or(0, |attempt| attempt as u128 + 1);
        assert!(self.owner > 0 && self.owner < 16 && self.seq < 8 && attempt < 16, "the model's bounds are too wide");
        u128::from(self.owner) << 8 | u128::from(self.seq) << 5 | attempt << 1 | u128::from(self.altered)
    }

    fn unpack(bits: u128) -> Line {
        let field = |shift: u32, mask: u128| (bits >> shift & mask) as u8;
        Line {
            owner: field(8, 15),
            seq: field(5, 7),
            attempt: usize::from(field(1, 15)).checked_sub(1),
            altered: field(0, 1) == 1,
        }
    }
}

/// The admitted entries so far, the latest in the lowest bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct History(u128);

impl History {
    pub fn length(self) -> u8 {
        ((u128::BITS - self.0.leading_zeros()).div_ceil(BITS)) as u8
    }

    pub fn push(self, line: Line) -> History {
        assert!(self.length() < (u128::BITS / BITS) as u8, "the model's bounds are too wide");
        History(self.0 << BITS | line.pack())
    }

    /// The line with this number, from 1.
    pub fn line(self, number: u8) -> Option<Line> {
        let after = self.length().checked_sub(number).filter(|_| number > 0)?;
        Some(Line::unpack(self.0 >> (BITS * u32::from(after)) & ((1 << BITS) - 1)))
    }

    /// The number of the first line that answers such an attempt.
    pub fn find(self, is: impl Fn(usize) -> bool) -> Option<u8> {
        (1..=self.length()).find(|number| self.line(*number).and_then(|line| line.attempt).is_some_and(&is))
    }

    /// Whether the other one goes on from here.
    pub fn begins(self, other: History) -> bool {
        other.length().checked_sub(self.length()).is_some_and(|more| other.0 >> (BITS * u32::from(more)) == self.0)
    }

    pub fn digest(self) -> Digest {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.0.to_be_bytes());
        Digest(bytes)
    }

    pub fn of_digest(digest: Digest) -> History {
        let Digest([bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]) = digest;
        History(u128::from_be_bytes(bytes))
    }
}
