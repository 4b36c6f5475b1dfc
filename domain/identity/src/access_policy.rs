//! An access policy: what is permitted or forbidden by what is so at the time, beyond what roles say (NIST SP 800-162).
//!
//! A policy is data, not a program: its shape is checked where it comes in, its permissions against those that are
//! declared, and before it is in force it has to give what its own cases expect.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Permission, Published, Record, Rejection,
    Rule, Unique, accept, nothing, reject,
};

use crate::access;

pub use daybook_facts::access_policy::{Attribute, Effect, Status};

#[cfg(test)]
mod scenarios;

/// What is permitted or forbidden by what is so at the time.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "access_policies", path = "access-policies", events = "access_policy")]
pub struct AccessPolicy {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called; no other policy in force or in work is called so.
    #[view(filter, sort, search)]
    pub name: Line<120>,
    /// What it does.
    #[view(filter, facet)]
    pub effect: Effect,
    /// What it is about.
    pub permissions: BTreeSet<Permission>,
    /// What must be so for it to apply: all of it.
    pub when: BTreeSet<Attribute>,
    /// What it has to give.
    pub cases: Vec<Case>,
}

/// What a policy gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Outcome {
    /// It permits.
    Permitted,
    /// It forbids.
    Forbidden,
    /// It does not apply.
    Silent,
}

/// An example with what the policy has to give.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Case {
    /// What somebody asks to do.
    pub permission: Permission,
    /// What is so.
    pub given: BTreeSet<Attribute>,
    /// What the policy has to give.
    pub expect: Outcome,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Content {
    /// What it is called.
    pub name: Line<120>,
    /// What it does.
    pub effect: Effect,
    /// What it is about.
    pub permissions: BTreeSet<Permission>,
    /// What must be so for it to apply: all of it.
    pub when: BTreeSet<Attribute>,
    /// What it has to give.
    pub cases: Vec<Case>,
}

/// What may be asked of a policy.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins a policy.
    Draft(Content),
    /// Says it anew.
    Revise(Content),
    /// Puts it in force, if its permissions are declared and it gives what its cases expect. What it permits beyond the roles, its
    /// author may do.
    Activate,
    /// Takes it out of force, or gives it up.
    Retire,
}

/// What may have happened to a policy.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Drafted(Content),
    /// It was said anew.
    Revised(Content),
    /// It was put in force.
    Activated,
    /// It is not in force any more.
    Retired,
}

impl Aggregate for AccessPolicy {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Draft, Retired};
        match kind {
            Kind::Draft => Rule::create().to(&[Draft]).may("access_policy:draft"),
            Kind::Revise => Rule::from(&[Draft]).may("access_policy:draft"),
            Kind::Activate => Rule::from(&[Draft]).to(&[Active]).may("access_policy:activate"),
            Kind::Retire => Rule::from(&[Draft, Active]).to(&[Retired]).may("access_policy:activate"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Draft(content) => accept(Event::Drafted(content)),
                _ => Err(Rejection::not_found("access policy")),
            };
        };
        match command {
            Command::Draft(_) => reject("ALREADY_EXISTS", "the policy exists already"),
            Command::Revise(content) if content == this.content() => nothing(),
            Command::Revise(content) => accept(Event::Revised(content)),
            Command::Activate => {
                this.holds_good(context)?;
                if this.effect == Effect::Permit {
                    let given = this.permissions.iter().map(|permission| (permission.clone(), facts::Reach::Tenant));
                    access::grantable(book, context, &given.collect(), "permissions")?;
                }
                accept(Event::Activated)
            }
            Command::Retire => accept(Event::Retired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Drafted(Content { name, effect, permissions, when, cases }) = event.clone() else { return None };
        Some(Self { status: Status::Draft, name, effect, permissions, when, cases })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Drafted(_) => {}
            Event::Revised(Content { name, effect, permissions, when, cases }) => {
                *self = Self { status: self.status, name, effect, permissions, when, cases };
            }
            Event::Activated => self.status = Status::Active,
            Event::Retired => self.status = Status::Retired,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        match self.status {
            Status::Draft | Status::Active => vec![Unique::new("name", self.name.as_str().to_lowercase())],
            Status::Retired => Vec::new(),
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::AccessPolicy {
            status: self.status,
            name: self.name.as_str().to_owned(),
            effect: self.effect,
            permissions: self.permissions.clone(),
            when: self.when.clone(),
        }))
    }
}

impl AccessPolicy {
    /// What the policy gives to somebody who asks to do something where these things are so.
    pub fn outcome(&self, permission: &Permission, given: &BTreeSet<Attribute>) -> Outcome {
        match (self.permissions.contains(permission) && self.when.is_subset(given), self.effect) {
            (false, _) => Outcome::Silent,
            (true, Effect::Permit) => Outcome::Permitted,
            (true, Effect::Forbid) => Outcome::Forbidden,
        }
    }

    /// Insists that it can be put in force.
    fn holds_good(&self, context: &Context<'_>) -> Result<(), Rejection> {
        let named = self.permissions.iter().chain(self.cases.iter().map(|case| &case.permission));
        if let Some(unknown) = facts::Permissions::unknown(context, named) {
            let message = format!("there is no permission {}", unknown.as_str());
            return Err(Rejection::conflict("UNKNOWN_PERMISSION", message.clone()).field("permissions", message));
        }
        let manages = |permission: &Permission| permission.as_str().starts_with("access_policy:");
        if self.effect == Effect::Forbid && self.permissions.iter().any(manages) {
            let message = "a policy that forbids to manage policies could not be taken back";
            return Err(Rejection::conflict("LOCKS_OUT", message).field("permissions", message));
        }
        if self.cases.is_empty() {
            let message = "a policy is put in force with at least one case";
            return Err(Rejection::conflict("NO_CASES", message).field("cases", message));
        }
        for (place, case) in self.cases.iter().enumerate() {
            let outcome = self.outcome(&case.permission, &case.given);
            if outcome != case.expect {
                let field = format!("cases[{place}]");
                let message = format!("it gives {}, not {}", outcome.name(), case.expect.name());
                return Err(Rejection::conflict("CASE_FAILED", format!("{field}: {message}")).field(field, message));
            }
        }
        Ok(())
    }

    fn content(&self) -> Content {
        Content {
            name: self.name.clone(),
            effect: self.effect,
            permissions: self.permissions.clone(),
            when: self.when.clone(),
            cases: self.cases.clone(),
        }
    }
}
