//! Specimens: values of any shape, for tests that hold for every declaration.

use uuid::Uuid;

use crate::{Datum, Permission, RecordShape, Sealed, Shape, Time, shape::TextFormat};

/// Makes values that keep to their shapes, from choices that somebody else makes.
pub struct Specimens<'a> {
    /// Chooses a number below the one given.
    pub pick: &'a mut dyn FnMut(usize) -> usize,
    /// The ids that references are taken from. Few, so that they meet.
    pub ids: &'a [Uuid],
    /// The time that specimens of time lie around.
    pub around: Time,
    /// Whether personal values are sealed, as within the domain, or in clear, as in a request.
    pub sealed: bool,
}

/// Texts that any line may hold. Few, so that what must be unique meets.
const WORDS: [&str; 6] = ["alpha", "Beta", "ALPHA", "gamma delta", "Ünïcødé ✓", "q\"uo'te\\"];

/// The permissions that specimens name.
const PERMISSIONS: [&str; 6] = ["thing:read", "thing:write", "other:read", "other:write", "more:read", "more:write"];

/// The same, for a test that has to declare them.
pub fn permissions() -> impl Iterator<Item = Permission> {
    PERMISSIONS.into_iter().map(Permission::from)
}

impl Specimens<'_> {
    /// A value of that record.
    pub fn record(&mut self, shape: &RecordShape) -> Datum {
        Datum::Record(shape.fields.iter().map(|field| self.value(&field.shape)).collect())
    }

    /// A value of that shape.
    pub fn value(&mut self, shape: &Shape) -> Datum {
        match shape {
            Shape::Flag => Datum::Flag(self.below(2) == 1),
            Shape::Whole { min, max } => self.whole(*min, *max),
            Shape::Text { max, lines, format } => Datum::text(self.text(*max, *lines, *format)),
            Shape::Choice { options, .. } => Datum::text(options[self.below(options.len())]),
            Shape::Time => Datum::Whole(self.around.0 + self.whole_of(-1_000_000_000_000, 1_000_000_000_000)),
            Shape::Date => Datum::Whole(self.whole_of(-30_000, 30_000)),
            Shape::Id | Shape::Ref(_) => Datum::Id(self.ids[self.below(self.ids.len())]),
            Shape::Number => Datum::text(format!("NR{:07}", self.below(1_000))),
            Shape::Scalar => match self.below(3) {
                0 => Datum::Flag(self.below(2) == 1),
                1 => self.whole(i64::MIN, i64::MAX),
                _ => Datum::text(self.text(1_000, false, TextFormat::Free)),
            },
            Shape::Personal(of) if !self.sealed => self.value(of),
            Shape::Personal(_) => {
                let text = WORDS[self.below(WORDS.len())];
                Datum::Sealed(Box::new(Sealed { key: self.ids[0], nonce: [7; 12], ciphertext: text.as_bytes().into() }))
            }
            Shape::Blind => Datum::Blind(Box::new([u8::try_from(self.below(WORDS.len())).unwrap_or(0); 32])),
            // Only the edge fills it.
            Shape::Optional(Shape::Blind) if !self.sealed => Datum::Null,
            Shape::Optional(of) => match self.below(2) {
                0 => Datum::Null,
                _ => self.value(of),
            },
            Shape::List { of, max } => Datum::List((0..self.below(4.min(max + 1))).map(|_| self.value(of)).collect()),
            Shape::Map { of, max } => {
                let count = self.below(4.min(max + 1));
                Datum::Map((0..count).map(|_| (WORDS[self.below(WORDS.len())].to_owned(), self.value(of))).collect())
            }
            Shape::Record(record) => self.record(record),
            Shape::Log(_) => Datum::Log { length: 0, fresh: Vec::new() },
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.pick)(bound)
    }

    fn whole_of(&mut self, min: i64, max: i64) -> i64 {
        let candidates = [min, max, 0, 1, 2, 3, max / 2].map(|n| n.clamp(min, max));
        candidates[self.below(candidates.len())]
    }

    fn whole(&mut self, min: i64, max: i64) -> Datum {
        Datum::Whole(self.whole_of(min, max))
    }

    fn text(&mut self, max: usize, lines: bool, format: TextFormat) -> String {
        let n = self.below(WORDS.len());
        match format {
            TextFormat::Email => format!("someone-{n}@example.org"),
            TextFormat::Slug => format!("slug-{n}"),
            TextFormat::Currency => ["EUR", "USD", "BRL", "JPY", "XOF", "KWD"][n].to_owned(),
            TextFormat::Zone => {
                ["UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "UTC"][n].to_owned()
            }
            TextFormat::Locale => ["en", "fr", "pt-BR", "zh-Hant-TW", "ar", "hi"][n].to_owned(),
            TextFormat::CivilTime => format!("2026-02-0{}T09:30:00", n + 1),
            TextFormat::Permission => PERMISSIONS[n].to_owned(),
            TextFormat::Free => match self.below(8) {
                0 => "x".repeat(max),
                1 if lines => format!("{}\n{}", WORDS[n], WORDS[0]).chars().take(max).collect(),
                _ => WORDS[n].chars().take(max).collect(),
            },
        }
    }
}
