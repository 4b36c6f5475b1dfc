//! The explanation of a decision: everything that was looked at, in the order in which it counts.

use daybook_facts::Reach;
use daybook_kernel::Choice;
use uuid::Uuid;

use crate::{Moment, Policy, Principal, Reason, Resource, decision};

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// What it is: `account`, `token`, `domain`, `policy` or `role`.
    pub what: &'static str,
    /// Its id, where it has one.
    pub id: Option<Uuid>,
    /// The group by which a role is held.
    pub through: Option<Uuid>,
    /// In a sentence.
    pub says: String,
    /// Whether it counts for this record: a role or policy applies, or the account, token or domain is in the way.
    pub applies: bool,
}

/// Everything that [`crate::decide`] looks at.
pub fn explain(principal: &Principal, permission: &str, resource: &Resource, moment: Moment) -> Vec<Considered> {
    let plain = |what, says: String, applies| Considered { what, id: None, through: None, says, applies };
    let mut found = Vec::new();
    if let Some(bar) = decision::bar(principal, permission) {
        let what = if matches!(bar, Reason::BeyondToken) { "token" } else { "account" };
        found.push(plain(what, bar.to_string(), true));
    }
    if let (Some(wall), Some(standing)) = (decision::wall(principal), &principal.standing) {
        let domain = standing.domain.as_deref().unwrap_or_default();
        found.push(plain("domain", format!("the person is of the domain {domain}"), !wall.admits(resource)));
    }
    let policy = |(policy, when): (&Policy, crate::Condition)| Considered {
        what: "policy",
        id: Some(policy.id),
        through: None,
        says: format!("{:?} {}s it", policy.says.name, policy.says.effect.name()),
        applies: when.admits(resource),
    };
    found.extend(decision::forbidding(principal, permission, moment).map(policy));
    for (reason, when) in decision::given(principal, permission, moment) {
        let applies = when.admits(resource);
        found.push(match reason {
            Reason::Role(held, reach) => {
                let records = if reach == Reach::Tenant { "all".to_owned() } else { reach.name().to_owned() };
                let of = held.domain.as_ref().map_or_else(String::new, |domain| format!(" of the domain {domain}"));
                let says = format!("{} gives it for {records} records{of}", held.by.name());
                Considered { what: "role", id: Some(held.by.id()), through: held.through, says, applies }
            }
            other => plain("token", other.to_string(), applies),
        });
    }
    found.extend(decision::permitting(principal, permission, moment).map(policy));
    found
}
