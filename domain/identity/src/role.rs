//! A role: a named set of permissions that users and groups hold.
//!
//! Roles of an organisation's own stand in its book; [`crate::built_in`] ones are part of the declaration.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Permission, Published, Record, Ref,
    Rejection, Rule, Slug, Unique, accept, nothing, reject,
};

use crate::{Group, User, access, built_in, group, user};

pub use daybook_facts::role::{Reach, Status};

#[cfg(test)]
mod scenarios;

/// So many holders at most are given a replacement in one entry.
const REPLACED_MAX: usize = 500;

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "roles", events = "role")]
pub struct Role {
    /// Whether it can be given to anybody.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called; no other role of its scope is called so.
    #[view(filter, sort, search)]
    pub name: Line<120>,
    /// Who can hold it.
    #[view(filter, facet)]
    pub scope: Scope,
    /// The domain it belongs to, where it belongs to one.
    #[view(filter)]
    #[belongs(domain)]
    pub domain: Option<Slug>,
    /// What its holders may do.
    pub permissions: BTreeSet<Permission>,
    /// How far that reaches; all of the organisation where it is not said.
    #[view(filter)]
    pub reach: Option<Reach>,
}

/// Who can hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Scope {
    /// Every user, of whichever domain.
    Global,
    /// The users of one domain, and those of none.
    Domain,
    /// The users of no domain: those of the organisation as a whole.
    Org,
}

/// What is said of a new role.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Definition {
    /// What it is called.
    pub name: Line<120>,
    /// Who can hold it.
    pub scope: Scope,
    /// The domain it belongs to; said if, and only if, its scope is a domain.
    pub domain: Option<Slug>,
    /// What its holders may do.
    pub permissions: BTreeSet<Permission>,
    /// How far that reaches: `own` records, those of the `team`, of the `domain`, or all; all where it is not said.
    pub reach: Option<Reach>,
}

/// All that its holders may do from now on.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Permissions {
    /// What they may do.
    pub permissions: BTreeSet<Permission>,
}

/// What its holders may do beyond, and no longer.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Difference {
    /// What they may do beyond.
    pub added: BTreeSet<Permission>,
    /// What they may do no longer.
    pub removed: BTreeSet<Permission>,
}

/// A role's name.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Named {
    /// What it is called.
    pub name: Line<120>,
}

/// What takes a role's place.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Replacement {
    /// The role that its holders are given instead; needed where there are any.
    pub replacement: Option<Ref<Role>>,
}

/// What may be asked of a role.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a role.
    Create(Definition),
    /// Says what its holders may do from now on.
    UpdatePermissions(Permissions),
    /// Gives it another name.
    Rename(Named),
    /// Takes it out of use; its holders are given another instead.
    Retire(Replacement),
}

/// What may have happened to a role.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Created(Definition),
    /// Its holders may do something more, or less.
    PermissionsChanged(Difference),
    /// It is called otherwise.
    Renamed(Named),
    /// It was taken out of use.
    Retired(Replacement),
}

impl Aggregate for Role {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Retired};
        match kind {
            Kind::Create => Rule::create().to(&[Active]).may("role:create"),
            Kind::UpdatePermissions | Kind::Rename => Rule::from(&[Active]).may("role:update"),
            Kind::Retire => Rule::from(&[Active]).to(&[Retired]).may("role:retire"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(definition) => create(definition, book, context),
                _ => Err(Rejection::not_found("role")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the role exists already"),
            Command::UpdatePermissions(asked) => this.update(&asked.permissions, book, context),
            Command::Rename(Named { name }) if name == this.name => nothing(),
            Command::Rename(named) => {
                not_built_in(&named.name)?;
                accept(Event::Renamed(named))
            }
            Command::Retire(with) => this.retire(with, book, context),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(Definition { name, scope, domain, permissions, reach }) = event.clone() else {
            return None;
        };
        Some(Self { status: Status::Active, name, scope, domain, permissions, reach })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::PermissionsChanged(Difference { added, removed }) => {
                self.permissions.retain(|permission| !removed.contains(permission));
                self.permissions.extend(added);
            }
            Event::Renamed(Named { name }) => self.name = name,
            Event::Retired(_) => self.status = Status::Retired,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        let domain = self.domain.as_ref().map_or("", Slug::as_str);
        let name = self.name.as_str().to_lowercase();
        match self.status {
            Status::Active => vec![Unique::new("name", format!("{}/{domain}/{name}", self.scope.name()))],
            Status::Retired => Vec::new(),
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::Role {
            status: self.status,
            name: self.name.as_str().to_owned(),
            domain: self.domain.clone(),
            reach: self.reach.unwrap_or(Reach::Tenant),
            permissions: self.permissions.clone(),
        }))
    }
}

