//! An organisation: a tenant of Daybook, from its set-up to its closure, with its members and settings.
//!
//! It stands in the platform's book, with its subscription, since its slug is unique across tenants. Where a first admin is
//! named the policy `onboarding` sets it up and hands it over; else somebody does.

use daybook_facts::{self as facts, subscription::Metric};
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Email, Events, Line, Personal, Published, Record, Ref,
    Rejection, Rule, Slug, Time, Unique, accept, nothing, reject, value::LIST_MAX,
};

pub use daybook_facts::organization::{Mfa, Status};

use crate::Subscription;

#[cfg(test)]
mod scenarios;
mod settings;

pub use settings::{Hours, Settings, WorkingCalendar};

/// How long an organisation that asked for its closure can still take its data away, or change its mind: 30 days.
const GRACE_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;

/// A tenant of Daybook.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "tenancy", plural = "organizations", events = "organization", book = "platform")]
pub struct Organization {
    /// Where it stands in its life.
    #[view(filter, facet)]
    pub status: Status,
    /// Its name.
    #[view(sort, search)]
    pub name: Line<120>,
    /// Its name in addresses, unique across all tenants; for ever, unless its set-up failed.
    #[view(filter, sort, search)]
    pub slug: Slug,
    /// The region its data is kept in, such as `eu-west`.
    #[view(filter, facet)]
    pub region: Option<Slug>,
    /// How far its data is kept apart from that of others.
    #[view(filter)]
    pub isolation: Isolation,
    /// Who answers for it.
    pub owner_email: Personal<Email>,
    /// How it works.
    pub settings: Settings,
    /// How often somebody has said how it works.
    pub settings_version: u32,
    /// Who belongs to it, and as what.
    pub members: Vec<Member>,
    /// Why it is suspended, or why its set-up failed.
    pub suspended_for: Option<Line<400>>,
    /// From when on it may be closed.
    pub closes_at: Option<Time>,
}

/// How far a tenant's data is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Isolation {
    /// Rows of its own in shared tables.
    Shared,
    /// Tables of its own.
    Schema,
    /// An installation of its own.
    Dedicated,
}

/// What a member may be in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Role {
    /// Runs the organisation. There is always one.
    Admin,
    /// Works in it.
    Member,
    /// Works with its figures.
    Analyst,
    /// Looks.
    Viewer,
}

/// A user with a role in the organisation.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Member {
    /// The user, of the organisation's own tenant.
    pub user: Ref<facts::User>,
    /// As what.
    pub role: Role,
}

/// What is said of a new organisation.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Profile {
    /// Its name.
    pub name: Line<120>,
    /// Its name in addresses.
    pub slug: Slug,
    /// The region its data is kept in.
    pub region: Option<Slug>,
    /// How far its data is kept apart from that of others.
    pub isolation: Isolation,
    /// Who answers for it.
    pub owner_email: Personal<Email>,
    /// What its first admin is called, who is invited at the owner's address; without one somebody sets it up by hand.
    pub first_admin: Option<Personal<Line<120>>>,
    /// The account that its first admin will have in it; one is chosen where none is said.
    pub owner: Option<Ref<facts::User>>,
}

/// What is different now; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Changed {
    /// Its name.
    pub name: Option<Line<120>>,
    /// Who answers for it.
    pub owner_email: Option<Personal<Email>>,
}

/// A user, where that says it all.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Who {
    /// The user.
    pub user: Ref<facts::User>,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reason {
    /// The reason, for those whom it concerns.
    pub reason: Line<400>,
}

/// When a closure takes effect.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Closure {
    /// From when on the organisation may be closed.
    pub closes_at: Time,
}

