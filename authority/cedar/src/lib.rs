//! Access policies as code: written in [Cedar](https://docs.cedarpolicy.com), kept with the rest of an organisation's code, checked
//! against the declaration before anybody is bound by them, and brought into the form that Daybook decides by.
//!
//! - [`schema`] is what a policy may speak of: the catalogue of permissions, and what is known of who asks and of the record.
//! - [`read`] checks a text against it and gives the policies in it as the command `draft` takes them.
//! - Only what every store can filter by can be said: what a policy forbids, no list may show. The rest is refused, with what to say
//!   instead.
//!
//! Whoever decides links none of this: see `docs/adr/0016-authorisation.md`.

mod cases;
mod conditions;
mod schema;

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, Effect as CedarEffect, PolicySet, PrincipalConstraint, ResourceConstraint};
use cedar_policy::{EntityUid, Policy, ValidationMode, Validator};
use daybook_facts::access_policy::{Attribute, Effect};
use daybook_kernel::Choice;
use serde_json::{Value as Json, json};

pub use schema::schema;

/// A policy, as the command `draft` takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is called: its annotation `@name`.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// What it is about.
    pub permissions: BTreeSet<String>,
    /// What must be so for it to apply: all of it.
    pub when: BTreeSet<Attribute>,
    /// What it has to give: its annotation `@cases`, see [`read`].
    pub cases: Vec<Json>,
}

/// A text that is no policy of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not Cedar, or speaks of what there is not.
    #[error("{0}")]
    Text(String),
    /// It cannot be said to every store.
    #[error("{policy}: {why}")]
    Policy {
        /// Its name, or Cedar's id of it.
        policy: String,
        /// Why, and what to say instead.
        why: String,
    },
}

impl Draft {
    /// The body of the command.
    pub fn body(&self) -> Json {
        json!({
            "name": self.name,
            "effect": self.effect.name(),
            "permissions": self.permissions,
            "when": self.when.iter().map(|attribute| attribute.name()).collect::<Vec<_>>(),
            "cases": self.cases,
        })
    }
}

/// The policies of a text, in its order. Each has a `@name`, and in `@cases` what it has to give, one case after the other, such as
/// `incident:read if own_record, no_second_factor: forbidden; incident:read: silent`.
///
/// # Errors
/// What is wrong with the first policy that is not one.
pub fn read(text: &str) -> Result<Vec<Draft>, Refused> {
    let policies: PolicySet =
        text.parse().map_err(|error: cedar_policy::ParseErrors| Refused::Text(error.to_string()))?;
    if policies.templates().next().is_some() {
        return Err(Refused::Text("a template is no policy: say whom it is about".into()));
    }
    let result = Validator::new(schema::parsed().clone()).validate(&policies, ValidationMode::Strict);
    let mut wrong: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
    if !wrong.is_empty() {
        wrong.sort();
        return Err(Refused::Text(wrong.join("\n")));
    }
    let mut policies: Vec<&Policy> = policies.policies().collect();
    // `policy0`, `policy1`, …: as they stand in the text.
    policies.sort_by_key(|policy| {
        let id = policy.id().to_string();
        id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
    });
    policies.into_iter().map(draft).collect()
}

/// What a policy says, in the form that Daybook decides by.
fn draft(policy: &Policy) -> Result<Draft, Refused> {
    let name = policy.annotation("name").map(str::to_owned);
    let called = name.clone().unwrap_or_else(|| policy.id().to_string());
    let refused = |why: String| Refused::Policy { policy: called.clone(), why };
    let name = name.ok_or_else(|| refused("needs a name: begin it with @name(\"…\")".into()))?;
    if !matches!(policy.principal_constraint(), PrincipalConstraint::Any | PrincipalConstraint::Is(_)) {
        return Err(refused("is for everybody: whom something is given to by name, a role says".into()));
    }
    if !matches!(policy.resource_constraint(), ResourceConstraint::Any | ResourceConstraint::Is(_)) {
        return Err(refused("is for all records of what its actions name: leave `resource` as it is".into()));
    }
    let permissions = match policy.action_constraint() {
        ActionConstraint::Any => {
            return Err(refused("must name its actions: `action in [Action::\"incident:read\"]`".into()));
        }
        ActionConstraint::Eq(action) => named(&[action]),
        ActionConstraint::In(actions) => named(&actions),
    };
    Ok(Draft {
        name,
        effect: match policy.effect() {
            CedarEffect::Permit => Effect::Permit,
            CedarEffect::Forbid => Effect::Forbid,
        },
        permissions,
        when: conditions::read(policy).map_err(&refused)?,
        cases: cases::read(policy.annotation("cases").unwrap_or_default()).map_err(&refused)?,
    })
}

/// The permissions that actions name: a resource such as `incident` names all of its own.
fn named(actions: &[EntityUid]) -> BTreeSet<String> {
    let all = daybook_contents::permissions::all();
    let of = |action: &EntityUid| -> Vec<String> {
        let name = action.id().unescaped().to_owned();
        let of_resource = format!("{name}:");
        all.iter().filter(|one| **one == name || one.starts_with(&of_resource)).cloned().collect()
    };
    actions.iter().flat_map(of).collect()
}
