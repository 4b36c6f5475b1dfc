//! A team: people of an organisation who work together. What work is assigned to is a group of the identity context; a team
//! says who belongs together, and to which domain.
//!
//! It stands in the tenant's book: nothing about it reaches beyond.

use std::collections::BTreeSet;

use daybook_facts::{self as facts, subscription::Metric};
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Unique,
    accept, nothing, reject, value::LIST_MAX,
};

use crate::{Domain, domain};

#[cfg(test)]
mod scenarios;

/// People who work together.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "tenancy", plural = "teams", events = "team")]
pub struct Team {
    /// Whether it is still together.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called; no other team of the tenant is called so while it is together.
    #[view(filter, sort, search)]
    pub name: Line<120>,
    /// The domain it belongs to.
    #[view(filter)]
    #[book(referrers)]
    pub domain: Option<Ref<Domain>>,
    /// Who leads it.
    #[view(filter)]
    pub lead: Option<Ref<facts::User>>,
    /// Who belongs to it, the lead too.
    pub members: BTreeSet<Ref<facts::User>>,
}

/// Whether a team is still together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// It is.
    Active,
    /// It is not.
    Disbanded,
}

/// A new team.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct NewTeam {
    /// What it is called.
    pub name: Line<120>,
    /// The domain it belongs to.
    pub domain: Option<Ref<Domain>>,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Named {
    /// What it is called.
    pub name: Line<120>,
}

/// Somebody of a team.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Who {
    /// The user.
    pub user: Ref<facts::User>,
}

/// What may be asked of a team.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a team.
    Create(NewTeam),
    /// Gives it another name.
    Rename(Named),
    /// Adds an active user.
    AddMember(Who),
    /// Takes a member away, and the lead from it where it was the lead.
    RemoveMember(Who),
    /// Has a member lead it.
    SetLead(Who),
    /// Ends it.
    Disband,
}

/// What may have happened to a team.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Created(NewTeam),
    /// It is called otherwise.
    Renamed(Named),
    /// Somebody belongs to it.
    MemberAdded(Who),
    /// Somebody belongs to it no longer.
    MemberRemoved(Who),
    /// Somebody leads it.
    LeadSet(Who),
    /// It ended.
    Disbanded,
}

impl Aggregate for Team {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Disbanded};
        match kind {
            Kind::Create => Rule::create().to(&[Active]).may("team:create"),
            Kind::Rename => Rule::from(&[Active]).may("team:update"),
            Kind::AddMember | Kind::RemoveMember | Kind::SetLead => Rule::from(&[Active]).may("team:members"),
            Kind::Disband => Rule::from(&[Active]).to(&[Disbanded]).may("team:disband"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(team) => {
                    facts::Subscription::room(context, Metric::Teams, book.count::<Team>())?;
                    if let Some(domain) = team.domain {
                        domain::in_use(book, domain)?;
                    }
                    accept(Event::Created(team))
                }
                _ => Err(Rejection::not_found("team")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the team exists already"),
            Command::Rename(named) if named.name == this.name => nothing(),
            Command::Rename(named) => accept(Event::Renamed(named)),
            Command::AddMember(Who { user }) if this.members.contains(&user) => nothing(),
            Command::AddMember(who) => {
                facts::User::active(context, "user", who.user)?;
                match this.members.len() {
                    LIST_MAX.. => reject("TOO_MANY_MEMBERS", format!("a team has at most {LIST_MAX} members")),
                    _ => accept(Event::MemberAdded(who)),
                }
            }
            Command::RemoveMember(Who { user }) if !this.members.contains(&user) => nothing(),
            Command::RemoveMember(who) => accept(Event::MemberRemoved(who)),
            Command::SetLead(Who { user }) if this.lead == Some(user) => nothing(),
            Command::SetLead(Who { user }) if !this.members.contains(&user) => {
                Err(Rejection::unprocessable("NOT_A_MEMBER", "who leads a team belongs to it")
                    .field("user", "must be a member of the team"))
            }
            Command::SetLead(who) => accept(Event::LeadSet(who)),
            Command::Disband => accept(Event::Disbanded),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(NewTeam { name, domain }) = event.clone() else { return None };
        Some(Self { status: Status::Active, name, domain, lead: None, members: BTreeSet::new() })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::Renamed(Named { name }) => self.name = name,
            Event::MemberAdded(Who { user }) => _ = self.members.insert(user),
            Event::MemberRemoved(Who { user }) => {
                self.members.remove(&user);
                self.lead = self.lead.filter(|lead| *lead != user);
            }
            Event::LeadSet(Who { user }) => self.lead = Some(user),
            Event::Disbanded => (self.status, self.domain) = (Status::Disbanded, None),
        }
    }

    fn unique(&self) -> Vec<Unique> {
        match self.status {
            Status::Active => vec![Unique::new("name", self.name.as_str().to_lowercase())],
            Status::Disbanded => Vec::new(),
        }
    }

    fn counts(&self) -> bool {
        self.status == Status::Active
    }
}
