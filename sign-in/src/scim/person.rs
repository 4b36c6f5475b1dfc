//! A user of SCIM (RFC 7643, section 4.1): as the book has it, as it is shown, and as it is wanted.
//!
//! `userName` is the address of the account: a person is known by one name. A user that is not `active` is out of use, and cannot
//! sign in.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    answer::Refusal,
    patch::{Operation, Verb, get, text, truth},
};

/// The schema of it.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// What is said of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The address.
    pub address: String,
    /// What the person is called.
    pub name: String,
    /// Whether the account is in use.
    pub is_active: bool,
    /// What the person does.
    pub title: Option<String>,
    /// The number the person is called at.
    pub phone: Option<String>,
    /// The language the person is addressed in.
    pub locale: Option<String>,
    /// Where the person's day begins.
    pub time_zone: Option<String>,
    /// What the directory calls the user.
    pub external_id: Option<String>,
}

impl Person {
    /// A user of the views, opened.
    pub fn of(doc: &Json, external_id: Option<String>) -> Self {
        let text = |field: &str| doc[field].as_str().map(str::to_owned);
        let status = doc["status"].as_str().unwrap_or_default();
        Self {
            address: text("email").unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            is_active: !["inactive", "suspended"].contains(&status),
            title: text("title"),
            phone: text("phone"),
            locale: text("locale"),
            time_zone: text("time_zone"),
            external_id,
        }
    }

    /// A user as a body says it; on top of what is, where there is one.
    ///
    /// # Errors
    /// `invalidValue`, naming the attribute.
    pub fn wanted(body: &Json, present: Option<&Self>) -> Result<Self, Refusal> {
        let mut wanted = present.cloned().unwrap_or(Self { is_active: true, ..Self::default() });
        wanted.external_id = None;
        for (attribute, value) in body.as_object().into_iter().flatten() {
            if !value.is_null() {
                wanted.set(&attribute.to_lowercase(), value)?;
            }
        }
        for (name, text) in [("userName", &wanted.address), ("displayName", &wanted.name)] {
            if text.is_empty() {
                return Err(Refusal::bad("invalidValue", format!("{name} must be given")));
            }
        }
        Ok(wanted)
    }

    /// The user after operations.
    ///
    /// # Errors
    /// `invalidPath`, `invalidValue` or `mutability`.
    pub fn after(&self, operations: &[Operation]) -> Result<Self, Refusal> {
        let mut wanted = self.clone();
        for Operation { verb, attribute, value, .. } in operations {
            match verb {
                Verb::Remove if attribute == "externalid" => wanted.external_id = None,
                Verb::Remove => {
                    return Err(Refusal::bad("mutability", format!("{attribute} is replaced, it is not removed")));
                }
                Verb::Add | Verb::Replace => {
                    if !wanted.set(attribute, value)? {
                        return Err(Refusal::bad("invalidPath", format!("there is no attribute {attribute} here")));
                    }
                }
            }
        }
        Ok(wanted)
    }

