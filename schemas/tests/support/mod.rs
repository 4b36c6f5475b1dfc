//! What the contract tests share: a record that holds every form of value, which no declared event does.

use std::collections::{BTreeMap, BTreeSet};

use daybook_kernel::{
    Blind, Body, Choice, Date, Email, FileRef, Line, LocalTime, Localized, Money, Number, Permission, Personal,
    Quantity, Ref, Referable, Scalar, Slug, Text, Time,
};
use uuid::Uuid;

/// What a reference of the test record points to.
#[derive(Debug)]
pub struct User;

impl Referable for User {
    const TYPE: &'static str = "identity.User";
}

/// One of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Choice)]
pub enum Colour {
    Red,
    DeepBlue,
    Green,
}

/// A record inside another.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Inner {
    /// A name.
    pub name: Line<80>,
    /// A secret.
    pub secret: Option<Personal<Line<80>>>,
}

/// Every form a value can have.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct EveryForm {
    /// True or false.
    pub flag: bool,
    /// A whole number.
    pub whole: i64,
    /// A small one.
    pub small: u8,
    /// A line.
    pub line: Line<160>,
    /// Many lines.
    pub text: Text<4000>,
    /// An address.
    pub email: Email,
    /// A host name.
    pub slug: Slug,
    /// One of three.
    pub choice: Colour,
    /// A point in time.
    pub time: Time,
    /// A date.
    pub date: Date,
    /// An id.
    pub id: Uuid,
    /// Somebody.
    pub reference: Ref<User>,
    /// A number of a series.
    pub number: Number,
    /// A text, a whole number or a flag.
    pub scalar: Scalar,
    /// One of them, or none.
    pub optional_scalar: Option<Scalar>,
    /// Personal data.
    pub personal: Personal<Text<4000>>,
    /// Personal data, or none.
    pub optional_personal: Option<Personal<Email>>,
    /// The hash of that, or none.
    #[field(blind = "optional_personal")]
    pub blind: Option<Blind>,
    /// What somebody may do.
    pub permission: Permission,
    /// A time, or none.
    pub optional_time: Option<Time>,
    /// Texts in order.
    pub list: Vec<Line<80>>,
    /// A set of choices.
    pub set: BTreeSet<Colour>,
    /// Attributes by name.
    pub map: BTreeMap<String, Scalar>,
    /// A text in several languages.
    pub localized: Localized<80>,
    /// An amount.
    pub money: Money,
    /// A quantity.
    pub quantity: Option<Quantity>,
    /// A clock's reading somewhere.
    pub local_time: LocalTime,
    /// A file.
    pub file: Option<FileRef>,
    /// A record.
    pub record: Inner,
    /// Records in order.
    pub records: Vec<Inner>,
}