/// What may be asked of an organisation.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins an organisation. Its owner becomes its first admin, or who gives the command where no owner is named.
    Create(Profile),
    /// Hands it over: its books take commands from now on.
    Activate,
    /// Says that it cannot be set up; its slug is free again.
    FailProvisioning(Reason),
    /// Changes its name or who answers for it.
    Update(Changed),
    /// Says how it works, all of it.
    SetSettings(Settings),
    /// Adds a member, or gives one another role.
    AddMember(Member),
    /// Takes a member away.
    RemoveMember(Who),
    /// Stops it for a reason: its data can only be read.
    Suspend(Reason),
    /// Takes back a suspension or a request for closure.
    Resume(Reason),
    /// Asks for its closure, after 30 days in which its data can be taken away.
    RequestClosure,
    /// Closes it for good.
    Close,
}

/// What may have happened to an organisation.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Created(Profile),
    /// It was handed over.
    Activated,
    /// It could not be set up.
    ProvisioningFailed(Reason),
    /// Its name or who answers for it changed.
    Updated(Changed),
    /// How it works was said.
    SettingsChanged(Settings),
    /// Somebody became a member.
    MemberAdded(Member),
    /// A member has another role.
    MemberRoleChanged(Member),
    /// Somebody is no longer a member.
    MemberRemoved(Who),
    /// It was stopped.
    Suspended(Reason),
    /// It goes on.
    Resumed(Reason),
    /// Its closure was asked for.
    ClosureRequested(Closure),
    /// It was closed.
    Closed,
}

