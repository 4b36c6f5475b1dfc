//! The operations of a PATCH (RFC 7644, section 3.5.2). Directories write them in more than one way; what is meant is one of few.

use serde_json::{Map, Value as Json};

use super::{
    answer::Refusal,
    page::{bare, equation},
};

/// So many operations at most.
const MOST: usize = 100;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Adds.
    Add,
    /// Replaces.
    Replace,
    /// Removes.
    Remove,
}

/// An operation on one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// The attribute, in lower case, such as `active`, `name.givenname`, `members`.
    pub attribute: String,
    /// Which of several values it is about: that `value` equals this text.
    pub only: Option<String>,
    /// The value.
    pub value: Json,
}

/// The operations of a body, one for each attribute.
///
/// # Errors
/// `invalidSyntax`, `invalidPath` or `noTarget`.
pub fn operations(body: &Json) -> Result<Vec<Operation>, Refusal> {
    let syntax = |detail: &str| Refusal::bad("invalidSyntax", detail);
    let given = get(body, "operations").and_then(Json::as_array).ok_or_else(|| syntax("Operations must be a list"))?;
    if given.len() > MOST {
        return Err(syntax("there are too many Operations"));
    }
    let mut operations = Vec::new();
    for one in given {
        let verb = match get(one, "op").and_then(Json::as_str).unwrap_or_default().to_lowercase().as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            _ => return Err(syntax("op must be add, replace or remove")),
        };
        let value = get(one, "value").cloned().unwrap_or_default();
        match (get(one, "path").map(Json::as_str), value) {
            (Some(Some(path)), value) => {
                let (attribute, only) = target(path)?;
                operations.push(Operation { verb, attribute, only, value });
            }
            (Some(None), _) => return Err(Refusal::bad("invalidPath", "path must be a text")),
            (None, _) if verb == Verb::Remove => return Err(Refusal::bad("noTarget", "remove needs a path")),
            (None, Json::Object(values)) => operations.extend(each(verb, values)),
            (None, _) => return Err(Refusal::bad("invalidValue", "without a path, value must be an object")),
        }
    }
    Ok(operations)
}

fn each(verb: Verb, values: Map<String, Json>) -> impl Iterator<Item = Operation> {
    let operation = move |(name, value): (String, Json)| Operation {
        verb,
        attribute: bare(&name).to_lowercase(),
        only: None,
        value,
    };
    values.into_iter().filter(|(name, _)| name != "schemas").map(operation)
}

/// The attribute of a path, and which of its values: `members[value eq "…"]`, `emails[type eq "work"].value`.
fn target(path: &str) -> Result<(String, Option<String>), Refusal> {
    let wrong = || Refusal::bad("invalidPath", format!("{path:?} is not a path that is taken"));
    let path = path.trim();
    let Some((attribute, rest)) = path.split_once('[') else {
        return Ok((bare(path).to_lowercase(), None));
    };
    let (filter, behind) = rest.split_once(']').ok_or_else(wrong)?;
    let attribute = bare(attribute).to_lowercase();
    if attribute == "members" && behind.is_empty() {
        let (_, only) = equation(filter, &["value"]).ok_or_else(wrong)?;
        return Ok((attribute, Some(only)));
    }
    // Of addresses and numbers there is one each: which of them is meant makes no difference.
    equation(filter, &["type", "primary"]).ok_or_else(wrong)?;
    Ok((format!("{attribute}{}", behind.to_lowercase()), None))
}

/// An attribute of an object: attributes have no case.
pub fn get<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A truth; some directories write it as a word.
///
/// # Errors
/// `invalidValue`, naming the attribute.
pub fn truth(attribute: &str, value: &Json) -> Result<bool, Refusal> {
    match value {
        Json::Bool(truth) => Ok(*truth),
        Json::String(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Json::String(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Refusal::bad("invalidValue", format!("{attribute} must be true or false"))),
    }
}

/// A text.
///
/// # Errors
/// `invalidValue`, naming the attribute.
pub fn text(attribute: &str, value: &Json) -> Result<String, Refusal> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Refusal::bad("invalidValue", format!("{attribute} must be a text")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_meant_is_found_in_each_way_of_writing_it() {
        let found = |op: Json| operations(&json!({ "Operations": [op] })).unwrap().remove(0);
        for op in [
            json!({ "op": "Replace", "path": "active", "value": "False" }),
            json!({ "op": "replace", "value": { "active": false } }),
            json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": false }),
        ] {
            let operation = found(op);
            assert_eq!((operation.verb, operation.attribute.as_str()), (Verb::Replace, "active"));
            assert!(!truth("active", &operation.value).unwrap());
        }
        let member = found(json!({ "op": "remove", "path": "members[value eq \"x\"]" }));
        assert_eq!((member.attribute.as_str(), member.only.as_deref()), ("members", Some("x")));
        let mail = found(json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a" }));
        assert_eq!(mail.attribute, "emails.value");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for op in [
            json!({ "op": "move", "path": "active" }),
            json!({ "op": "remove" }),
            json!({ "op": "add", "value": 7 }),
            json!({ "op": "add", "path": 7 }),
            json!({ "op": "add", "path": "members[value co \"x\"]" }),
            json!({ "op": "add", "path": "members[value eq \"x\"" }),
        ] {
            assert!(operations(&json!({ "Operations": [op.clone()] })).is_err(), "{op}");
        }
        assert!(operations(&json!({})).is_err());
    }
}
