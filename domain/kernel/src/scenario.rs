//! Scenarios: given what happened, when a command is given, then this follows. Pure, in microseconds.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    Actor, Aggregate, Commands, Datum, Events, Facts, NoFacts, Published, Recorded, Ref, Rejection, Tenant, Time,
    book::{Books, Call, Given},
    kind::{Kind, kind},
};

/// A book of one tenant with a clock that stands where it is put.
pub struct Scenario {
    books: Books,
    facts: Vec<(Uuid, Published)>,
    actor: Actor,
    now: Time,
    occurred_at: Option<Time>,
    seed: u128,
}

/// What followed from a command: the events of each aggregate by their wire name, or the no.
pub type Outcome = Result<Vec<Recorded>, Rejection>;

impl Scenario {
    /// The tenant of every scenario.
    pub const TENANT: Tenant = Uuid::from_u128(0x7e);

    /// A book of a context with these kinds, empty, at 2026-01-01T00:00:00Z.
    pub fn new(kinds: &'static [&'static dyn Kind]) -> Self {
        Self {
            books: Books::new(kinds),
            facts: Vec::new(),
            actor: Actor::User(Uuid::from_u128(0xac)),
            now: Time(1_767_225_600_000_000),
            occurred_at: None,
            seed: 1 << 64,
        }
    }

    /// Commands come from this user from now on.
    pub fn by(&mut self, user: Uuid) -> &mut Self {
        self.actor = Actor::User(user);
        self
    }

    /// Commands come from this service from now on.
    pub fn by_service(&mut self, name: &str) -> &mut Self {
        self.actor = Actor::Service(name.into());
        self
    }

    /// Commands happened at this time in the business from now on (`None`: when they are given).
    pub fn occurred_at(&mut self, time: Option<Time>) -> &mut Self {
        self.occurred_at = time;
        self
    }

    /// Another context lets us know this.
    pub fn knowing(mut self, id: Uuid, fact: Published) -> Self {
        self.facts.push((id, fact));
        self
    }

    /// Time goes on by so many seconds.
    pub fn after(&mut self, seconds: i64) -> &mut Self {
        self.now.0 += seconds * 1_000_000;
        self
    }

    /// The clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Gives a command; what follows is applied.
    ///
    /// # Errors
    /// The business's no; then nothing is applied.
    pub fn when<A: Aggregate>(&mut self, id: Ref<A>, command: usize, body: Datum) -> Outcome {
        self.batch(&[Call { kind: kind::<A>(), id: id.id(), command, body }])
    }

    /// Gives the command of that name with that JSON body.
    ///
    /// # Errors
    /// The business's no; a body that does not have its shape is `VALIDATION_ERROR`.
    pub fn give<A: Aggregate>(&mut self, id: Ref<A>, name: &str, body: serde_json::Value) -> Outcome {
        let kind = kind::<A>();
        let Some(command) = kind.command(name) else {
            return Err(Rejection::not_found("command"));
        };
        match crate::json::parse(A::Command::SHAPES[command].body, &body) {
            Ok(mut body) => {
                crate::blind::fill(A::Command::SHAPES[command].body, &mut body, &unkeyed);
                self.when(id, command, body)
            }
            Err(details) => {
                let mut rejection = Rejection::unprocessable("VALIDATION_ERROR", "the body does not have its shape");
                rejection.details = details;
                Err(rejection)
            }
        }
    }

    /// Gives commands, all or none.
    ///
    /// # Errors
    /// The business's no to the first that cannot be accepted; then nothing is applied.
    pub fn batch(&mut self, calls: &[Call]) -> Outcome {
        self.seed += 1 << 32;
        let facts = Known { facts: &self.facts };
        let given = Given {
            actor: &self.actor,
            now: self.now,
            occurred_at: self.occurred_at,
            seed: Uuid::from_u128(self.seed),
            facts: if self.facts.is_empty() { &NoFacts } else { &facts },
            expected: None,
        };
        let decided = self.books.decide(Self::TENANT, calls, &given)?;
        Ok(decided.events.into_iter().map(|placed| placed.event).collect())
    }

    /// The state of an aggregate.
    pub fn state<A: Aggregate>(&self, id: Ref<A>) -> Option<Arc<A>> {
        self.books.get(Self::TENANT, id)
    }
}

/// What the edge does with a key: different texts differ, which is all that a rule sees of a blind index (FNV-1a).
fn unkeyed(_: &str, text: &str) -> [u8; 32] {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    std::array::from_fn(|place| hash.to_be_bytes()[place % 8])
}

/// The names of the events that followed with spaces between, or the code of the no: to be compared in one line.
pub fn said(outcome: &Outcome) -> String {
    match outcome {
        Ok(events) => events.iter().map(Recorded::wire_name).collect::<Vec<_>>().join(" "),
        Err(rejection) => rejection.code.to_owned(),
    }
}

/// The event of that type, if it is one.
pub fn event<A: Aggregate>(recorded: &Recorded) -> Option<A::Event> {
    (recorded.kind.meta().type_name == A::TYPE).then(|| A::Event::build(recorded.event, recorded.body.clone()).ok())?
}

struct Known<'a> {
    facts: &'a [(Uuid, Published)],
}

impl Facts for Known<'_> {
    fn find(&self, of: &'static str, id: Uuid) -> Option<Arc<dyn std::any::Any + Send + Sync>> {
        self.facts.iter().find(|(about, fact)| *about == id && fact.of == of).map(|(_, fact)| fact.fact.clone())
    }
}
