//! An organisation: a tenant of Daybook, from its set-up to its closure, with its members and settings.

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Currency, Decision, Email, Events, Level, Line, Locale, Personal,
    Published, Record, Ref, Rejection, Rule, Slug, Time, Unique, Zone, accept, nothing, reject, value::LIST_MAX,
};

pub use daybook_facts::organization::Status;

#[cfg(test)]
mod scenarios;

/// How long an organisation that asked for its closure can still take its data away, or change its mind: 30 days.
const GRACE_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;

/// A tenant of Daybook.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "tenancy", plural = "organizations", events = "organization")]
pub struct Organization {
    /// Where it stands in its life.
    #[view(filter, facet)]
    pub status: Status,
    /// Its name.
    #[view(sort, search)]
    pub name: Line<120>,
    /// Its name in addresses, unique across all tenants, for ever.
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
    /// How it works; none until somebody has said.
    pub settings: Option<Settings>,
    /// Who belongs to it, and as what.
    pub members: Vec<Member>,
    /// Why it is suspended.
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

/// How an organisation works.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Settings {
    /// The language it is addressed in.
    pub locale: Locale,
    /// Where its days begin.
    pub time_zone: Zone,
    /// What it counts in.
    pub base_currency: Currency,
    /// The month its fiscal year starts with: 1 is January.
    pub fiscal_year_start: Level<1, 12>,
    /// The day its week starts with: 1 is Monday (ISO 8601).
    pub week_start: Level<1, 7>,
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
    /// Begins an organisation; who gives the command becomes its first admin.
    Create(Profile),
    /// Hands it over: its books take commands from now on.
    Activate,
    /// Changes its name or who answers for it.
    Update(Changed),
    /// Says how it works.
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
        use Status::{Active, Closed, Closing, Provisioning, Suspended};
        match kind {
            Kind::Create => Rule::create().to(&[Provisioning]).may("organization:create"),
            Kind::Activate => Rule::from(&[Provisioning]).to(&[Active]).may("organization:activate"),
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

    fn decide(this: Option<&Self>, command: Command, _: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Create(profile) => create(profile, context),
                _ => Err(Rejection::not_found("organisation")),
            };
        };
        match command {
            Command::Create(_) => reject("ALREADY_EXISTS", "the organisation exists already"),
            Command::Activate => accept(Event::Activated),
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
            Command::SetSettings(settings) if this.settings.as_ref() == Some(&settings) => nothing(),
            Command::SetSettings(settings) => accept(Event::SettingsChanged(settings)),
            Command::AddMember(member) => this.add_member(member),
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
            settings: None,
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
            Event::SettingsChanged(settings) => self.settings = Some(settings),
            Event::MemberAdded(member) | Event::MemberRoleChanged(member) => {
                self.members.retain(|known| known.user != member.user);
                self.members.push(member);
            }
            Event::MemberRemoved(Who { user }) => self.members.retain(|member| member.user != user),
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
        vec![Unique::new("slug", self.slug.as_str())]
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::Organization { status: self.status }))
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

    fn add_member(&self, member: Member) -> Decision<Event> {
        match self.member(member.user) {
            Some(known) if *known == member => nothing(),
            Some(known) if known.role == Role::Admin && self.admins() == 1 => last_admin(),
            Some(_) => accept(Event::MemberRoleChanged(member)),
            None if self.members.len() >= LIST_MAX => {
                reject("TOO_MANY_MEMBERS", format!("an organisation has at most {LIST_MAX} members"))
            }
            None => accept(Event::MemberAdded(member)),
        }
    }
}

fn create(profile: Profile, context: &Context<'_>) -> Decision<Event> {
    let created = accept(Event::Created(profile))?;
    Ok(match context.actor.user() {
        Some(user) => created.and(Event::MemberAdded(Member { user: Ref::new(user), role: Role::Admin })),
        None => created,
    })
}

fn last_admin<E>() -> Decision<E> {
    reject("LAST_ADMIN", "an organisation keeps at least one admin: name another first")
}
