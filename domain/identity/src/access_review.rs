//! An access review: who holds a role is asked one by one whether it is still right (SOC 2, CC6.3).

use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Time,
    accept, nothing, reject, value::LIST_MAX,
};

use crate::{Role, User, access, built_in, user};

#[cfg(test)]
mod scenarios;

/// The question who should still hold a role.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "access_reviews", path = "access-reviews", events = "access_review")]
pub struct AccessReview {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called.
    #[view(sort, search)]
    pub title: Line<160>,
    /// The role it is about.
    #[view(filter)]
    pub role: Ref<Role>,
    /// By when it is to be complete.
    #[view(filter, sort)]
    pub due: Time,
    /// Who held the role when it began, and what was decided.
    pub items: Vec<Item>,
}

/// Where a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Nothing was decided yet.
    Open,
    /// Something was decided.
    InReview,
    /// Everything was decided.
    Completed,
}

/// What was decided on somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Verdict {
    /// The person keeps the role.
    Certified,
    /// The role was taken away.
    Revoked,
}

/// Somebody who held the role.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Item {
    /// Who.
    pub user: Ref<User>,
    /// What was decided, if anything was.
    pub verdict: Option<Verdict>,
}

/// What is to be reviewed.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Request {
    /// What the review is called.
    pub title: Line<160>,
    /// The role it is about.
    pub role: Ref<Role>,
    /// By when it is to be complete.
    pub due: Time,
}

/// What is to be reviewed, and who holds it.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Started {
    /// What the review is called.
    pub title: Line<160>,
    /// The role it is about.
    pub role: Ref<Role>,
    /// By when it is to be complete.
    pub due: Time,
    /// Who holds the role.
    pub users: Vec<Ref<User>>,
}

/// Somebody, and why it was decided so.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Decided {
    /// Who.
    pub user: Ref<User>,
    /// Why, where there is something to say.
    pub note: Option<Line<400>>,
}

/// What may be asked of a review.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a review of all who hold a role by name.
    Start(Request),
    /// Lets somebody keep the role.
    CertifyItem(Decided),
    /// Takes the role away from somebody, at once.
    RevokeItem(Decided),
    /// Ends the review, once everything is decided.
    Complete,
}

/// What may have happened to a review.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Started(Started),
    /// Somebody keeps the role.
    ItemCertified(Decided),
    /// Somebody lost the role.
    ItemRevoked(Decided),
    /// It ended.
    Completed,
}

impl Aggregate for AccessReview {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Completed, InReview, Open};
        match kind {
            Kind::Start => Rule::create().to(&[Open]).may("access_review:start"),
            Kind::CertifyItem | Kind::RevokeItem => {
                Rule::from(&[Open, InReview]).to(&[InReview]).may("access_review:decide")
            }
            Kind::Complete => Rule::from(&[Open, InReview]).to(&[Completed]).may("access_review:decide"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Start(request) => start(request, book, context),
                _ => Err(Rejection::not_found("access review")),
            };
        };
        match command {
            Command::Start(_) => reject("ALREADY_EXISTS", "the review exists already"),
            Command::CertifyItem(decided) => match this.judge(&decided, context)? {
                Some(Verdict::Certified) => nothing(),
                _ => accept(Event::ItemCertified(decided)),
            },
            Command::RevokeItem(decided) => match this.judge(&decided, context)? {
                Some(Verdict::Revoked) => nothing(),
                _ => this.revoke(decided, book, context),
            },
            Command::Complete => match this.items.iter().filter(|item| item.verdict.is_none()).count() {
                0 => accept(Event::Completed),
                open => reject("ITEMS_OPEN", format!("nothing was decided on {open} of them yet")),
            },
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Started(Started { title, role, due, users }) = event.clone() else { return None };
        let items = users.into_iter().map(|user| Item { user, verdict: None }).collect();
        Some(Self { status: Status::Open, title, role, due, items })
    }

    fn evolve(&mut self, event: &Event) {
        let (user, verdict) = match event {
            Event::Started(_) => return,
            Event::ItemCertified(decided) => (decided.user, Verdict::Certified),
            Event::ItemRevoked(decided) => (decided.user, Verdict::Revoked),
            Event::Completed => {
                self.status = Status::Completed;
                return;
            }
        };
        self.status = Status::InReview;
        self.items.iter_mut().filter(|item| item.user == user).for_each(|item| item.verdict = Some(verdict));
    }
}

fn start(request: Request, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let Request { title, role, due } = request;
    if due <= context.now {
        return Err(
            Rejection::unprocessable("DUE_ALREADY", "a review takes some time").field("due", "must lie in the future")
        );
    }
    if built_in::built_in(role.id()).is_none() && book.get(role).is_none() {
        return Err(Rejection::unprocessable("UNKNOWN_ROLE", "there is no such role in this tenant")
            .field("role", "must be a role of this tenant, or a built-in one"));
    }
    let users: Vec<_> = book.referrers::<User>("roles", role.id()).collect();
    match users.len() {
        0 => reject("NOTHING_TO_REVIEW", "nobody holds the role by name"),
        holders if holders > LIST_MAX => reject("TOO_MANY_HOLDERS", format!("more than {LIST_MAX} hold the role")),
        _ => accept(Event::Started(Started { title, role, due, users })),
    }
}

impl AccessReview {
    /// What was decided on somebody so far; nobody decides on themselves.
    fn judge(&self, decided: &Decided, context: &Context<'_>) -> Result<Option<Verdict>, Rejection> {
        let Some(item) = self.items.iter().find(|item| item.user == decided.user) else {
            return Err(Rejection::unprocessable("NOT_IN_REVIEW", "the review is not about this user")
                .field("user", "must be one whom the review is about"));
        };
        match context.actor.user() == Some(decided.user.id()) {
            true => Err(Rejection::forbidden("OWN_ACCESS", "nobody decides on their own access")),
            false => Ok(item.verdict),
        }
    }

    fn revoke(&self, decided: Decided, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let user = decided.user;
        if self.role == access::admin_of(context.tenant) {
            access::leaves_an_admin(book, context.tenant, user)?;
        }
        let mut changes = accept(Event::ItemRevoked(decided))?;
        let held = book.get(user).map(|user| user.roles.clone()).unwrap_or_default();
        for held in held.iter().filter(|held| held.role == self.role) {
            changes = changes.also(user, user::Event::RoleRevoked(held.revoked()));
        }
        Ok(changes)
    }
}