    /// Sets an attribute; whether it is one that is kept or shown here.
    fn set(&mut self, attribute: &str, value: &Json) -> Result<bool, Refusal> {
        match attribute {
            "username" => self.address = text("userName", value)?,
            "displayname" | "name.formatted" => self.name = text("displayName", value)?,
            "name" => self.named(value),
            "name.givenname" | "name.familyname" => {
                let part = text(attribute, value)?;
                let (given, family) = self.name.split_once(' ').unwrap_or((&self.name, ""));
                let (given, family) = if attribute == "name.givenname" { (&*part, family) } else { (given, &*part) };
                self.name = format!("{given} {family}").trim().to_owned();
            }
            "active" => self.is_active = truth("active", value)?,
            "title" => self.title = Some(text("title", value)?),
            "phonenumbers" => {
                self.phone = first(value).map(|number| text("phoneNumbers", number)).transpose()?.or(self.phone.take());
            }
            "phonenumbers.value" => self.phone = Some(text("phoneNumbers", value)?),
            "locale" | "preferredlanguage" => self.locale = Some(text("locale", value)?),
            "timezone" => self.time_zone = Some(text("timezone", value)?),
            "externalid" => self.external_id = Some(text("externalId", value)?),
            // The address is said once, as the name.
            "emails"
            | "emails.value"
            | "emails.primary"
            | "emails.type"
            | "phonenumbers.type"
            | "phonenumbers.primary" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A name in parts, unless it is said as a whole.
    fn named(&mut self, name: &Json) {
        let part = |part: &str| get(name, part).and_then(Json::as_str).unwrap_or_default().trim();
        let both = format!("{} {}", part("givenName"), part("familyName"));
        let whole = [part("formatted"), both.trim()].into_iter().find(|name| !name.is_empty());
        self.name = whole.map_or_else(|| std::mem::take(&mut self.name), str::to_owned);
    }

    /// The user as SCIM shows it.
    pub fn shown(&self, id: Uuid, (created, changed): (&str, &str), origin: &str) -> Json {
        let mut shown = json!({
            "schemas": [SCHEMA],
            "id": id,
            "userName": self.address,
            "displayName": self.name,
            "name": { "formatted": self.name },
            "active": self.is_active,
            "emails": [{ "value": self.address, "type": "work", "primary": true }],
            "meta": {
                "resourceType": "User", "created": created, "lastModified": changed, "location": format!("{origin}/Users/{id}"),
            },
        });
        let further = [
            ("externalId", &self.external_id),
            ("title", &self.title),
            ("locale", &self.locale),
            ("timezone", &self.time_zone),
        ];
        for (name, value) in further.into_iter().filter(|(_, value)| value.is_some()) {
            shown[name] = json!(value);
        }
        if let Some(phone) = &self.phone {
            shown["phoneNumbers"] = json!([{ "value": phone, "type": "work" }]);
        }
        shown
    }

    /// What of the profile is to be changed into this; nothing, if it is so already.
    pub fn profile(&self, present: &Self) -> Json {
        let fields = [
            ("name", Some(&self.name), Some(&present.name)),
            ("title", self.title.as_ref(), present.title.as_ref()),
            ("phone", self.phone.as_ref(), present.phone.as_ref()),
            ("locale", self.locale.as_ref(), present.locale.as_ref()),
            ("time_zone", self.time_zone.as_ref(), present.time_zone.as_ref()),
        ];
        let mut changed = json!({});
        for (name, wanted, _) in fields.into_iter().filter(|(_, wanted, present)| wanted.is_some() && wanted != present)
        {
            changed[name] = json!(wanted);
        }
        changed
    }
}

/// The value that is marked as the first, or stands first.
fn first(values: &Json) -> Option<&Json> {
    let values = values.as_array()?;
    let primary = values.iter().find(|value| get(value, "primary") == Some(&Json::Bool(true)));
    get(primary.or(values.first())?, "value")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scim::patch::operations;

    fn ann() -> Person {
        let body = json!({
            "schemas": [SCHEMA], "userName": "ann@x.example", "name": { "givenName": "Ann", "familyName": "Lee" },
            "externalId": "7", "emails": [{ "value": "other@x.example" }], "unknown": 7,
            "phoneNumbers": [{ "value": "1" }, { "value": "2", "primary": true }],
        });
        Person::wanted(&body, None).unwrap()
    }

    #[test]
    fn a_body_says_what_is_wanted() {
        let ann = ann();
        assert_eq!((ann.address.as_str(), ann.name.as_str(), ann.is_active), ("ann@x.example", "Ann Lee", true));
        assert_eq!((ann.phone.as_deref(), ann.external_id.as_deref()), (Some("2"), Some("7")));
        for lacking in [json!({ "userName": "a@x.example" }), json!({ "displayName": "Ann" }), json!([])] {
            assert!(Person::wanted(&lacking, None).is_err(), "{lacking}");
        }
    }

    #[test]
    fn operations_change_what_they_name() {
        let after = |operation: Json| ann().after(&operations(&json!({ "Operations": [operation] })).unwrap());
        let left = after(json!({ "op": "replace", "value": { "active": false, "name.familyName": "Moe" } })).unwrap();
        assert_eq!((left.is_active, left.name.as_str()), (false, "Ann Moe"));
        assert_eq!(left.profile(&ann()), json!({ "name": "Ann Moe" }));
        assert_eq!(after(json!({ "op": "remove", "path": "externalId" })).unwrap().external_id, None);
        for wrong in [
            json!({ "op": "replace", "path": "nothing", "value": "x" }),
            json!({ "op": "remove", "path": "title" }),
            json!({ "op": "replace", "path": "active", "value": "perhaps" }),
            json!({ "op": "replace", "path": "userName", "value": "" }),
        ] {
            assert!(after(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
