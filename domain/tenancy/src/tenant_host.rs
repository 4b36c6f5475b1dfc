//! A host: a name in the internet's directory by which a tenant is reached.
//!
//! It stands in the platform's book, since it is of one tenant only. A claim holds it for a tenant; the tenant proves by a
//! record in the directory (DNS TXT) that it is theirs. Daybook asks no name server: who has looked says what stood there.

use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Time,
    Unique, accept, nothing, reject,
};
use uuid::Uuid;

use crate::{Organization, organization};

#[cfg(test)]
mod scenarios;

/// A name by which a tenant is reached.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(
    context = "tenancy",
    plural = "tenant_hosts",
    path = "tenant-hosts",
    events = "tenant_host",
    book = "platform"
)]
pub struct TenantHost {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// The name, in lower case; no two tenants have it.
    #[view(filter, sort, search)]
    pub host: Line<253>,
    /// Whose it is.
    #[view(filter)]
    #[book(referrers)]
    pub organization: Ref<Organization>,
    /// What the record at the name has to say: `daybook-verification=<token>`.
    pub token: Uuid,
    /// Since when it is the first of its tenant; addresses are made with the one that was made so last.
    #[view(sort)]
    pub primary_since: Option<Time>,
}

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Held for a tenant who has not proven yet that it is theirs.
    Claimed,
    /// Theirs.
    Verified,
    /// Free again.
    Released,
}

/// A name for a tenant.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Claim {
    /// The name.
    pub host: Line<253>,
    /// For whom.
    pub organization: Ref<Organization>,
}

/// A name that is held for a tenant.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Claimed {
    /// The name, in lower case.
    pub host: Line<253>,
    /// For whom.
    pub organization: Ref<Organization>,
    /// What the record at the name has to say.
    pub token: Uuid,
}

/// What stood in the record.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Found {
    /// The token there.
    pub token: Uuid,
}

/// A time from which on something holds.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Since {
    /// The time.
    pub since: Time,
}

/// What may be asked of a host.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Holds a name for a tenant.
    Claim(Claim),
    /// Says what stands in the record at the name.
    Verify(Found),
    /// Makes addresses with this name from now on.
    MakePrimary,
    /// Gives it free.
    Release,
}

/// What may have happened to a host.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It is held for a tenant.
    Claimed(Claimed),
    /// It is theirs.
    Verified,
    /// Addresses are made with it.
    MadePrimary(Since),
    /// It is free.
    Released,
}

impl Aggregate for TenantHost {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Claimed, Released, Verified};
        match kind {
            Kind::Claim => Rule::create().to(&[Claimed]).may("tenant_host:claim"),
            Kind::Verify => Rule::from(&[Claimed]).to(&[Verified]).may("tenant_host:verify"),
            Kind::MakePrimary => Rule::from(&[Verified]).may("tenant_host:claim"),
            Kind::Release => Rule::from(&[Claimed, Verified]).to(&[Released]).may("tenant_host:release"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Claim(claim) => hold(claim, book, context),
                _ => Err(Rejection::not_found("host")),
            };
        };
        match command {
            Command::Claim(_) => reject("ALREADY_EXISTS", "the host is claimed already"),
            Command::Verify(Found { token }) if token == this.token => accept(Event::Verified),
            Command::Verify(_) => {
                Err(Rejection::unprocessable("WRONG_TOKEN", "the record at the name says something else")
                    .field("token", "must be the token of the claim"))
            }
            Command::MakePrimary => {
                let all = book.referrers::<Self>("organization", this.organization.id());
                let last = all.filter_map(|host| book.get(host)?.primary_since).max();
                match last.is_some() && last == this.primary_since {
                    true => nothing(),
                    false => accept(Event::MadePrimary(Since { since: context.now })),
                }
            }
            Command::Release => accept(Event::Released),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Claimed(Claimed { host, organization, token }) = event.clone() else { return None };
        Some(Self { status: Status::Claimed, host, organization, token, primary_since: None })
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Claimed(_) => {}
            Event::Verified => self.status = Status::Verified,
            Event::MadePrimary(Since { since }) => self.primary_since = Some(*since),
            Event::Released => (self.status, self.primary_since) = (Status::Released, None),
        }
    }

    fn unique(&self) -> Vec<Unique> {
        match self.status {
            Status::Claimed | Status::Verified => vec![Unique::new("host", self.host.as_str())],
            Status::Released => Vec::new(),
        }
    }
}

fn hold(claim: Claim, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let host = claim.host.as_str().to_ascii_lowercase();
    if !is_host(&host) {
        return Err(Rejection::unprocessable("INVALID_HOST", "this is no name of a host (RFC 1123)")
            .field("host", "must be labels of letters, digits and hyphens with dots between"));
    }
    let lives = |organization: &Organization| {
        !matches!(organization.status, organization::Status::Closed | organization::Status::Failed)
    };
    match book.get(claim.organization) {
        Some(organization) if lives(&organization) => accept(Event::Claimed(Claimed {
            host: host.as_str().into(),
            organization: claim.organization,
            token: context.fresh(0),
        })),
        _ => Err(Rejection::unprocessable("UNKNOWN_ORGANIZATION", "there is no such organisation")
            .field("organization", "must be an organisation in use")),
    }
}

/// Whether it is a name of a host (RFC 1123, section 2.1), in lower case.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(is_label)
}
