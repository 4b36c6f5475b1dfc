//! What a policy has to give, as its annotation says it: `permission if attribute, attribute: outcome; …`.

use daybook_contents::permissions;
use daybook_facts::access_policy::Attribute;
use daybook_kernel::Choice;
use serde_json::{Value as Json, json};

/// What a policy can give.
const OUTCOMES: [&str; 3] = ["permitted", "forbidden", "silent"];

/// The cases.
///
/// # Errors
/// What is wrong with the first that is none.
pub fn read(text: &str) -> Result<Vec<Json>, String> {
    let cases = text.split(';').map(str::trim).filter(|case| !case.is_empty());
    let cases: Vec<Json> = cases.map(case).collect::<Result<_, _>>()?;
    match cases.is_empty() {
        true => Err("needs a case: @cases(\"incident:read if own_record: forbidden\")".into()),
        false => Ok(cases),
    }
}

fn case(text: &str) -> Result<Json, String> {
    let (said, expect) = text.rsplit_once(':').unwrap_or((text, ""));
    let (permission, given) = said.split_once(" if ").unwrap_or((said, ""));
    let (permission, expect) = (permission.trim(), expect.trim());
    if !permissions::all().contains(permission) {
        return Err(format!("the case {text:?} names no permission: there is none {permission:?}"));
    }
    if !OUTCOMES.contains(&expect) {
        return Err(format!("the case {text:?} must end with one of {}", OUTCOMES.join(", ")));
    }
    let given: Vec<&str> = given.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known: Vec<&str> = Attribute::ALL.iter().map(|attribute| attribute.name()).collect();
    match given.iter().find(|name| !known.contains(name)) {
        Some(unknown) => Err(format!("the case {text:?} must name some of {}, not {unknown:?}", known.join(", "))),
        None => Ok(json!({ "permission": permission, "given": given, "expect": expect })),
    }
}
