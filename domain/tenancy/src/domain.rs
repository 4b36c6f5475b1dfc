//! A domain: a part of an organisation whose data is kept apart from that of its other parts, such as its hospitals from its
//! schools. Users and roles of the identity context name it by its code.
//!
//! It stands in the tenant's book: nothing about it reaches beyond.

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Slug,
    Unique, accept, nothing, reject,
};

use crate::Team;

#[cfg(test)]
mod scenarios;

/// A part of an organisation.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "tenancy", plural = "domains", events = "domain")]
pub struct Domain {
    /// Whether it is in use.
    #[view(filter, facet)]
    pub status: Status,
    /// Its short name, such as `healthcare`; it never changes, and no other domain of the tenant ever has it.
    #[view(filter, sort, search)]
    pub code: Slug,
    /// What it is called.
    #[view(sort, search)]
    pub name: Line<120>,
    /// Who answers for its data.
    #[view(filter)]
    pub steward: Option<Ref<facts::User>>,
}

/// Whether a domain is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// It is.
    Active,
    /// It is not: nothing new may be put into it.
    Retired,
}

/// A new domain.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct NewDomain {
    /// Its short name.
    pub code: Slug,
    /// What it is called.
    pub name: Line<120>,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Named {
    /// What it is called.
    pub name: Line<120>,
}

/// Somebody who answers for a domain.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Stewardship {
    /// Who.
    pub steward: Ref<facts::User>,
}

/// What may be asked of a domain.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a domain.
    Create(NewDomain),
    /// Gives it another name.
    Rename(Named),
    /// Has an active user answer for it.
    AssignSteward(Stewardship),
    /// Takes it out of use, once no team belongs to it.
    Retire,
}

/// What may have happened to a domain.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Created(NewDomain),
    /// It is called otherwise.
    Renamed(Named),
    /// Somebody answers for it.
    StewardAssigned(Stewardship),
    /// It was taken out of use.
    Retired,
}

impl Aggregate for Domain {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Retired};
        match kind {
            Kind::Create => Rule::create().to(&[Active]).may("domain:create"),
            Kind::Rename | Kind::AssignSteward => Rule::from(&[Active]).may("domain:update"),
            Kind::Retire => Rule::from(&[Active]).to(&[Retired]).may("domain:retire"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(domain) => accept(Event::Created(domain)),
                _ => Err(Rejection::not_found("domain")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the domain exists already"),
            Command::Rename(named) if named.name == this.name => nothing(),
            Command::Rename(named) => accept(Event::Renamed(named)),
            Command::AssignSteward(Stewardship { steward }) if this.steward == Some(steward) => nothing(),
            Command::AssignSteward(stewardship) => {
                facts::User::active(context, "steward", stewardship.steward)?;
                accept(Event::StewardAssigned(stewardship))
            }
            Command::Retire => match book.referrers::<Team>("domain", context.id).count() {
                0 => accept(Event::Retired),
                teams => reject("NOT_EMPTY", format!("{teams} teams belong to the domain")),
            },
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(NewDomain { code, name }) = event.clone() else { return None };
        Some(Self { status: Status::Active, code, name, steward: None })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::Renamed(Named { name }) => self.name = name,
            Event::StewardAssigned(Stewardship { steward }) => self.steward = Some(steward),
            Event::Retired => self.status = Status::Retired,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        vec![Unique::new("code", self.code.as_str())]
    }
}

/// Insists that something can be put into a domain.
///
/// # Errors
/// `UNKNOWN_DOMAIN`, with the field.
pub fn in_use(book: &Book<'_>, domain: Ref<Domain>) -> Result<(), Rejection> {
    match book.get(domain) {
        Some(domain) if domain.status == Status::Active => Ok(()),
        _ => Err(Rejection::unprocessable("UNKNOWN_DOMAIN", "there is no such domain in use in this tenant")
            .field("domain", "must be a domain in use")),
    }
}
