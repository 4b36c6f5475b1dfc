//! Policies of a tenant: what is permitted or forbidden by what is so at the time, beyond what roles say.

use daybook_facts::{
    AccessPolicy,
    access_policy::{Attribute, Effect},
};
use daybook_kernel::Permission;
use uuid::Uuid;

use crate::{Condition, Moment, Standing};

/// A policy in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub says: AccessPolicy,
}

impl Policy {
    /// That policy.
    pub fn new(id: Uuid, says: AccessPolicy) -> Self {
        Self { id, says }
    }

    /// Whether it forbids, or permits.
    pub fn forbids(&self) -> bool {
        self.says.effect == Effect::Forbid
    }

    /// For which records it applies to what somebody asks; none where it is not about that permission.
    pub fn condition(&self, permission: &str, user: Uuid, standing: &Standing, moment: Moment) -> Option<Condition> {
        if !self.says.permissions.contains(&Permission::from(permission)) {
            return None;
        }
        let holds = |attribute: &Attribute| match attribute {
            Attribute::OwnRecord => Condition::Own(user),
            Attribute::SameGroup => Condition::Team(standing.groups.iter().copied().collect()),
            Attribute::SameDomain => match &standing.domain {
                Some(domain) => Condition::Domain(domain.clone()),
                None => Condition::Never,
            },
            // Who belongs to the whole organisation has no other domain.
            Attribute::OtherDomain => match &standing.domain {
                Some(domain) => {
                    let here = Condition::Any(vec![Condition::NoDomain, Condition::Domain(domain.clone())]);
                    Condition::Not(Box::new(here))
                }
                None => Condition::Never,
            },
            Attribute::SecondFactor => Condition::from(moment.second_factor),
            Attribute::NoSecondFactor => Condition::from(!moment.second_factor),
            Attribute::OutOfHours => Condition::from(moment.is_out_of_hours()),
        };
        Some(Condition::all(self.says.when.iter().map(holds)))
    }
}
