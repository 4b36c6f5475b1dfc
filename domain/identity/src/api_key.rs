//! An API key: what a user gives a program, so that it may do a part of what the user may.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Permission, Published, Record, Ref,
    Rejection, Rule, Time, accept, nothing, reject,
};
use uuid::Uuid;

use crate::{User, access};

#[cfg(test)]
mod scenarios;

/// What a user gives a program.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "api_keys", path = "api-keys", events = "apikey")]
pub struct ApiKey {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is for.
    #[view(sort, search)]
    pub name: Line<120>,
    /// What a program may do with it.
    pub scopes: BTreeSet<Permission>,
    /// Whose it is, where it is a user's.
    #[view(filter)]
    #[belongs(own)]
    pub owner: Option<Ref<User>>,
    /// The same while it can be used: so the book finds the keys of a user who leaves.
    #[book(referrers)]
    pub live_for: Option<Ref<User>>,
    /// The id under which the vault keeps its hash.
    pub secret: Uuid,
    /// Until when it can be used.
    #[view(filter, sort)]
    pub expires_at: Time,
    /// Why it was revoked.
    pub revoked_for: Option<Line<400>>,
}

/// Where an API key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// It can be used.
    Active,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

/// What is said of a new key.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Request {
    /// What it is for.
    pub name: Line<120>,
    /// What a program may do with it; nothing that its owner may not.
    pub scopes: BTreeSet<Permission>,
    /// Until when it can be used.
    pub expires_at: Time,
    /// The id under which the vault keeps its hash.
    pub secret: Uuid,
}

/// A key, and whose it is.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Issued {
    /// What it is for.
    pub name: Line<120>,
    /// What a program may do with it.
    pub scopes: BTreeSet<Permission>,
    /// Until when it can be used.
    pub expires_at: Time,
    /// The id under which the vault keeps its hash.
    pub secret: Uuid,
    /// Whose it is, where it is a user's.
    pub owner: Option<Ref<User>>,
}

/// Another secret for the same key.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Secret {
    /// The id under which the vault keeps its hash.
    pub secret: Uuid,
}

/// Why a key is taken back.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reason {
    /// The reason, for those whom it concerns.
    pub reason: Line<400>,
}

/// What may be asked of an API key.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Gives out a key; its owner is who gives the command.
    Issue(Request),
    /// Gives it another secret; the one before serves no longer.
    Rotate(Secret),
    /// Takes it back.
    Revoke(Reason),
    /// Notes that its time is over.
    Expire,
}

/// What may have happened to an API key.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was given out.
    Issued(Issued),
    /// It has another secret.
    Rotated(Secret),
    /// It was taken back.
    Revoked(Reason),
    /// Its time is over.
    Expired,
}

impl Aggregate for ApiKey {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Expired, Revoked};
        match kind {
            Kind::Issue => Rule::create().to(&[Active]).may("apikey:issue"),
            Kind::Rotate => Rule::from(&[Active]).may("apikey:issue"),
            Kind::Revoke => Rule::from(&[Active]).to(&[Revoked]).may("apikey:revoke"),
            Kind::Expire => Rule::from(&[Active]).to(&[Expired]).may("apikey:revoke"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Issue(request) => issue(request, book, context),
                _ => Err(Rejection::not_found("API key")),
            };
        };
        match command {
            Command::Issue(_) => reject("ALREADY_EXISTS", "the key exists already"),
            Command::Rotate(_) if this.expires_at <= context.now => reject("KEY_EXPIRED", "the key's time is over"),
            Command::Rotate(Secret { secret }) if secret == this.secret => nothing(),
            Command::Rotate(secret) => accept(Event::Rotated(secret)),
            Command::Revoke(reason) => accept(Event::Revoked(reason)),
            Command::Expire if context.now < this.expires_at => {
                reject("NOT_EXPIRED", format!("the key can be used until {}", this.expires_at))
            }
            Command::Expire => accept(Event::Expired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Issued(Issued { name, scopes, expires_at, secret, owner }) = event.clone() else { return None };
        let status = Status::Active;
        Some(Self { status, name, scopes, owner, live_for: owner, secret, expires_at, revoked_for: None })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Issued(_) => {}
            Event::Rotated(Secret { secret }) => self.secret = secret,
            Event::Revoked(Reason { reason }) => {
                (self.status, self.live_for, self.revoked_for) = (Status::Revoked, None, Some(reason));
            }
            Event::Expired => (self.status, self.live_for) = (Status::Expired, None),
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::ApiKey { is_live: self.status == Status::Active }))
    }
}

fn issue(request: Request, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let Request { name, scopes, expires_at, secret } = request;
    if expires_at <= context.now {
        return Err(Rejection::unprocessable("EXPIRED_ALREADY", "a key can be used until a time to come")
            .field("expires_at", "must lie in the future"));
    }
    if let Some(unknown) = facts::Permissions::unknown(context, &scopes) {
        let message = format!("there is no permission {}", unknown.as_str());
        return Err(Rejection::unprocessable("UNKNOWN_PERMISSION", message.clone()).field("scopes", message));
    }
    // A key does nothing that its owner may not, so it reaches no farther.
    let scoped = scopes.iter().map(|scope| (scope.clone(), facts::Reach::Own)).collect();
    access::grantable(book, context, &scoped, "scopes")?;
    let owner = context.actor.user().map(Ref::new).filter(|owner: &Ref<User>| book.get(*owner).is_some());
    accept(Event::Issued(Issued { name, scopes, expires_at, secret, owner }))
}
