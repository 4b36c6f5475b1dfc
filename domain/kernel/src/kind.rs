//! Kinds: an aggregate's declaration without its Rust type, for the engines that serve them all alike.

use std::{any::Any, marker::PhantomData, sync::Arc};

use uuid::Uuid;

use crate::{
    Aggregate, Belonging, Book, Choice, CommandShape, Commands, Context, Datum, EventShape, Events, Malformed,
    Published, RecordMeta, Rejection, Rule, Unique,
    rule::{From, To},
};

/// A folded state, without its type.
pub type State = Arc<dyn Any + Send + Sync>;

/// An event that a command makes, without its type.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What kind of aggregate it happened to.
    pub kind: &'static dyn Kind,
    /// Which one.
    pub id: Uuid,
    /// The event's place in the declaration.
    pub event: usize,
    /// Its body.
    pub body: Datum,
}

impl Recorded {
    /// The event's name on the wire.
    pub fn wire_name(&self) -> String {
        self.kind.wire_name(self.event)
    }
}

/// An event of another aggregate of the book, in a [`crate::Changes`].
#[derive(Debug)]
pub struct OtherEvent(Recorded);

impl OtherEvent {
    pub(crate) fn new<A: Aggregate>(id: Uuid, event: A::Event) -> Self {
        Self(Recorded { kind: kind::<A>(), id, event: event.index(), body: event.body() })
    }
}

/// An aggregate's declaration, without its type.
pub trait Kind: Send + Sync {
    /// What the declaration says of the state.
    fn meta(&self) -> &'static RecordMeta;
    /// The commands.
    fn commands(&self) -> &'static [CommandShape];
    /// The events.
    fn events(&self) -> &'static [EventShape];
    /// The statuses.
    fn statuses(&self) -> &'static [&'static str];
    /// The permission that the command of that place needs.
    fn permission(&self, command: usize) -> &'static str;
    /// Where the command of that place leads: from which statuses (`None`: where nothing exists) to which (empty: the same).
    fn transition(&self, command: usize) -> Transition;
    /// The places of the commands allowed in this state.
    fn allowed(&self, state: Option<&State>) -> Vec<usize>;
    /// Decides a command.
    ///
    /// # Errors
    /// The business's no, `INVALID_TRANSITION` with the allowed commands among them.
    fn decide(
        &self,
        state: Option<&State>,
        command: usize,
        body: Datum,
        book: &Book<'_>,
        context: &Context<'_>,
    ) -> Result<Vec<Recorded>, Rejection>;
    /// The state after an event; `None` before the first.
    ///
    /// # Errors
    /// When the body does not have its shape, or the event cannot come here.
    fn evolve(&self, state: Option<State>, event: usize, body: Datum) -> Result<State, Malformed>;
    /// The state as a datum of [`RecordMeta::shape`].
    fn to_datum(&self, state: &State) -> Datum;
    /// The state from its datum.
    ///
    /// # Errors
    /// When the datum does not have the state's shape.
    #[allow(clippy::wrong_self_convention, reason = "the kind makes a state, not itself")]
    fn from_datum(&self, datum: Datum) -> Result<State, Malformed>;
    /// The state without the items of its growing lists.
    fn settle(&self, state: State) -> State;
    /// The status's name.
    fn status(&self, state: &State) -> &'static str;
    /// What no other aggregate of the book may have.
    fn unique(&self, state: &State) -> Vec<Unique>;
    /// The fields whose references the book indexes, with the ids they hold.
    fn references(&self, state: &State) -> Vec<(&'static str, Uuid)>;
    /// What its fields say of whose it is.
    fn belonging(&self, state: &State) -> Vec<(Belonging, Datum)>;
    /// Its place in the book's number series, or 0.
    fn place(&self, state: &State) -> u64;
    /// Whether it counts against the quota of its kind.
    fn counts(&self, state: &State) -> bool;
    /// What other contexts may know of it.
    fn fact(&self, state: &State) -> Option<Published>;

    /// The name of an event on the wire: `<events>.<name>`, or the one it declares.
    fn wire_name(&self, event: usize) -> String {
        let EventShape { name, wire, .. } = &self.events()[event];
        wire.map_or_else(|| format!("{}.{name}", self.meta().events), str::to_owned)
    }

    /// The place of the event of that name on the wire.
    fn event(&self, wire_name: &str) -> Option<usize> {
        let own = wire_name.strip_prefix(self.meta().events).and_then(|rest| rest.strip_prefix('.'));
        self.events().iter().position(|event| event.wire.map_or(own == Some(event.name), |wire| wire == wire_name))
    }

    /// The place of the command that begins an aggregate under a fresh id: the first of those that can begin one. The others
    /// are given the id, as is every command of an aggregate that shares the id of another.
    fn begins(&self) -> Option<usize> {
        let first = (0..self.commands().len()).find(|command| self.transition(*command).from.is_none());
        first.filter(|_| self.meta().shares.is_none())
    }

    /// The place of the command of that name.
    fn command(&self, name: &str) -> Option<usize> {
        self.commands().iter().position(|c| c.name == name)
    }
}

impl std::fmt::Debug for dyn Kind + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.meta().type_name)
    }
}

/// An arrow of the life cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The statuses it starts from; `None` where it begins an aggregate.
    pub from: Option<Vec<&'static str>>,
    /// The statuses it may lead to; empty where the status stays.
    pub to: Vec<&'static str>,
}

/// The kind of the aggregate `A`.
pub const fn kind<A: Aggregate>() -> &'static dyn Kind {
    const { &AggregateKind::<A>(PhantomData) }
}

/// The one implementation of [`Kind`].
pub struct AggregateKind<A>(PhantomData<fn() -> A>);

