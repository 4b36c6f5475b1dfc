//! Filters: which records somebody may do something to, for stores that choose among many.
//!
//! A store puts the condition into its query, before it sorts, counts or pages: what is chosen away afterwards has already been
//! counted.

use uuid::Uuid;

use crate::{Moment, Principal, Resource, decision};

/// What must be so of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Every record.
    Always,
    /// No record.
    Never,
    /// The person has it, or it is about the person.
    Own(Uuid),
    /// One of these groups has it.
    Team(Vec<Uuid>),
    /// It is of that domain.
    Domain(String),
    /// It is of the whole organisation.
    NoDomain,
    /// All of these.
    All(Vec<Condition>),
    /// One of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
}

impl Condition {
    /// Whether it is so of a record.
    pub fn admits(&self, resource: &Resource) -> bool {
        match self {
            Condition::Always => true,
            Condition::Never => false,
            Condition::Own(user) => resource.own.contains(user),
            Condition::Team(groups) => resource.team.iter().any(|group| groups.contains(group)),
            Condition::Domain(domain) => resource.domain.as_ref() == Some(domain),
            Condition::NoDomain => resource.domain.is_none(),
            Condition::All(all) => all.iter().all(|one| one.admits(resource)),
            Condition::Any(any) => any.iter().any(|one| one.admits(resource)),
            Condition::Not(other) => !other.admits(resource),
        }
    }

    /// All of these, as simply as it can be said.
    pub fn all(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut all = Vec::new();
        for condition in conditions {
            match condition {
                Condition::Always => {}
                Condition::Never => return Condition::Never,
                Condition::All(more) => all.extend(more),
                one => all.push(one),
            }
        }
        match all.len() {
            0 => Condition::Always,
            1 => all.remove(0),
            _ => Condition::All(all),
        }
    }

    /// One of these, as simply as it can be said.
    pub fn any(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut any = Vec::new();
        for condition in conditions {
            match condition {
                Condition::Always => return Condition::Always,
                Condition::Never => {}
                Condition::Any(more) => any.extend(more),
                one if any.contains(&one) => {}
                one => any.push(one),
            }
        }
        match any.len() {
            0 => Condition::Never,
            1 => any.remove(0),
            _ => Condition::Any(any),
        }
    }

    /// The opposite.
    pub fn negated(self) -> Self {
        match self {
            Condition::Always => Condition::Never,
            Condition::Never => Condition::Always,
            Condition::Not(other) => *other,
            other => Condition::Not(Box::new(other)),
        }
    }
}

impl From<bool> for Condition {
    fn from(is_so: bool) -> Self {
        if is_so { Condition::Always } else { Condition::Never }
    }
}

/// The records to which somebody may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Condition);

impl Filter {
    /// Those for which [`crate::decide`] permits it.
    pub fn of(principal: &Principal, permission: &str, moment: Moment) -> Self {
        if decision::bar(principal, permission).is_some() {
            return Self(Condition::Never);
        }
        let forbidden = decision::forbidding(principal, permission, moment).map(|(_, condition)| condition.negated());
        let given = decision::given(principal, permission, moment).map(|(_, condition)| condition);
        let permitted = decision::permitting(principal, permission, moment).map(|(_, condition)| condition);
        let wall = decision::wall(principal).into_iter();
        Self(Condition::all(wall.chain(forbidden).chain([Condition::any(given.chain(permitted))])))
    }

    /// Those that no wall keeps from somebody, where what is permitted was decided of another record: of the person they are about.
    pub fn within_walls(principal: &Principal) -> Self {
        Self(Condition::all(decision::wall(principal)))
    }

    /// All of the tenant's: where there is nothing to keep from anybody.
    pub fn everything() -> Self {
        Self(Condition::Always)
    }

    /// Whether it is for none at all.
    pub fn is_nothing(&self) -> bool {
        self.0 == Condition::Never
    }

    /// Whether it is for all of the tenant's.
    pub fn is_everything(&self) -> bool {
        self.0 == Condition::Always
    }

    /// What must be so of a record.
    pub fn condition(&self) -> &Condition {
        &self.0
    }

    /// Whether it is for that record.
    pub fn admits(&self, resource: &Resource) -> bool {
        self.0.admits(resource)
    }
}