impl Aggregate for Organization {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Closed, Closing, Failed, Provisioning, Suspended};
        match kind {
            Kind::Create => Rule::create().to(&[Provisioning]).may("organization:create"),
            // Somebody may have been quicker than the policy.
            Kind::Activate => Rule::from(&[Provisioning, Active]).to(&[Active]).may("organization:activate"),
            Kind::FailProvisioning => Rule::from(&[Provisioning]).to(&[Failed]).may("organization:activate"),
            Kind::Update => Rule::from(&[Provisioning, Active]).may("organization:update"),
            Kind::SetSettings => Rule::from(&[Provisioning, Active]).may("organization:update"),
            Kind::AddMember => Rule::from(&[Provisioning, Active]).may("organization:members"),
            Kind::RemoveMember => Rule::from(&[Provisioning, Active]).may("organization:members"),
            Kind::Suspend => Rule::from(&[Active]).to(&[Suspended]).may("organization:suspend"),
            Kind::Resume => Rule::from(&[Suspended, Closing]).to(&[Active]).may("organization:suspend"),
            Kind::RequestClosure => Rule::from(&[Active, Suspended]).to(&[Closing]).may("organization:close"),
            Kind::Close => Rule::from(&[Closing]).to(&[Closed]).may("organization:close"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(profile) => create(profile, context),
                _ => Err(Rejection::not_found("organisation")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the organisation exists already"),
            Command::Activate if this.status == Status::Active => nothing(),
            Command::Activate => accept(Event::Activated),
            Command::FailProvisioning(reason) => accept(Event::ProvisioningFailed(reason)),
            Command::Update(asked) => {
                let changed = Changed {
                    name: asked.name.filter(|name| *name != this.name),
                    owner_email: asked.owner_email.filter(|email| *email != this.owner_email),
                };
                match changed {
                    Changed { name: None, owner_email: None } => nothing(),
                    changed => accept(Event::Updated(changed)),
                }
            }
            Command::SetSettings(settings) if this.settings == settings => nothing(),
            Command::SetSettings(settings) => {
                settings.check()?;
                accept(Event::SettingsChanged(settings))
            }
            Command::AddMember(member) => this.add_member(member, book, context),
            Command::RemoveMember(Who { user }) => match this.member(user) {
                None => nothing(),
                Some(member) if member.role == Role::Admin && this.admins() == 1 => last_admin(),
                Some(_) => accept(Event::MemberRemoved(Who { user })),
            },
            Command::Suspend(reason) => accept(Event::Suspended(reason)),
            Command::Resume(reason) => accept(Event::Resumed(reason)),
            Command::RequestClosure => {
                accept(Event::ClosureRequested(Closure { closes_at: Time(context.when().0 + GRACE_MICROS) }))
            }
            Command::Close => match this.closes_at {
                Some(closes_at) if context.when() < closes_at => {
                    reject("GRACE_NOT_OVER", format!("the organisation can be closed from {closes_at} on"))
                }
                _ => accept(Event::Closed),
            },
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(profile) = event.clone() else { return None };
        Some(Self {
            status: Status::Provisioning,
            name: profile.name,
            slug: profile.slug,
            region: profile.region,
            isolation: profile.isolation,
            owner_email: profile.owner_email,
            settings: Settings::default(),
            settings_version: 0,
            members: Vec::new(),
            suspended_for: None,
            closes_at: None,
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::Activated => self.status = Status::Active,
            Event::Updated(changed) => {
                self.name = changed.name.unwrap_or_else(|| self.name.clone());
                self.owner_email = changed.owner_email.unwrap_or_else(|| self.owner_email.clone());
            }
            Event::SettingsChanged(settings) => {
                self.settings = settings;
                self.settings_version += 1;
            }
            Event::MemberAdded(member) | Event::MemberRoleChanged(member) => {
                self.members.retain(|known| known.user != member.user);
                self.members.push(member);
            }
            Event::MemberRemoved(Who { user }) => self.members.retain(|member| member.user != user),
            Event::ProvisioningFailed(Reason { reason }) => {
                self.status = Status::Failed;
                self.suspended_for = Some(reason);
            }
            Event::Suspended(Reason { reason }) => {
                self.status = Status::Suspended;
                self.suspended_for = Some(reason);
            }
            Event::Resumed(_) => {
                self.status = Status::Active;
                self.suspended_for = None;
                self.closes_at = None;
            }
            Event::ClosureRequested(Closure { closes_at }) => {
                self.status = Status::Closing;
                self.closes_at = Some(closes_at);
            }
            Event::Closed => self.status = Status::Closed,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        match self.status {
            Status::Failed => Vec::new(),
            _ => vec![Unique::new("slug", self.slug.as_str())],
        }
    }

    fn fact(&self) -> Option<Published> {
        let settings = self.settings.known(self.settings_version);
        Some(Published::new(facts::Organization { status: self.status, settings }))
    }
}

impl Organization {
    /// The member that this user is, if any.
    pub fn member(&self, user: Ref<facts::User>) -> Option<&Member> {
        self.members.iter().find(|member| member.user == user)
    }

    fn admins(&self) -> usize {
        self.members.iter().filter(|member| member.role == Role::Admin).count()
    }

    fn add_member(&self, member: Member, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        match self.member(member.user) {
            Some(known) if *known == member => nothing(),
            Some(known) if known.role == Role::Admin && self.admins() == 1 => last_admin(),
            Some(_) => accept(Event::MemberRoleChanged(member)),
            None if self.members.len() >= LIST_MAX => {
                reject("TOO_MANY_MEMBERS", format!("an organisation has at most {LIST_MAX} members"))
            }
            None => {
                // In the same book: two at once cannot pass the limit.
                if let Some(subscription) = book.get(Ref::<Subscription>::new(context.id)) {
                    subscription.known().allows(Metric::Members, self.members.len() as u64 + 1)?;
                }
                accept(Event::MemberAdded(member))
            }
        }
    }
}

fn create(asked: Profile, context: &Context<'_>) -> Decision<Event> {
    let chosen = || asked.first_admin.as_ref().map(|_| Ref::new(context.fresh(0)));
    let owner = asked.owner.or_else(chosen);
    let created = accept(Event::Created(Profile { owner, ..asked }))?;
    Ok(match owner.or_else(|| context.actor.user().map(Ref::new)) {
        Some(user) => created.and(Event::MemberAdded(Member { user, role: Role::Admin })),
        None => created,
    })
}

fn last_admin<E>() -> Decision<E> {
    reject("LAST_ADMIN", "an organisation keeps at least one admin: name another first")
}
