//! Decisions: what follows from a command, or why not.

use thiserror::Error;

use crate::{Aggregate, Events, FieldError, Ref, kind::OtherEvent};

/// The outcome of a command: what changes, or the business's no.
pub type Decision<E> = Result<Changes<E>, Rejection>;

/// What a command changes: events of its own aggregate, and of others of the same book, atomically.
#[derive(Debug)]
pub struct Changes<E> {
    pub(crate) own: Vec<E>,
    pub(crate) others: Vec<OtherEvent>,
}

/// Accepts with one event.
pub fn accept<E>(event: E) -> Decision<E> {
    Ok(Changes { own: vec![event], others: Vec::new() })
}

/// Accepts without an event: what was asked is so already. Saying the same thing twice is no error.
pub fn nothing<E>() -> Decision<E> {
    Ok(Changes { own: Vec::new(), others: Vec::new() })
}

/// Says no: the aggregate is as it should be, the command does not fit it.
pub fn reject<E>(code: &'static str, message: impl Into<String>) -> Decision<E> {
    Err(Rejection::conflict(code, message))
}

impl<E: Events> Changes<E> {
    /// And one more event of the same aggregate.
    pub fn and(mut self, event: E) -> Self {
        self.own.push(event);
        self
    }

    /// And an event of another aggregate of the same book.
    pub fn also<A: Aggregate>(mut self, id: Ref<A>, event: A::Event) -> Self {
        self.others.push(OtherEvent::new::<A>(id.id(), event));
        self
    }
}

/// The business says no. Its code is public contract.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Rejection {
    /// What kind of no it is.
    pub kind: RejectionKind,
    /// The code that programs look at, in capitals.
    pub code: &'static str,
    /// The sentence that people read.
    pub message: String,
    /// The fields concerned.
    pub details: Vec<FieldError>,
}

/// What kind of no a [`Rejection`] is; HTTP makes a status of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// There is no such aggregate in this tenant.
    NotFound,
    /// The command does not fit the state (409).
    Conflict,
    /// The command's content cannot be accepted (422).
    Unprocessable,
    /// The actor may not (403).
    Forbidden,
    /// The version given is not the current one (412).
    Stale,
    /// The tenant is suspended, or is being closed (403).
    Suspended,
    /// There is no room for one more in the tenant's plan (429).
    Quota,
    /// A rule panicked: a defect of ours (500).
    Defect,
}

impl Rejection {
    fn new(kind: RejectionKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), details: Vec::new() }
    }

    /// The command does not fit the state.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Conflict, code, message)
    }

    /// The command's content cannot be accepted.
    pub fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Unprocessable, code, message)
    }

    /// There is no such aggregate in this tenant.
    pub fn not_found(what: &str) -> Self {
        Self::new(RejectionKind::NotFound, "NOT_FOUND", format!("there is no such {what}"))
    }

    /// The actor may not.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Forbidden, code, message)
    }

    /// The version given is not the current one.
    pub fn stale(given: u64, current: u64) -> Self {
        let message = format!("the version given is {given}, the current one is {current}: read it again");
        Self::new(RejectionKind::Stale, "STALE_VERSION", message)
    }

    /// The tenant takes no commands.
    pub fn suspended(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Suspended, "TENANT_SUSPENDED", message)
    }

    /// There is no room for one more in the tenant's plan. It does not pass with time.
    pub fn quota(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::Quota, "QUOTA_EXCEEDED", message)
    }

    /// A rule panicked with this.
    pub fn defect(panic: &(dyn std::any::Any + Send)) -> Self {
        let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::new(RejectionKind::Defect, "INTERNAL", said.unwrap_or("a rule panicked"))
    }

    /// With the field concerned.
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.details.push(FieldError::new(field, message));
        self
    }
}