impl<A: Aggregate> AggregateKind<A> {
    fn rule(command: usize) -> Rule<A::Status> {
        A::rule(A::Command::KINDS[command])
    }

    fn state(state: &State) -> &A {
        state.downcast_ref().expect("a state is only ever given to the kind that made it")
    }

    fn allowed_in(status: Option<A::Status>) -> Vec<usize> {
        (0..A::Command::KINDS.len()).filter(|command| Self::rule(*command).allows(status)).collect()
    }

    fn check_life_cycle(state: Option<&A>, command: usize) -> Result<(), Rejection> {
        let status = state.map(Aggregate::status);
        if Self::rule(command).allows(status) {
            return Ok(());
        }
        let name = A::Command::SHAPES[command].name;
        let Some(status) = status else {
            return Err(Rejection::not_found(A::META.shape.name));
        };
        let allowed: Vec<_> = Self::allowed_in(Some(status)).into_iter().map(|c| A::Command::SHAPES[c].name).collect();
        let message = match allowed.is_empty() {
            true => format!("{name} is not possible in status {}; it is final", status.name()),
            false => format!("{name} is not possible in status {}; possible are {}", status.name(), allowed.join(", ")),
        };
        let rejection = Rejection::conflict("INVALID_TRANSITION", message);
        Err(allowed.into_iter().fold(rejection, |rejection, command| rejection.field("allowed", command)))
    }
}

impl<A: Aggregate> Kind for AggregateKind<A> {
    fn meta(&self) -> &'static RecordMeta {
        const { &A::META }
    }

    fn commands(&self) -> &'static [CommandShape] {
        A::Command::SHAPES
    }

    fn events(&self) -> &'static [EventShape] {
        A::Event::SHAPES
    }

    fn statuses(&self) -> &'static [&'static str] {
        A::Status::OPTIONS
    }

    fn permission(&self, command: usize) -> &'static str {
        Self::rule(command).permission
    }

    fn transition(&self, command: usize) -> Transition {
        let rule = Self::rule(command);
        let names = |statuses: &[A::Status]| statuses.iter().map(|status| status.name()).collect();
        Transition {
            from: match rule.from {
                From::Nothing => None,
                From::Any(from) => Some(names(from)),
            },
            to: match rule.to {
                To::Same => Vec::new(),
                To::Any(to) => names(to),
            },
        }
    }

    fn allowed(&self, state: Option<&State>) -> Vec<usize> {
        Self::allowed_in(state.map(|state| Self::state(state).status()))
    }

    fn decide(
        &self,
        state: Option<&State>,
        command: usize,
        body: Datum,
        book: &Book<'_>,
        context: &Context<'_>,
    ) -> Result<Vec<Recorded>, Rejection> {
        let state = state.map(Self::state);
        Self::check_life_cycle(state, command)?;
        let command = A::Command::build(command, body)
            .map_err(|error| Rejection::unprocessable("VALIDATION_ERROR", error.to_string()))?;
        let changes = A::decide(state, command, book, context)?;
        let own = changes.own.iter().map(|event| Recorded {
            kind: kind::<A>(),
            id: context.id,
            event: event.index(),
            body: event.body(),
        });
        Ok(own.chain(changes.others.into_iter().map(|other| other.0)).collect())
    }

    fn evolve(&self, state: Option<State>, event: usize, body: Datum) -> Result<State, Malformed> {
        let event = A::Event::build(event, body)?;
        match state {
            None => match A::begin(&event) {
                Some(state) => Ok(Arc::new(state)),
                None => Err(Malformed {
                    at: format!("{}.{}", A::META.events, A::Event::SHAPES[event.index()].name),
                    expected: "an event that begins the aggregate",
                    found: "a later one",
                }),
            },
            Some(state) => {
                let mut state: Arc<A> = state.downcast().map_err(|_| Malformed {
                    at: A::META.type_name.to_owned(),
                    expected: "its own state",
                    found: "the state of another kind",
                })?;
                Arc::make_mut(&mut state).evolve(&event);
                Ok(state)
            }
        }
    }

    fn to_datum(&self, state: &State) -> Datum {
        Self::state(state).to_datum()
    }

    fn from_datum(&self, datum: Datum) -> Result<State, Malformed> {
        A::from_datum(datum).map(|state| Arc::new(state) as State)
    }

    fn settle(&self, state: State) -> State {
        match state.downcast::<A>() {
            Ok(mut state) => {
                Arc::make_mut(&mut state).settle();
                state
            }
            Err(state) => state,
        }
    }

    fn status(&self, state: &State) -> &'static str {
        Self::state(state).status().name()
    }

    fn unique(&self, state: &State) -> Vec<Unique> {
        Self::state(state).unique()
    }

    fn references(&self, state: &State) -> Vec<(&'static str, Uuid)> {
        let mut found = Vec::new();
        for (field, datum) in Self::state(state).references() {
            each_id(&datum, &mut |id| found.push((field, id)));
        }
        found
    }

    fn belonging(&self, state: &State) -> Vec<(Belonging, Datum)> {
        Self::state(state).belonging()
    }

    fn place(&self, state: &State) -> u64 {
        Self::state(state).number().map_or(0, crate::Number::place)
    }

    fn counts(&self, state: &State) -> bool {
        Self::state(state).counts()
    }

    fn fact(&self, state: &State) -> Option<Published> {
        Self::state(state).fact()
    }
}

fn each_id(datum: &Datum, found: &mut impl FnMut(Uuid)) {
    match datum {
        Datum::Id(id) => found(*id),
        Datum::List(items) | Datum::Record(items) => items.iter().for_each(|item| each_id(item, found)),
        Datum::Map(items) => items.values().for_each(|item| each_id(item, found)),
        _ => {}
    }
}
