//! The decision: yes or no, and the one thing that it rests on.

use std::fmt;

use daybook_facts::{Reach, user};
use daybook_kernel::Choice;

use crate::{Condition, Held, Moment, Policy, Principal, Resource};

/// Whether somebody may do something to a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision<'a> {
    /// Whether they may.
    pub permitted: bool,
    /// What decides it.
    pub reason: Reason<'a>,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason<'a> {
    /// A role gives it, and reaches so far.
    Role(&'a Held, Reach),
    /// The token gives it to somebody who is not in the identity book.
    Token,
    /// A policy permits it.
    Permitted(&'a Policy),
    /// The account is not in use.
    Stopped(user::Status),
    /// The token does not let its bearer do it.
    BeyondToken,
    /// The record is of another domain than the person.
    OtherDomain,
    /// A policy forbids it.
    Forbidden(&'a Policy),
    /// What is held does not reach to this record; so far it reaches at most.
    OutOfReach(Reach),
    /// Nothing that is held gives it.
    NotHeld,
}

impl Reason<'_> {
    /// Its name in answers.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Role(..) => "ROLE",
            Reason::Token => "TOKEN",
            Reason::Permitted(_) => "POLICY_PERMITS",
            Reason::Stopped(_) => "ACCOUNT_NOT_IN_USE",
            Reason::BeyondToken => "NOT_IN_TOKEN",
            Reason::OtherDomain => "OTHER_DOMAIN",
            Reason::Forbidden(_) => "POLICY_FORBIDS",
            Reason::OutOfReach(_) => "OUT_OF_REACH",
            Reason::NotHeld => "NOT_HELD",
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Role(held, Reach::Tenant) => write!(f, "the role {} gives it", held.by.name()),
            Reason::Role(held, reach) => {
                write!(f, "the role {} gives it for {} records", held.by.name(), reach.name())
            }
            Reason::Token => f.write_str("the token gives it to somebody who has no account"),
            Reason::Permitted(policy) => write!(f, "the policy {:?} permits it", policy.says.name),
            Reason::Stopped(status) => write!(f, "the account is {}", status.name().replace('_', " ")),
            Reason::BeyondToken => f.write_str("the token does not let its bearer do it"),
            Reason::OtherDomain => f.write_str("the record is of another domain"),
            Reason::Forbidden(policy) => write!(f, "the policy {:?} forbids it", policy.says.name),
            Reason::OutOfReach(reach) => write!(f, "it is held for {} records, and this is none", reach.name()),
            Reason::NotHeld => f.write_str("no role that is held gives it"),
        }
    }
}

/// Whether somebody may do that to a record. What is not about a record is about [`Resource::default`], which only what
/// reaches to the whole tenant includes.
pub fn decide<'a>(principal: &'a Principal, permission: &str, resource: &Resource, moment: Moment) -> Decision<'a> {
    let no = |reason| Decision { permitted: false, reason };
    let yes = |reason| Decision { permitted: true, reason };
    if let Some(reason) = bar(principal, permission) {
        return no(reason);
    }
    if wall(principal).is_some_and(|wall| !wall.admits(resource)) {
        return no(Reason::OtherDomain);
    }
    if let Some((policy, _)) = forbidding(principal, permission, moment).find(|(_, when)| when.admits(resource)) {
        return no(Reason::Forbidden(policy));
    }
    if let Some((reason, _)) = given(principal, permission, moment).find(|(_, when)| when.admits(resource)) {
        return yes(reason);
    }
    if let Some((policy, _)) = permitting(principal, permission, moment).find(|(_, when)| when.admits(resource)) {
        return yes(Reason::Permitted(policy));
    }
    let reaches = given(principal, permission, moment).filter_map(|(reason, _)| match reason {
        Reason::Role(_, reach) => Some(reach),
        _ => None,
    });
    no(reaches.max().map_or(Reason::NotHeld, Reason::OutOfReach))
}

/// What keeps somebody from it whatever the record.
pub(crate) fn bar<'a>(principal: &Principal, permission: &str) -> Option<Reason<'a>> {
    match &principal.standing {
        _ if !principal.token_allows(permission) => Some(Reason::BeyondToken),
        Some(standing) if standing.status != user::Status::Active => Some(Reason::Stopped(standing.status)),
        Some(_) => None,
        // Nobody is known to be asking.
        None if principal.token.is_none() => Some(Reason::NotHeld),
        None => None,
    }
}

/// Domains are apart: who belongs to one touches its records and those of the whole organisation, whatever is held.
pub(crate) fn wall(principal: &Principal) -> Option<Condition> {
    let domain = principal.standing.as_ref()?.domain.clone()?;
    Some(Condition::Any(vec![Condition::NoDomain, Condition::Domain(domain)]))
}

/// What gives it, each with the records it gives it for.
pub(crate) fn given<'a>(
    principal: &'a Principal,
    permission: &str,
    moment: Moment,
) -> impl Iterator<Item = (Reason<'a>, Condition)> {
    let by_token = principal.standing.is_none().then_some((Reason::Token, Condition::Always));
    let standing = principal.standing.as_deref().into_iter();
    let by_roles = standing.flat_map(move |standing| {
        standing.held.iter().filter_map(move |held| {
            let reach = held.reach(permission, moment.now)?;
            let records = match reach {
                Reach::Own => Condition::Own(principal.user),
                Reach::Team => Condition::Team(standing.groups.iter().copied().collect()),
                Reach::Domain => standing.domain.clone().map_or(Condition::Never, Condition::Domain),
                Reach::Tenant => Condition::Always,
            };
            let only = held.domain.clone().map_or(Condition::Always, Condition::Domain);
            Some((Reason::Role(held, reach), Condition::all([records, only])))
        })
    });
    by_token.into_iter().chain(by_roles)
}

/// The policies that forbid it, each with the records it forbids it for.
pub(crate) fn forbidding<'a>(
    principal: &'a Principal,
    permission: &str,
    moment: Moment,
) -> impl Iterator<Item = (&'a Policy, Condition)> {
    policies(principal, permission, moment).filter(|(policy, _)| policy.forbids())
}

/// The policies that permit it, each with the records it permits it for.
pub(crate) fn permitting<'a>(
    principal: &'a Principal,
    permission: &str,
    moment: Moment,
) -> impl Iterator<Item = (&'a Policy, Condition)> {
    policies(principal, permission, moment).filter(|(policy, _)| !policy.forbids())
}

fn policies<'a>(
    principal: &'a Principal,
    permission: &str,
    moment: Moment,
) -> impl Iterator<Item = (&'a Policy, Condition)> {
    let standing = principal.standing.as_deref().into_iter();
    standing.flat_map(move |standing| {
        let about =
            move |policy: &'a Policy| Some((policy, policy.condition(permission, principal.user, standing, moment)?));
        standing.policies.iter().filter_map(about)
    })
}
