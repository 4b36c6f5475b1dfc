//! What others know of an access policy: whether it is in force, and what it says.

use std::collections::BTreeSet;

use daybook_kernel::{Choice, Fact, Permission, Referable};

/// Where a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// In work.
    Draft,
    /// In force.
    Active,
    /// Not in force any more.
    Retired,
}

/// What a policy does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Effect {
    /// It permits, beyond the roles.
    Permit,
    /// It forbids, whatever the roles say.
    Forbid,
}

/// Something that is so, or not, when somebody asks to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Choice)]
pub enum Attribute {
    /// The record is about the person, or the person's own.
    OwnRecord,
    /// The record is of a group that the person is in.
    SameGroup,
    /// The record is of the person's domain.
    SameDomain,
    /// The record is of another domain than the person's.
    OtherDomain,
    /// The person signed in with a second factor.
    SecondFactor,
    /// The person signed in without one.
    NoSecondFactor,
    /// It is outside of working hours.
    OutOfHours,
}

/// What is permitted or forbidden by what is so at the time.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessPolicy {
    /// Where it stands.
    pub status: Status,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// What it is about.
    pub permissions: BTreeSet<Permission>,
    /// What must be so for it to apply: all of it.
    pub when: BTreeSet<Attribute>,
}

impl Referable for AccessPolicy {
    const TYPE: &'static str = "identity.AccessPolicy";
}

impl Fact for AccessPolicy {}
