//! The kernel: what every bounded context of Daybook is written in.
//!
//! An aggregate is declared once, in one file, as a state ([`Record`]), its [`Commands`], its [`Events`] and the
//! functions of [`Aggregate`]. Everything else (schemas, routes, permissions, tables, documents) follows from the
//! [`Shape`]s that the derives write down. The kernel is pure: no clock, no randomness, no input or output.
#![doc = include_str!("../README.md")]

extern crate self as daybook_kernel;

pub mod aggregate;
pub mod blind;
pub mod book;
pub mod context;
pub mod datum;
pub mod decision;
pub mod fact;
pub mod file;
pub mod json;
pub mod kind;
pub mod level;
pub mod localized;
pub mod log;
pub mod money;
pub mod number;
pub mod personal;
pub mod policy;
pub mod quantity;
pub mod reference;
pub mod rule;
pub mod scalar;
pub mod scenario;
pub mod shape;
pub mod special;
pub mod specimen;
pub mod text;
pub mod time;
pub mod value;

pub use aggregate::{Aggregate, CommandShape, Commands, EventShape, Events, Record, RecordMeta};
pub use blind::Blind;
pub use book::{Book, Books, Unique};
pub use context::{Actor, Context};
pub use datum::{Datum, Fields, Malformed};
pub use daybook_derive::{Body, Choice, Commands, Events, Record};
pub use decision::{Changes, Decision, Rejection, RejectionKind, accept, nothing, reject};
pub use fact::{Fact, Facts, NoFacts, Published};
pub use file::FileRef;
pub use json::FieldError;
pub use kind::{AggregateKind, Kind, Recorded, State};
pub use level::Level;
pub use localized::Localized;
pub use log::Log;
pub use money::Money;
pub use number::Number;
pub use personal::{Personal, Sealed};
pub use policy::{Heard, Memory, Order, Policy};
pub use quantity::Quantity;
pub use reference::{Ref, Referable};
pub use rule::Rule;
pub use scalar::Scalar;
pub use shape::{Belonging, Field, RecordShape, Shape, View};
pub use special::SpecialView;
pub use text::{Currency, Email, Line, Locale, Permission, Slug, Text, Zone};
pub use time::{Date, LocalTime, Time};
pub use value::{Choice, Value};

/// The identity of a tenant: the id of its Organization, or [`PLATFORM`].
pub type Tenant = uuid::Uuid;

/// The reserved tenant whose books hold what is unique across tenants. Printed as `platform`.
pub const PLATFORM: Tenant = uuid::Uuid::nil();
