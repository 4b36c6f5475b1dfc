//! Texts with a limit: a line, a text of many lines, an e-mail address, a slug.

use crate::{Datum, Malformed, Shape, Value, shape::TextFormat};

/// Declares one kind of text over a boxed string.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident<$max:ident>, $lines:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<const $max: usize>(Box<str>);

        impl<const $max: usize> $name<$max> {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const $max: usize> From<&str> for $name<$max> {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl<const $max: usize> Value for $name<$max> {
            const SHAPE: Shape = Shape::Text { max: $max, lines: $lines, format: TextFormat::Free };

            fn to_datum(&self) -> Datum {
                Datum::Text(self.0.clone())
            }

            fn from_datum(datum: Datum) -> Result<Self, Malformed> {
                plain(datum).map(Self)
            }
        }
    };
}

text!(
    /// One line of at most `MAX` characters.
    Line<MAX>, false
);
text!(
    /// Text of many lines, at most `MAX` characters.
    Text<MAX>, true
);

/// Declares one kind of text with a format of its own.
macro_rules! formatted {
    ($(#[$doc:meta])* $name:ident, $max:expr, $format:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Value for $name {
            const SHAPE: Shape = Shape::Text { max: $max, lines: false, format: TextFormat::$format };

            fn to_datum(&self) -> Datum {
                Datum::Text(self.0.clone())
            }

            fn from_datum(datum: Datum) -> Result<Self, Malformed> {
                plain(datum).map(Self)
            }
        }
    };
}

formatted!(
    /// An e-mail address (RFC 5321), at most 254 characters.
    Email, 254, Email
);
formatted!(
    /// A name fit for a host name: lower-case letters, digits and single hyphens (RFC 1123), at most 63 characters.
    Slug, 63, Slug
);
formatted!(
    /// A currency code of ISO 4217.
    Currency, 3, Currency
);
formatted!(
    /// A time zone name of the IANA database, such as `Europe/Paris`.
    Zone, 64, Zone
);
formatted!(
    /// A language, and where it matters a script and region: a tag of BCP 47 such as `pt-BR`.
    Locale, 35, Locale
);
formatted!(
    /// What somebody may do: `<resource>:<action>`, such as `incident:report`.
    Permission, 80, Permission
);
formatted!(
    /// A civil date and time, `2026-11-21T09:00:00`.
    CivilTime, 32, CivilTime
);

fn plain(datum: Datum) -> Result<Box<str>, Malformed> {
    match datum {
        Datum::Text(text) => Ok(text),
        other => Err(other.not("text", "a text")),
    }
}
