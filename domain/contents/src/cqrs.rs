//! The adapter to cqrs-es: any declared aggregate, as that framework knows aggregates.
//!
//! A cqrs-es aggregate knows neither its id nor its book nor the time, and says what happened to itself only. So the
//! [`Order`] brings the id and the time along, the [`Desk`] the book, and a command that reaches other aggregates of the
//! book is refused with `SPANS_AGGREGATES`. command-api takes the short way instead (docs/adr/0003-declaration.md).

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use cqrs_es::{Aggregate as CqrsAggregate, DomainEvent, event_sink::EventSink};
use daybook_kernel::{
    Actor, Aggregate, Books, Datum, Events, Facts, Kind, Malformed, Recorded, Rejection, State, Tenant, Time,
    book::{Call, Given},
    json,
    kind::kind,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// An aggregate as cqrs-es loads, changes and stores it: nothing yet, or its state and version.
#[derive(Debug, Clone)]
pub struct Adapted<A> {
    state: Option<Arc<A>>,
    version: u64,
}

impl<A> Adapted<A> {
    /// The state, once something has happened.
    pub fn state(&self) -> Option<&A> {
        self.state.as_deref()
    }

    /// How many events it has seen.
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl<A> Default for Adapted<A> {
    fn default() -> Self {
        Self { state: None, version: 0 }
    }
}

/// A command with what cqrs-es does not tell an aggregate.
#[derive(Debug, Clone)]
pub struct Order {
    /// The aggregate; for a command that begins one, the id it will have.
    pub id: Uuid,
    /// The command's place in the declaration.
    pub command: usize,
    /// Its body.
    pub body: Datum,
    /// Who gives it.
    pub actor: Actor,
    /// When it is given.
    pub now: Time,
    /// When it happened in the business, where that differs.
    pub occurred_at: Option<Time>,
    /// Where fresh ids come from.
    pub seed: Uuid,
}

/// What the aggregates of one tenant and context stand in: their book, and what other contexts let us know.
///
/// Deciding leaves the book as it is; [`Desk::learn`] tells it what was committed.
pub struct Desk {
    tenant: Tenant,
    books: Mutex<Books>,
    facts: Box<dyn Facts + Send + Sync>,
}

impl Desk {
    /// A desk with an empty book.
    pub fn new(tenant: Tenant, kinds: &'static [&'static dyn Kind], facts: Box<dyn Facts + Send + Sync>) -> Self {
        Self { tenant, books: Mutex::new(Books::new(kinds)), facts }
    }

    /// Applies committed events to the book.
    ///
    /// # Errors
    /// When an event does not fit what is there.
    pub fn learn<A: Aggregate>(&self, id: Uuid, events: &[Happened<A>]) -> Result<(), Malformed> {
        let recorded: Vec<_> = events
            .iter()
            .map(|Happened(event)| Recorded { kind: kind::<A>(), id, event: event.index(), body: event.body() })
            .collect();
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        // What was committed is not taken back.
        books.apply(self.tenant, &recorded).map(drop)
    }

    fn decide<A: Aggregate>(&self, aggregate: &Adapted<A>, order: Order) -> Result<Vec<A::Event>, Rejection> {
        let Order { id, command, body, actor, now, occurred_at, seed } = order;
        let given = Given { actor: &actor, now, occurred_at, seed, facts: &*self.facts, expected: None };
        let call = Call { kind: kind::<A>(), id, command, body };
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        // The state is the one cqrs-es loaded: it takes its seat in the book for the time of the decision.
        let seat = match &aggregate.state {
            Some(state) => {
                Some(books.restore(self.tenant, call.kind, id, Arc::clone(state) as State, aggregate.version)?)
            }
            None => None,
        };
        let outcome = books.decide(self.tenant, std::slice::from_ref(&call), &given).map(|decided| {
            books.undo(decided.applied);
            decided.events
        });
        if let Some(seat) = seat {
            books.undo(seat);
        }
        let own = |recorded: Recorded| match recorded.id == id && recorded.kind.meta().type_name == A::TYPE {
            true => A::Event::build(recorded.event, recorded.body)
                .map_err(|error| Rejection::unprocessable("MALFORMED_EVENT", error.to_string())),
            false => {
                let message = "this changes other aggregates too, which cqrs-es cannot store together";
                Err(Rejection::unprocessable("SPANS_AGGREGATES", message))
            }
        };
        outcome?.into_iter().map(|placed| own(placed.event)).collect()
    }
}

/// What happened to an aggregate, as cqrs-es stores it: `{"<name>": {…}}`.
pub struct Happened<A: Aggregate>(pub A::Event);

impl<A: Aggregate> CqrsAggregate for Adapted<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = Order;
    type Event = Happened<A>;
    type Error = Rejection;
    type Services = Arc<Desk>;

    async fn handle(&mut self, order: Order, desk: &Arc<Desk>, sink: &EventSink<Self>) -> Result<(), Rejection> {
        for event in desk.decide(self, order)? {
            sink.write(Happened(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, Happened(event): Happened<A>) {
        match &mut self.state {
            Some(state) => {
                let state = Arc::make_mut(state);
                state.evolve(&event);
                state.settle();
            }
            None => self.state = A::begin(&event).map(Arc::new),
        }
        self.version += 1;
    }
}

impl<A: Aggregate> DomainEvent for Happened<A> {
    fn event_type(&self) -> String {
        kind::<A>().wire_name(self.0.index())
    }

    fn event_version(&self) -> String {
        // A breaking change is another type, `….v2`, so the version of a type never changes.
        "1".to_owned()
    }
}

impl<A: Aggregate> Clone for Happened<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Aggregate> PartialEq for Happened<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<A: Aggregate> fmt::Debug for Happened<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A: Aggregate> Serialize for Happened<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = &A::Event::SHAPES[self.0.index()];
        serializer.collect_map([(shape.name, json::write_record(shape.body, &self.0.body()))])
    }
}

impl<'de, A: Aggregate> Deserialize<'de> for Happened<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = serde_json::Map::<String, serde_json::Value>::deserialize(deserializer)?;
        let Some((name, body)) = stored.iter().next() else {
            return Err(D::Error::custom("an event without a name"));
        };
        let Some(index) = A::Event::SHAPES.iter().position(|shape| shape.name == name) else {
            return Err(D::Error::custom(format!("{} has no event {name}", A::TYPE)));
        };
        let body =
            json::restore(A::Event::SHAPES[index].body, body).map_err(|errors| D::Error::custom(first(&errors)))?;
        A::Event::build(index, body).map(Happened).map_err(D::Error::custom)
    }
}

/// A stored [`Adapted`].
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    state: Option<serde_json::Value>,
}

impl<A: Aggregate> Serialize for Adapted<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = self.state().map(|state| json::write_record(A::META.shape, &state.to_datum()));
        Stored { version: self.version, state }.serialize(serializer)
    }
}

impl<'de, A: Aggregate> Deserialize<'de> for Adapted<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { version, state } = Stored::deserialize(deserializer)?;
        let read = |state: serde_json::Value| {
            let datum = json::restore(A::META.shape, &state).map_err(|errors| D::Error::custom(first(&errors)))?;
            A::from_datum(datum).map(Arc::new).map_err(D::Error::custom)
        };
        Ok(Self { version, state: state.map(read).transpose()? })
    }
}

fn first(errors: &[json::FieldError]) -> String {
    errors.first().map_or_else(String::new, |error| format!("{} {}", error.field, error.message))
}
