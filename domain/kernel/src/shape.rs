//! Shapes: what the declaration says of a type, as data that schemas, routes, tables and documents are made from.

/// The form of a value. Everything is `const`, so that a declaration costs nothing at run time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number between two bounds, both included.
    Whole {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// Text of at most `max` characters; `lines` says whether it may hold line breaks.
    Text {
        /// The greatest number of characters (Unicode scalar values).
        max: usize,
        /// Whether line breaks are allowed.
        lines: bool,
        /// What the text must look like.
        format: TextFormat,
    },
    /// One of a fixed set of names, a string on the wire.
    Choice {
        /// The type's name.
        name: &'static str,
        /// The names, in the order of the declaration.
        options: &'static [&'static str],
    },
    /// A point in time, UTC, in microseconds since 1970.
    Time,
    /// A calendar date without a zone, in days since 1970-01-01.
    Date,
    /// The id of an aggregate or item, a UUID.
    Id,
    /// The id of an aggregate of the type named, such as `identity.User`.
    Ref(&'static str),
    /// A number of the book's series, such as `INC0000001`.
    Number,
    /// A text, a whole number or a flag: an attribute whose kind a class decides.
    Scalar,
    /// Personal data: in clear only outside the domain, sealed everywhere else.
    Personal(&'static Shape),
    /// A keyed hash of the personal text beside it, 32 bytes: never given by a client, never shown to one.
    Blind,
    /// A value that may be absent.
    Optional(&'static Shape),
    /// At most `max` values in order.
    List {
        /// The shape of each value.
        of: &'static Shape,
        /// The greatest number of values.
        max: usize,
    },
    /// At most `max` values by name.
    Map {
        /// The shape of each value.
        of: &'static Shape,
        /// The greatest number of values.
        max: usize,
    },
    /// Fields by name.
    Record(&'static RecordShape),
    /// A growing list with a table of its own; the state keeps only its length.
    Log(&'static RecordShape),
}

/// What a text must look like beyond its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Anything printable.
    Free,
    /// An e-mail address (RFC 5321 addr-spec, without quoted local parts).
    Email,
    /// Lower-case letters, digits and single hyphens, as in a host name (RFC 1123 label).
    Slug,
    /// A currency code of ISO 4217: three capital letters.
    Currency,
    /// A time zone name of the IANA database.
    Zone,
    /// A language tag of BCP 47, such as `pt-BR`.
    Locale,
    /// A permission, `<resource>:<action>`, in lower-case letters and underscores.
    Permission,
    /// A civil date and time without a zone, `2026-11-21T09:00:00`.
    CivilTime,
}

/// A record: named fields in a fixed order.
#[derive(Debug, PartialEq)]
pub struct RecordShape {
    /// The type's name in the language of the context.
    pub name: &'static str,
    /// What it means, from the doc comment.
    pub doc: &'static str,
    /// Its fields, in the order in which a [`crate::Datum::Record`] holds them.
    pub fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its name, in snake case, on the wire and in every store.
    pub name: &'static str,
    /// What it means, from the doc comment.
    pub doc: &'static str,
    /// Its form.
    pub shape: Shape,
    /// What the read side does with it.
    pub view: View,
    /// Whether the book keeps a reverse index of this reference.
    pub referrers: bool,
    /// The personal field of the same record that this [`Shape::Blind`] is the hash of.
    pub blind: Option<&'static str>,
    /// What it says of whose the record is.
    pub belongs: Option<Belonging>,
}

/// Whose a record is, as one of its fields says: how far a permission reaches is judged by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Belonging {
    /// The person whom it is about, or who has it.
    Own,
    /// The group that has it.
    Team,
    /// The domain of the organisation that it is of; where the field is empty, it is of the whole organisation.
    Domain,
}

/// Read-side hints of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// Lists can be filtered by it, so it has a column and an index.
    pub filter: bool,
    /// Lists can be sorted by it, so it has a column.
    pub sort: bool,
    /// Full-text search looks in it.
    pub search: bool,
    /// Search counts its values.
    pub facet: bool,
}

impl Shape {
    /// The shape without the outer [`Shape::Optional`].
    pub fn required(&self) -> &Shape {
        match self {
            Shape::Optional(inner) => inner,
            other => other,
        }
    }

    /// Whether the value may be absent.
    pub fn is_optional(&self) -> bool {
        matches!(self, Shape::Optional(_))
    }

    /// Whether it is a blind index, or none: what clients neither give nor see.
    pub fn is_blind(&self) -> bool {
        matches!(self.required(), Shape::Blind)
    }

    /// Whether any part of a value of this shape is personal.
    pub fn holds_personal(&self) -> bool {
        match self {
            Shape::Personal(_) => true,
            Shape::Optional(of) | Shape::List { of, .. } | Shape::Map { of, .. } => of.holds_personal(),
            Shape::Record(record) | Shape::Log(record) => record.fields.iter().any(|f| f.shape.holds_personal()),
            _ => false,
        }
    }
}

impl RecordShape {
    /// The record without fields: the body of a command or event that says it all by its name.
    pub const EMPTY: RecordShape = RecordShape { name: "Empty", doc: "Nothing to add.", fields: &[] };

    /// The field of that name and its place.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, f)| f.name == name)
    }
}
