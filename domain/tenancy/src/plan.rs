//! A plan: what tenants can subscribe to. It stands in the platform's book, the same for all of them.

use std::collections::BTreeSet;

use daybook_facts::subscription::Limit;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Slug,
    Unique, accept, nothing, reject,
};

#[cfg(test)]
mod scenarios;

/// What tenants can subscribe to.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "tenancy", plural = "plans", events = "plan", book = "platform")]
pub struct Plan {
    /// Whether it can be subscribed to.
    #[view(filter, facet)]
    pub status: Status,
    /// Its short name; no other plan has it.
    #[view(filter, sort, search)]
    pub code: Slug,
    /// What it is called.
    #[view(sort, search)]
    pub name: Line<120>,
    /// Counts its revisions, from 1. Who has subscribed keeps the one of that day.
    pub revision: u32,
    /// How much there may be of what; of all else there is no limit.
    pub limits: Vec<Limit>,
    /// What comes with it, by name.
    pub features: BTreeSet<Slug>,
}

/// Whether a plan can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// It can.
    Offered,
    /// It cannot any more; who has it keeps it.
    Retired,
}

/// A new plan.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Definition {
    /// Its short name.
    pub code: Slug,
    /// What it is called.
    pub name: Line<120>,
    /// How much there may be of what.
    pub limits: Vec<Limit>,
    /// What comes with it.
    pub features: BTreeSet<Slug>,
}

/// What a plan offers from now on.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Offer {
    /// How much there may be of what.
    pub limits: Vec<Limit>,
    /// What comes with it.
    pub features: BTreeSet<Slug>,
}

/// What may be asked of a plan.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a plan.
    Define(Definition),
    /// Offers something else under its name, to who subscribes from now on.
    Revise(Offer),
    /// Offers it no more.
    Retire,
}

/// What may have happened to a plan.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Defined(Definition),
    /// It offers something else.
    Revised(Offer),
    /// It is offered no more.
    Retired,
}

impl Aggregate for Plan {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Offered, Retired};
        match kind {
            Kind::Define => Rule::create().to(&[Offered]).may("plan:define"),
            Kind::Revise => Rule::from(&[Offered]).may("plan:define"),
            Kind::Retire => Rule::from(&[Offered]).to(&[Retired]).may("plan:retire"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, _: &Book<'_>, _: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Define(plan) => {
                    check(&plan.limits)?;
                    accept(Event::Defined(plan))
                }
                _ => Err(Rejection::not_found("plan")),
            };
        };
        match command {
            Command::Define(_) => reject("ALREADY_EXISTS", "the plan exists already"),
            Command::Revise(offer) if (&offer.limits, &offer.features) == (&this.limits, &this.features) => nothing(),
            Command::Revise(offer) => {
                check(&offer.limits)?;
                accept(Event::Revised(offer))
            }
            Command::Retire => accept(Event::Retired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Defined(Definition { code, name, limits, features }) = event.clone() else { return None };
        Some(Self { status: Status::Offered, code, name, revision: 1, limits, features })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Defined(_) => {}
            Event::Revised(Offer { limits, features }) => {
                (self.limits, self.features) = (limits, features);
                self.revision += 1;
            }
            Event::Retired => self.status = Status::Retired,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        vec![Unique::new("code", self.code.as_str())]
    }
}

/// The plan of that id, if it can be subscribed to.
///
/// # Errors
/// `UNKNOWN_PLAN` or `RETIRED_PLAN`, with the field.
pub fn offered(book: &Book<'_>, plan: Ref<Plan>) -> Result<std::sync::Arc<Plan>, Rejection> {
    match book.get(plan) {
        Some(plan) if plan.status == Status::Offered => Ok(plan),
        Some(_) => {
            Err(Rejection::unprocessable("RETIRED_PLAN", "the plan is offered no more").field("plan", "is retired"))
        }
        None => Err(Rejection::unprocessable("UNKNOWN_PLAN", "there is no such plan").field("plan", "must be a plan")),
    }
}

/// Insists that each thing is limited once, and that what is included is not beyond the end.
fn check(limits: &[Limit]) -> Result<(), Rejection> {
    let wrong =
        |message: String| Err(Rejection::unprocessable("INVALID_LIMITS", message.clone()).field("limits", message));
    let mut seen = BTreeSet::new();
    for limit in limits {
        if !seen.insert(limit.metric) {
            return wrong(format!("there are two limits of {}", limit.metric.words()));
        }
        if limit.hard.is_some_and(|hard| hard < limit.soft) {
            return wrong(format!("more {} are included than there may be", limit.metric.words()));
        }
    }
    Ok(())
}
