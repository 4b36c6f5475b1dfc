//! A group of SCIM (RFC 7643, section 4.2): its name and its members. The roles that its members hold by it are not the directory's to say.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    answer::Refusal,
    patch::{Operation, Verb, get, text},
};

/// The schema of it.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// What is said of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Team {
    /// What it is called.
    pub name: String,
    /// Who belongs to it.
    pub members: BTreeSet<Uuid>,
    /// What the directory calls it.
    pub external_id: Option<String>,
}

impl Team {
    /// A group of the views.
    pub fn of(doc: &Json, external_id: Option<String>) -> Self {
        let members = doc["members"].as_array().into_iter().flatten();
        Self {
            name: doc["name"].as_str().unwrap_or_default().to_owned(),
            members: members.filter_map(|member| member.as_str()?.parse().ok()).collect(),
            external_id,
        }
    }

    /// A group as a body says it.
    ///
    /// # Errors
    /// `invalidValue`, naming the attribute.
    pub fn wanted(body: &Json) -> Result<Self, Refusal> {
        Ok(Self {
            name: text("displayName", get(body, "displayName").unwrap_or(&Json::Null))?,
            members: get(body, "members").map(members).transpose()?.unwrap_or_default(),
            external_id: get(body, "externalId").map(|id| text("externalId", id)).transpose()?,
        })
    }

    /// The group after operations.
    ///
    /// # Errors
    /// `invalidPath`, `invalidValue` or `mutability`.
    pub fn after(&self, operations: &[Operation]) -> Result<Self, Refusal> {
        let mut wanted = self.clone();
        for Operation { verb, attribute, only, value } in operations {
            match (verb, attribute.as_str()) {
                (Verb::Add | Verb::Replace, "displayname") => wanted.name = text("displayName", value)?,
                (Verb::Add | Verb::Replace, "externalid") => wanted.external_id = Some(text("externalId", value)?),
                (Verb::Remove, "externalid") => wanted.external_id = None,
                (Verb::Remove, "members") => match only {
                    Some(only) => _ = wanted.members.remove(&member(only)?),
                    None if value.is_null() => wanted.members.clear(),
                    None => members(value)?.iter().for_each(|member| _ = wanted.members.remove(member)),
                },
                (Verb::Add, "members") => wanted.members.extend(members(value)?),
                (Verb::Replace, "members") if only.is_none() => wanted.members = members(value)?,
                (_, "displayname") => return Err(Refusal::bad("mutability", "a group keeps a name")),
                // Its own id, which some directories send along.
                (Verb::Replace, "id") => {}
                _ => return Err(Refusal::bad("invalidPath", format!("there is no attribute {attribute} here"))),
            }
        }
        Ok(wanted)
    }

    /// The group as SCIM shows it.
    pub fn shown(&self, id: Uuid, (created, changed): (&str, &str), origin: &str) -> Json {
        let member = |user: &Uuid| json!({ "value": user, "type": "User", "$ref": format!("{origin}/Users/{user}") });
        let mut shown = json!({
            "schemas": [SCHEMA],
            "id": id,
            "displayName": self.name,
            "members": self.members.iter().map(member).collect::<Vec<_>>(),
            "meta": {
                "resourceType": "Group", "created": created, "lastModified": changed, "location": format!("{origin}/Groups/{id}"),
            },
        });
        if let Some(external_id) = &self.external_id {
            shown["externalId"] = json!(external_id);
        }
        shown
    }
}

fn members(values: &Json) -> Result<BTreeSet<Uuid>, Refusal> {
    let values = match values {
        Json::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    let id = |value: &Json| get(value, "value").and_then(Json::as_str).map(str::to_owned).unwrap_or_default();
    values.into_iter().map(|value| member(&id(value))).collect()
}

fn member(id: &str) -> Result<Uuid, Refusal> {
    id.parse().map_err(|_| Refusal::bad("invalidValue", "members: value must be the id of a user"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::patch::operations;

    #[test]
    fn members_come_and_go() {
        let [ann, ben] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let team = Team::wanted(&json!({ "displayName": "Desk", "members": [{ "value": ann }] })).unwrap();
        let after = |operation: Json| team.after(&operations(&json!({ "Operations": [operation] })).unwrap());
        let added = after(json!({ "op": "add", "path": "members", "value": [{ "value": ben }] })).unwrap();
        assert_eq!(added.members, BTreeSet::from([ann, ben]));
        for none in [
            json!({ "op": "remove", "path": format!("members[value eq \"{ann}\"]") }),
            json!({ "op": "Remove", "path": "members", "value": [{ "value": ann }] }),
            json!({ "op": "remove", "path": "members" }),
            json!({ "op": "replace", "value": { "members": [] } }),
        ] {
            assert!(after(none.clone()).unwrap().members.is_empty(), "{none}");
        }
        for wrong in [
            json!({ "op": "add", "path": "members", "value": [{ "value": "x" }] }),
            json!({ "op": "add", "path": "roles", "value": "x" }),
            json!({ "op": "remove", "path": "displayName" }),
        ] {
            assert!(after(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
