//! Rules: from which status a command leads to which, and the permission it needs.

/// The life cycle's say on one kind of command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<S: 'static> {
    /// The statuses in which the command may be given.
    pub from: From<S>,
    /// The statuses in which it may leave the aggregate.
    pub to: To<S>,
    /// The permission it needs, `<resource>:<action>`.
    pub permission: &'static str,
}

/// Where a command may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<S: 'static> {
    /// Where nothing exists yet.
    Nothing,
    /// In one of these statuses.
    Any(&'static [S]),
}

/// Where a command may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To<S: 'static> {
    /// The status stays as it is.
    Same,
    /// To one of these statuses.
    Any(&'static [S]),
}

/// A rule that is not finished: it lacks its permission.
#[derive(Debug, Clone, Copy)]
pub struct Draft<S: 'static>(From<S>, To<S>);

impl<S: 'static> Rule<S> {
    /// A command that begins an aggregate.
    pub const fn create() -> Draft<S> {
        Draft(From::Nothing, To::Same)
    }

    /// A command for these statuses; without [`Draft::to`] the status stays.
    pub const fn from(from: &'static [S]) -> Draft<S> {
        Draft(From::Any(from), To::Same)
    }
}

impl<S: 'static> Draft<S> {
    /// The statuses the command may lead to.
    pub const fn to(self, to: &'static [S]) -> Self
    where
        S: Copy,
    {
        Draft(self.0, To::Any(to))
    }

    /// The permission the command needs.
    pub const fn may(self, permission: &'static str) -> Rule<S>
    where
        S: Copy,
    {
        Rule { from: self.0, to: self.1, permission }
    }
}

impl<S: Copy + Eq + 'static> Rule<S> {
    /// Whether the command may be given in this status (`None`: nothing exists).
    pub fn allows(&self, status: Option<S>) -> bool {
        match (self.from, status) {
            (From::Nothing, None) => true,
            (From::Any(from), Some(status)) => from.contains(&status),
            _ => false,
        }
    }

    /// Whether the command may lead from one status to the other.
    pub fn leads(&self, before: Option<S>, after: S) -> bool {
        match self.to {
            To::Same => before == Some(after),
            To::Any(to) => to.contains(&after),
        }
    }
}
