//! A user: a person with an account in a tenant.
//!
//! Name and e-mail are personal, so they are sealed before a command is decided and the book cannot tell whether an
//! address is taken. Unique addresses need a blind index (a keyed hash beside the sealed value), which comes with
//! sign-in.

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Commands, Context, Decision, Email, Events, Line, Locale, Personal, Published, Record,
    Rejection, Rule, accept, nothing, reject,
};

pub use daybook_facts::user::Status;

#[cfg(test)]
mod scenarios;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "users", events = "user")]
pub struct User {
    /// Where the account stands.
    #[view(filter, facet)]
    pub status: Status,
    /// The address the person is reached at.
    #[view(search)]
    pub email: Personal<Email>,
    /// What the person is called.
    #[view(search)]
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in; the organisation's where it is not said.
    #[view(filter)]
    pub locale: Option<Locale>,
}

/// What a person says of herself or himself.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Registration {
    /// The address the person is reached at.
    pub email: Personal<Email>,
    /// What the person is called.
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
}

/// What is different now; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Profile {
    /// What the person is called.
    pub name: Option<Personal<Line<120>>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
}

/// What may be asked of a user's account.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Opens an account.
    Register(Registration),
    /// Changes what is said of the person.
    UpdateProfile(Profile),
    /// Takes the account out of use; nothing new may name it.
    Deactivate,
    /// Takes it into use again.
    Reactivate,
}

/// What may have happened to a user's account.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was opened.
    Registered(Registration),
    /// What is said of the person changed.
    ProfileUpdated(Profile),
    /// It was taken out of use.
    Deactivated,
    /// It was taken into use again.
    Reactivated,
}

impl Aggregate for User {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Inactive};
        match kind {
            Kind::Register => Rule::create().to(&[Active]).may("user:register"),
            Kind::UpdateProfile => Rule::from(&[Active]).may("user:update"),
            Kind::Deactivate => Rule::from(&[Active]).to(&[Inactive]).may("user:deactivate"),
            Kind::Reactivate => Rule::from(&[Inactive]).to(&[Active]).may("user:deactivate"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, _: &Book<'_>, _: &Context<'_>) -> Decision<Event> {
        match (this, command) {
            (None, Command::Register(registration)) => accept(Event::Registered(registration)),
            (None, _) => Err(Rejection::not_found("user")),
            (Some(_), Command::Register(_)) => reject("ALREADY_EXISTS", "the user is registered already"),
            (Some(this), Command::UpdateProfile(asked)) => {
                let changed = Profile {
                    name: asked.name.filter(|name| *name != this.name),
                    locale: asked.locale.filter(|locale| Some(locale) != this.locale.as_ref()),
                };
                match changed {
                    Profile { name: None, locale: None } => nothing(),
                    changed => accept(Event::ProfileUpdated(changed)),
                }
            }
            (Some(_), Command::Deactivate) => accept(Event::Deactivated),
            (Some(_), Command::Reactivate) => accept(Event::Reactivated),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Registered(Registration { email, name, locale }) = event.clone() else { return None };
        Some(Self { status: Status::Active, email, name, locale })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Registered(_) => {}
            Event::ProfileUpdated(changed) => {
                self.name = changed.name.unwrap_or_else(|| self.name.clone());
                self.locale = changed.locale.or_else(|| self.locale.clone());
            }
            Event::Deactivated => self.status = Status::Inactive,
            Event::Reactivated => self.status = Status::Active,
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::User { status: self.status }))
    }
}
