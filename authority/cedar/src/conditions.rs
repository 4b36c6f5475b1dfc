//! What must be so for a policy to apply: the few things that every store can filter by, joined by `&&`.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use daybook_facts::access_policy::Attribute;
use serde_json::{Value as Json, json};

/// What can be said; told to whoever says something else.
const SAYABLE: &str = "say one or more of these, joined by &&: `resource.own.contains(principal)`, `principal in resource.team`, \
    `principal.domain != \"\" && resource.domain == principal.domain`, \
    `principal.domain != \"\" && resource.domain != \"\" && resource.domain != principal.domain`, \
    `context.second_factor`, `!context.second_factor`, `context.out_of_hours`";

/// What must be so, of the conditions of a policy.
///
/// # Errors
/// What cannot be said, and what can.
pub fn read(policy: &Policy) -> Result<BTreeSet<Attribute>, String> {
    let policy = policy.to_json().map_err(|error| error.to_string())?;
    let mut parts = Vec::new();
    for condition in policy["conditions"].as_array().into_iter().flatten() {
        match condition["kind"].as_str() {
            Some("when") => conjuncts(&condition["body"], &mut parts),
            _ => parts.push(negated(&condition["body"])),
        }
    }
    attributes(parts)
}

/// The parts of a conjunction.
fn conjuncts(expression: &Json, parts: &mut Vec<Json>) {
    match expression.get("&&") {
        Some(both) => {
            conjuncts(&both["left"], parts);
            conjuncts(&both["right"], parts);
        }
        None => parts.push(expression.clone()),
    }
}

/// The opposite; of an opposite, what it is of.
fn negated(expression: &Json) -> Json {
    match (expression.get("!"), expression.get("=="), expression.get("!=")) {
        (Some(of), ..) => of["arg"].clone(),
        (_, Some(of), _) => json!({ "!=": of }),
        (_, _, Some(of)) => json!({ "==": of }),
        _ => json!({ "!": { "arg": expression } }),
    }
}

/// What the parts come to. What is said of domains is said by several of them.
fn attributes(mut parts: Vec<Json>) -> Result<BTreeSet<Attribute>, String> {
    let mut when = BTreeSet::new();
    let [own, group, factor, hours] = [
        json!({ "contains": { "left": of("resource", "own"), "right": { "Var": "principal" } } }),
        json!({ "in": { "left": { "Var": "principal" }, "right": of("resource", "team") } }),
        of("context", "second_factor"),
        of("context", "out_of_hours"),
    ];
    for (said, attribute) in [
        (own, Attribute::OwnRecord),
        (group, Attribute::SameGroup),
        (negated(&factor), Attribute::NoSecondFactor),
        (factor, Attribute::SecondFactor),
        (hours, Attribute::OutOfHours),
    ] {
        if take(&mut parts, &said) {
            when.insert(attribute);
        }
    }
    let (here, there) = (of("principal", "domain"), of("resource", "domain"));
    let none = json!({ "Value": "" });
    let of_domain = take_compared(&mut parts, "!=", &here, &none);
    let is_of_domain = take_compared(&mut parts, "!=", &there, &none);
    let same = take_compared(&mut parts, "==", &here, &there);
    let other = take_compared(&mut parts, "!=", &here, &there);
    let is_sayable = match (same, other) {
        (false, false) => !of_domain && !is_of_domain,
        // That the record is of a domain follows from its being of theirs.
        (true, false) => of_domain,
        (_, true) => of_domain && is_of_domain,
    };
    if !is_sayable {
        return Err(format!("says something of domains that cannot be said to every store: {SAYABLE}"));
    }
    when.extend(same.then_some(Attribute::SameDomain));
    when.extend(other.then_some(Attribute::OtherDomain));
    match parts.is_empty() {
        true => Ok(when),
        false => Err(format!("has a condition that cannot be said to every store: {SAYABLE}")),
    }
}

/// An attribute of a variable.
fn of(variable: &str, attribute: &str) -> Json {
    json!({ ".": { "left": { "Var": variable }, "attr": attribute } })
}

/// Takes every part that says so; whether there was one.
fn take(parts: &mut Vec<Json>, said: &Json) -> bool {
    let before = parts.len();
    parts.retain(|part| part != said);
    parts.len() < before
}

/// The same of a comparison, whichever side comes first.
fn take_compared(parts: &mut Vec<Json>, by: &str, one: &Json, other: &Json) -> bool {
    let first = take(parts, &json!({ by: { "left": one, "right": other } }));
    take(parts, &json!({ by: { "left": other, "right": one } })) || first
}
