//! Whether who gives a command may: asked where the command is decided, on the book as it stands.

use daybook_authority::{Filter, Moment, Principal, Reason, Resource, decide};
use daybook_kernel::{Rejection, State, book::Call};

/// The permission to say when something happened.
const IMPORT: &str = "import:occurred_at";

/// Who gives a command, and when.
pub struct Asking {
    principal: Principal,
    moment: Moment,
}

impl Asking {
    /// Somebody, at that time.
    pub fn new(principal: Principal, moment: Moment) -> Self {
        Self { principal, moment }
    }

    /// Insists that they may say when it happened.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn dates_back(&self) -> Result<(), Rejection> {
        let decision = decide(&self.principal, IMPORT, &Resource::default(), self.moment);
        if decision.permitted { Ok(()) } else { Err(refused(IMPORT, &decision.reason)) }
    }

    /// Insists that they may give the command to what stands there. Where nothing does, that they may give it at all: what it
    /// begins is judged by [`Asking::may_begin`] once it is there.
    ///
    /// # Errors
    /// `FORBIDDEN` with the reason; `NOT_FOUND` of what is not for them to know of.
    pub fn may_give(&self, call: &Call, state: Option<&State>) -> Result<(), Rejection> {
        let permission = call.kind.permission(call.command);
        let Some(state) = state else {
            if !Filter::of(&self.principal, permission, self.moment).is_nothing() {
                return Ok(());
            }
            let decision = decide(&self.principal, permission, &Resource::default(), self.moment);
            return Err(refused(permission, &decision.reason));
        };
        let resource = Resource::of(call.kind, call.id, state);
        let decision = decide(&self.principal, permission, &resource, self.moment);
        match decision.reason {
            _ if decision.permitted => Ok(()),
            Reason::OutOfReach(_) | Reason::OtherDomain | Reason::Forbidden(_) if !self.reads(call, &resource) => {
                Err(Rejection::not_found(call.kind.meta().shape.name))
            }
            reason => Err(refused(permission, &reason)),
        }
    }

    /// Insists that what a command has begun is within their reach: nobody begins something that they could not touch.
    ///
    /// # Errors
    /// `FORBIDDEN` with the reason.
    pub fn may_begin(&self, call: &Call, begun: &State) -> Result<(), Rejection> {
        let permission = call.kind.permission(call.command);
        let resource = Resource::of(call.kind, call.id, begun);
        let decision = decide(&self.principal, permission, &resource, self.moment);
        if decision.permitted { Ok(()) } else { Err(refused(permission, &decision.reason)) }
    }

    fn reads(&self, call: &Call, resource: &Resource) -> bool {
        let permission = daybook_contents::permissions::to_read(call.kind);
        decide(&self.principal, &permission, resource, self.moment).permitted
    }
}

fn refused(permission: &str, reason: &Reason<'_>) -> Rejection {
    Rejection::forbidden("FORBIDDEN", format!("this needs the permission {permission}: {reason}"))
}
