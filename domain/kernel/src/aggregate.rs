//! The declaration of an aggregate: its state, its commands, its events, and the functions between them.

use crate::{
    Belonging, Book, Choice, Context, Datum, Decision, Malformed, Published, RecordShape, Referable, Rule, Unique,
    Value,
};

/// What the derive of [`Record`] writes down of a state.
#[derive(Debug, PartialEq)]
pub struct RecordMeta {
    /// The bounded context, such as `incident`.
    pub context: &'static str,
    /// The type on the wire, `<context>.<Name>`.
    pub type_name: &'static str,
    /// The plural in routes and tables, such as `incidents`.
    pub plural: &'static str,
    /// The path below `/api/v1/` where it differs from the plural, such as `cmdb/cis`.
    pub path: &'static str,
    /// The prefix of its events on the wire, such as `ci` in `ci.created`.
    pub events: &'static str,
    /// The prefix of its number series, such as `INC`.
    pub number: Option<&'static str>,
    /// The type of the aggregate whose id it has, where there is one of it for each of those.
    pub shares: Option<&'static str>,
    /// Whether it stands in the platform's book, because what is unique about it is so across tenants.
    pub platform: bool,
    /// The field that names the person whom its personal data is about, or `id` where it is the person's own account. Who is erased takes
    /// that data along; without one it is nobody's but the organisation's.
    pub subject: Option<&'static str>,
    /// Its fields.
    pub shape: &'static RecordShape,
}

/// A state that has a default view. Derived.
pub trait Record: Value + Referable {
    /// What the declaration says of it.
    const META: RecordMeta;

    /// Forgets the items of growing lists, not their number. Derived.
    fn settle(&mut self);

    /// Its number in the book's series, where it has one. Derived.
    fn number(&self) -> Option<&crate::Number>;

    /// The fields whose references the book indexes, by name. Derived.
    fn references(&self) -> Vec<(&'static str, Datum)>;

    /// What its fields say of whose it is. Derived.
    fn belonging(&self) -> Vec<(Belonging, Datum)>;
}

/// A command as the declaration names it.
#[derive(Debug, PartialEq)]
pub struct CommandShape {
    /// Its name in routes, snake case.
    pub name: &'static str,
    /// What it asks for.
    pub doc: &'static str,
    /// Its body.
    pub body: &'static RecordShape,
}

/// The commands of an aggregate. Derived on an enum.
pub trait Commands: Sized + Clone + Send + Sync + 'static {
    /// The command without its body, for an exhaustive `match` in [`Aggregate::rule`].
    type Kind: Copy + Eq + Send + Sync + 'static;
    /// Every kind, in the order of the declaration.
    const KINDS: &'static [Self::Kind];
    /// Every command's shape, in the same order.
    const SHAPES: &'static [CommandShape];

    /// The command of that place in the declaration with that body.
    ///
    /// # Errors
    /// When the body does not have its shape.
    fn build(index: usize, body: Datum) -> Result<Self, Malformed>;
}

/// An event as the declaration names it.
#[derive(Debug, PartialEq)]
pub struct EventShape {
    /// Its name, snake case; on the wire `<events>.<name>`.
    pub name: &'static str,
    /// Its whole name on the wire, where that is another: `#[wire("role.assigned")]`.
    pub wire: Option<&'static str>,
    /// What happened.
    pub doc: &'static str,
    /// Its body.
    pub body: &'static RecordShape,
}

/// The events of an aggregate. Derived on an enum.
pub trait Events: Sized + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Every event's shape, in the order of the declaration.
    const SHAPES: &'static [EventShape];

    /// The place of this event in the declaration.
    fn index(&self) -> usize;

    /// Its body.
    fn body(&self) -> Datum;

    /// The event of that place with that body.
    ///
    /// # Errors
    /// When the body does not have its shape.
    fn build(index: usize, body: Datum) -> Result<Self, Malformed>;
}

/// An aggregate: the unit that commands are given to.
pub trait Aggregate: Record {
    /// Where it stands in its life cycle.
    type Status: Choice;
    /// What may be asked of it.
    type Command: Commands;
    /// What may have happened to it.
    type Event: Events;

    /// Where it stands.
    fn status(&self) -> Self::Status;

    /// The life cycle: an exhaustive `match` on the kind of command.
    fn rule(kind: <Self::Command as Commands>::Kind) -> Rule<Self::Status>;

    /// Decides a command that the life cycle allows.
    ///
    /// # Errors
    /// The business's no.
    fn decide(
        state: Option<&Self>,
        command: Self::Command,
        book: &Book<'_>,
        context: &Context<'_>,
    ) -> Decision<Self::Event>;

    /// The state an event begins, or `None` for an event that cannot be the first.
    fn begin(event: &Self::Event) -> Option<Self>;

    /// The state after an event.
    fn evolve(&mut self, event: &Self::Event);

    /// What no other aggregate of the book may have while this one has it.
    fn unique(&self) -> Vec<Unique> {
        Vec::new()
    }

    /// Whether it counts against the quota of its kind: what is out of use for good gives its place free.
    fn counts(&self) -> bool {
        true
    }

    /// What other contexts may know of it.
    fn fact(&self) -> Option<Published> {
        None
    }
}
