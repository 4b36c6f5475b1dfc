//! The context of a command: who gives it, when, and what other contexts let us know.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::{Fact, Facts, Ref, Tenant, Time};

/// Who gives a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, by the id of the user.
    User(Uuid),
    /// A service, by its name.
    Service(Box<str>),
    /// A deadline that has come, by the name of its schedule.
    Scheduler(Box<str>),
}

impl Actor {
    /// The user's id, where the actor is a person.
    pub fn user(&self) -> Option<Uuid> {
        match self {
            Actor::User(id) => Some(*id),
            _ => None,
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/')? {
            ("user", id) => id.parse().ok().map(Actor::User),
            ("service", name) => Some(Actor::Service(name.into())),
            ("scheduler", name) => Some(Actor::Scheduler(name.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(id) => write!(f, "user/{id}"),
            Actor::Service(name) => write!(f, "service/{name}"),
            Actor::Scheduler(name) => write!(f, "scheduler/{name}"),
        }
    }
}

/// What `decide` may know beyond the book: no clock and no randomness, only what it is given.
pub struct Context<'a> {
    /// The tenant whose book it is.
    pub tenant: Tenant,
    /// Who gives the command.
    pub actor: &'a Actor,
    /// The entry's time: the owner's clock, strictly increasing in a partition.
    pub now: Time,
    /// When it happened in the business, where that differs: an import under its permission.
    pub occurred_at: Option<Time>,
    /// The id of the aggregate concerned; for a command that begins one, the id it will have.
    pub id: Uuid,
    /// Where fresh ids come from: [`Context::fresh`].
    pub seed: Uuid,
    /// What other contexts let us know.
    pub facts: &'a dyn Facts,
}

impl Context<'_> {
    /// When it happened: the business time where it is given, else the entry's.
    pub fn when(&self) -> Time {
        self.occurred_at.unwrap_or(self.now)
    }

    /// The `n`th fresh id of this command, the same each time it is decided.
    pub fn fresh(&self, n: u32) -> Uuid {
        Uuid::from_u128(self.seed.as_u128().wrapping_add(u128::from(n) + 1))
    }

    /// What its context lets us know of the aggregate referred to.
    pub fn fact<F: Fact>(&self, to: Ref<F>) -> Option<Arc<F>> {
        self.facts.get(to)
    }
}
