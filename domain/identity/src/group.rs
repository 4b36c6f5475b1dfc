//! A group: people who take on work together. An incident is assigned to a group, and to a member of it.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Commands, Context, Decision, Events, Line, Published, Record, Ref, Rejection, Rule, Unique,
    accept, nothing, reject, value::LIST_MAX,
};

pub use daybook_facts::group::Status;

use crate::{User, user};

#[cfg(test)]
mod scenarios;

/// People who take on work together.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "groups", events = "group")]
pub struct Group {
    /// Whether it is in use.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called; no other group of the tenant is called so.
    #[view(filter, sort, search)]
    pub name: Line<120>,
    /// Who belongs to it.
    pub members: BTreeSet<Ref<User>>,
}

/// A group's name.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Named {
    /// What the group is called.
    pub name: Line<120>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Member {
    /// The user.
    pub user: Ref<User>,
}

/// What may be asked of a group.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a group.
    Create(Named),
    /// Gives it another name.
    Rename(Named),
    /// Adds an active user.
    AddMember(Member),
    /// Takes a member away.
    RemoveMember(Member),
    /// Takes the group out of use; nothing new may be given to it.
    Retire,
}

/// What may have happened to a group.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Created(Named),
    /// It is called otherwise.
    Renamed(Named),
    /// A user became a member.
    MemberAdded(Member),
    /// A user is no longer a member.
    MemberRemoved(Member),
    /// It was taken out of use.
    Retired,
}

impl Aggregate for Group {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Retired};
        match kind {
            Kind::Create => Rule::create().to(&[Active]).may("group:create"),
            Kind::Rename => Rule::from(&[Active]).may("group:update"),
            Kind::AddMember | Kind::RemoveMember => Rule::from(&[Active]).may("group:members"),
            Kind::Retire => Rule::from(&[Active]).to(&[Retired]).may("group:retire"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, _: &Context<'_>) -> Decision<Event> {
        match (this, command) {
            (None, Command::Create(named)) => accept(Event::Created(named)),
            (None, _) => Err(Rejection::not_found("group")),
            (Some(_), Command::Create(_)) => reject("ALREADY_EXISTS", "the group exists already"),
            (Some(this), Command::Rename(named)) if this.name == named.name => nothing(),
            (Some(_), Command::Rename(named)) => accept(Event::Renamed(named)),
            (Some(this), Command::AddMember(member)) if this.members.contains(&member.user) => nothing(),
            (Some(this), Command::AddMember(member)) => {
                if !book.get(member.user).is_some_and(|user| user.status == user::Status::Active) {
                    return Err(Rejection::unprocessable(
                        "UNKNOWN_USER",
                        "the member is not an active user of this tenant",
                    )
                    .field("user", "must be an active user of this tenant"));
                }
                if this.members.len() >= LIST_MAX {
                    return reject("TOO_MANY_MEMBERS", format!("a group has at most {LIST_MAX} members"));
                }
                accept(Event::MemberAdded(member))
            }
            (Some(this), Command::RemoveMember(member)) if !this.members.contains(&member.user) => nothing(),
            (Some(_), Command::RemoveMember(member)) => accept(Event::MemberRemoved(member)),
            (Some(_), Command::Retire) => accept(Event::Retired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(Named { name }) = event.clone() else { return None };
        Some(Self { status: Status::Active, name, members: BTreeSet::new() })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(Named { name }) | Event::Renamed(Named { name }) => self.name = name,
            Event::MemberAdded(Member { user }) => _ = self.members.insert(user),
            Event::MemberRemoved(Member { user }) => _ = self.members.remove(&user),
            Event::Retired => self.status = Status::Retired,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        vec![Unique::new("name", self.name.as_str().to_lowercase())]
    }

    fn fact(&self) -> Option<Published> {
        let members = self.members.iter().map(|user| Ref::new(user.id())).collect();
        Some(Published::new(facts::Group { status: self.status, members }))
    }
}
