//! A group: people who take on work together, and what they may do by it. An incident is assigned to a group, and to a
//! member of it.
//!
//! A group may stand within another: its members hold the roles of both. Nobody is a member twice over for that: work is
//! given to the members of the group that is named.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Commands, Context, Decision, Events, Line, Published, Record, Ref, Rejection, Rule, Unique,
    accept, nothing, reject, value::LIST_MAX,
};

pub use daybook_facts::group::Status;

use crate::{Role, User, access, user};

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
    #[book(referrers)]
    pub members: BTreeSet<Ref<User>>,
    /// The group it stands within.
    #[view(filter)]
    #[book(referrers)]
    pub parent: Option<Ref<Group>>,
    /// The roles its members hold by it.
    #[book(referrers)]
    pub roles: BTreeSet<Ref<Role>>,
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

/// A group around others.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Parent {
    /// The group that it stands within.
    pub parent: Ref<Group>,
}

/// A role that a group holds.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Held {
    /// The role.
    pub role: Ref<Role>,
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
    /// Puts it within another group, at most five deep.
    SetParent(Parent),
    /// Lets it stand alone.
    UnsetParent,
    /// Gives its members a role.
    AddRole(Held),
    /// Takes a role away from them.
    RemoveRole(Held),
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
    /// It stands within another.
    ParentSet(Parent),
    /// It stands alone.
    ParentUnset,
    /// Its members hold a role.
    RoleAdded(Held),
    /// Its members hold a role no longer.
    RoleRemoved(Held),
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
            Kind::Rename | Kind::SetParent | Kind::UnsetParent => Rule::from(&[Active]).may("group:update"),
            Kind::AddRole | Kind::RemoveRole => Rule::from(&[Active]).may("group:roles"),
            Kind::AddMember | Kind::RemoveMember => Rule::from(&[Active]).may("group:members"),
            Kind::Retire => Rule::from(&[Active]).to(&[Retired]).may("group:retire"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(named) => accept(Event::Created(named)),
                _ => Err(Rejection::not_found("group")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the group exists already"),
            Command::Rename(named) if this.name == named.name => nothing(),
            Command::Rename(named) => accept(Event::Renamed(named)),
            Command::AddMember(member) if this.members.contains(&member.user) => nothing(),
            Command::AddMember(member) => this.add_member(member, book, context),
            Command::RemoveMember(member) if !this.members.contains(&member.user) => nothing(),
            Command::RemoveMember(member) => accept(Event::MemberRemoved(member)),
            Command::SetParent(Parent { parent }) if this.parent == Some(parent) => nothing(),
            Command::SetParent(within) => set_parent(within, book, context),
            Command::UnsetParent if this.parent.is_none() => nothing(),
            Command::UnsetParent => accept(Event::ParentUnset),
            Command::AddRole(Held { role }) if this.roles.contains(&role) => nothing(),
            Command::AddRole(held) => this.add_role(held, book, context),
            Command::RemoveRole(Held { role }) if !this.roles.contains(&role) => nothing(),
            Command::RemoveRole(held) => accept(Event::RoleRemoved(held)),
            Command::Retire => accept(Event::Retired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(Named { name }) = event.clone() else { return None };
        let (members, roles) = (BTreeSet::new(), BTreeSet::new());
        Some(Self { status: Status::Active, name, members, parent: None, roles })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(Named { name }) | Event::Renamed(Named { name }) => self.name = name,
            Event::MemberAdded(Member { user }) => _ = self.members.insert(user),
            Event::MemberRemoved(Member { user }) => _ = self.members.remove(&user),
            Event::ParentSet(Parent { parent }) => self.parent = Some(parent),
            Event::ParentUnset => self.parent = None,
            Event::RoleAdded(Held { role }) => _ = self.roles.insert(role),
            Event::RoleRemoved(Held { role }) => _ = self.roles.remove(&role),
            Event::Retired => {
                (self.status, self.parent) = (Status::Retired, None);
                self.roles.clear();
            }
        }
    }

    fn unique(&self) -> Vec<Unique> {
        vec![Unique::new("name", self.name.as_str().to_lowercase())]
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::Group {
            status: self.status,
            members: self.members.iter().map(|user| Ref::new(user.id())).collect(),
            parent: self.parent.map(|parent| Ref::new(parent.id())),
            roles: self.roles.iter().map(|role| Ref::new(role.id())).collect(),
        }))
    }
}

impl Group {
    fn add_member(&self, member: Member, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if !book.get(member.user).is_some_and(|user| user.status == user::Status::Active) {
            return Err(Rejection::unprocessable("UNKNOWN_USER", "the member is not an active user of this tenant")
                .field("user", "must be an active user of this tenant"));
        }
        if self.members.len() >= LIST_MAX {
            return reject("TOO_MANY_MEMBERS", format!("a group has at most {LIST_MAX} members"));
        }
        // Who joins is given the roles of the group.
        may_hold(access::roles_within(book, Ref::new(context.id)), "user", [member.user], book, context)?;
        accept(Event::MemberAdded(member))
    }

    fn add_role(&self, held: Held, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if self.roles.len() >= LIST_MAX {
            return reject("TOO_MANY_ROLES", format!("a group holds at most {LIST_MAX} roles"));
        }
        access::not_by_name(held.role, "role")?;
        may_hold([held.role], "role", access::members(book, Ref::new(context.id)), book, context)?;
        accept(Event::RoleAdded(held))
    }
}

fn set_parent(within: Parent, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let group: Ref<Group> = Ref::new(context.id);
    if !book.get(within.parent).is_some_and(|parent| parent.status == Status::Active) {
        return Err(Rejection::unprocessable("UNKNOWN_GROUP", "there is no such group in use in this tenant")
            .field("parent", "must be a group in use"));
    }
    let above: Vec<_> = access::upwards(book, within.parent).collect();
    if above.contains(&group) {
        return reject("OWN_ANCESTOR", "a group does not stand within itself");
    }
    if above.len() + access::height(book, group) > access::DEPTH_MAX {
        return reject("TOO_DEEP", format!("groups stand within each other at most {} deep", access::DEPTH_MAX));
    }
    may_hold(access::roles_within(book, within.parent), "parent", access::members(book, group), book, context)?;
    accept(Event::ParentSet(within))
}

/// Insists that these roles can be given by who gives the command, and held by all these users.
fn may_hold(
    roles: impl IntoIterator<Item = Ref<Role>>,
    field: &'static str,
    users: impl IntoIterator<Item = Ref<User>>,
    book: &Book<'_>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let roles: BTreeSet<_> = roles.into_iter().collect();
    let mut permissions = BTreeSet::new();
    for role in &roles {
        permissions.extend(access::assignable(book, context, *role, field)?);
    }
    access::separated(&permissions)?;
    for user in users {
        let Some(known) = book.get(user) else { continue };
        for role in &roles {
            access::fits_domain(book, *role, known.domain.as_ref(), field)?;
        }
        access::separated_for(book, user, &permissions, context.now)?;
    }
    Ok(())
}