fn create(definition: Definition, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    if (definition.scope == Scope::Domain) != definition.domain.is_some() {
        let message = "a role of a domain names it, and no other role does";
        return Err(Rejection::unprocessable("DOMAIN_OF_ROLE", message).field("domain", message));
    }
    not_built_in(&definition.name)?;
    can_be_held(&definition.permissions, definition.reach, book, context)?;
    access::separated(&definition.permissions)?;
    accept(Event::Created(definition))
}

impl Role {
    fn update(&self, asked: &BTreeSet<Permission>, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let added: BTreeSet<_> = asked.difference(&self.permissions).cloned().collect();
        let removed: BTreeSet<_> = self.permissions.difference(asked).cloned().collect();
        if added.is_empty() && removed.is_empty() {
            return nothing();
        }
        can_be_held(&added, self.reach, book, context)?;
        access::separated(asked)?;
        if !added.is_empty() {
            let role = Ref::new(context.id);
            for user in access::holders(book, role) {
                access::separated_for(book, user, &added, context.now)?;
            }
        }
        accept(Event::PermissionsChanged(Difference { added, removed }))
    }

    fn retire(&self, with: Replacement, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let role: Ref<Role> = Ref::new(context.id);
        let users: Vec<_> = book.referrers::<User>("roles", role.id()).collect();
        let groups: Vec<_> = book.referrers::<Group>("roles", role.id()).collect();
        let Some(replacement) = with.replacement.filter(|_| users.len() + groups.len() > 0) else {
            return match users.len() + groups.len() {
                0 => accept(Event::Retired(Replacement { replacement: None })),
                holders => reject("STILL_ASSIGNED", format!("{holders} hold the role: name a replacement")),
            };
        };
        if users.len() + groups.len() > REPLACED_MAX {
            return reject(
                "TOO_MANY_HOLDERS",
                format!("more than {REPLACED_MAX} hold the role: give them another first"),
            );
        }
        if replacement == role {
            return Err(Rejection::unprocessable("OWN_REPLACEMENT", "a role does not replace itself")
                .field("replacement", "must be another role"));
        }
        let permissions = access::assignable(book, context, replacement, "replacement")?;
        let mut changes = accept(Event::Retired(with))?;
        for id in users {
            let Some(holder) = book.get(id) else { continue };
            for held in holder.roles.iter().filter(|held| held.role == role) {
                access::fits_domain(book, replacement, holder.domain.as_ref(), "replacement")?;
                access::separated_for(book, id, &permissions, context.now)?;
                changes = changes.also(id, user::Event::RoleRevoked(held.revoked()));
                let instead = user::Holding { role: replacement, ..held.clone() };
                if !holder.holds(&instead) {
                    changes = changes.also(id, user::Event::RoleAssigned(instead));
                }
            }
        }
        for id in groups {
            access::not_by_name(replacement, "replacement")?;
            for member in access::members(book, id) {
                access::separated_for(book, member, &permissions, context.now)?;
            }
            changes = changes.also(id, group::Event::RoleRemoved(group::Held { role }));
            if book.get(id).is_some_and(|group| !group.roles.contains(&replacement)) {
                changes = changes.also(id, group::Event::RoleAdded(group::Held { role: replacement }));
            }
        }
        Ok(changes)
    }
}

/// Insists that these are permissions, and that who gives the command may pass them on.
fn can_be_held(
    permissions: &BTreeSet<Permission>,
    reach: Option<Reach>,
    book: &Book<'_>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    if let Some(unknown) = facts::Permissions::unknown(context, permissions) {
        let message = format!("there is no permission {}", unknown.as_str());
        return Err(Rejection::unprocessable("UNKNOWN_PERMISSION", message.clone()).field("permissions", message));
    }
    let reach = reach.unwrap_or(Reach::Tenant);
    let held = permissions.iter().map(|permission| (permission.clone(), reach)).collect();
    access::grantable(book, context, &held, "permissions")
}

/// Nobody takes a role of the organisation for one of Daybook.
fn not_built_in(name: &Line<120>) -> Result<(), Rejection> {
    match built_in::named(name.as_str()) {
        None => Ok(()),
        Some(_) => Err(Rejection::conflict("NOT_UNIQUE", "a built-in role is called so").field("name", "is taken")),
    }
}
