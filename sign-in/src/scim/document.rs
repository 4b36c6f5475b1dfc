//! What this service provider can do (RFC 7643, sections 5 to 7).

use serde_json::{Value as Json, json};

use super::{page::MOST, person, team};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// `ServiceProviderConfig`.
pub fn config(origin: &str) -> Json {
    let no = json!({ "supported": false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MOST },
        "changePassword": no,
        "sort": no,
        "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer",
            "description": "An access token of sign-in, or an API key in its place.",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{origin}/ServiceProviderConfig") },
    })
}

/// `ResourceTypes`.
pub fn types(origin: &str) -> Vec<Json> {
    let one = |name: &str, path: &str, schema: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": path,
            "schema": schema,
            "meta": { "resourceType": "ResourceType", "location": format!("{origin}/ResourceTypes/{name}") },
        })
    };
    vec![one("User", "/Users", person::SCHEMA), one("Group", "/Groups", team::SCHEMA)]
}

/// `Schemas`.
pub fn schemas(origin: &str) -> Vec<Json> {
    let whole = |id: &str, name: &str, attributes: Vec<Json>| {
        json!({
            "schemas": [SCHEMA],
            "id": id,
            "name": name,
            "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{origin}/Schemas/{id}") },
        })
    };
    let value = || vec![attribute("value", "string", false, false), attribute("type", "string", false, false)];
    let user = vec![
        with(attribute("userName", "string", false, true), "uniqueness", json!("server")),
        attribute("displayName", "string", false, false),
        parts(
            attribute("name", "complex", false, false),
            vec![
                attribute("formatted", "string", false, false),
                attribute("givenName", "string", false, false),
                attribute("familyName", "string", false, false),
            ],
        ),
        attribute("active", "boolean", false, false),
        attribute("title", "string", false, false),
        attribute("locale", "string", false, false),
        attribute("timezone", "string", false, false),
        with(parts(attribute("emails", "complex", true, false), value()), "mutability", json!("readOnly")),
        parts(attribute("phoneNumbers", "complex", true, false), value()),
    ];
    let group = vec![
        with(attribute("displayName", "string", false, true), "uniqueness", json!("server")),
        parts(attribute("members", "complex", true, false), value()),
    ];
    vec![whole(person::SCHEMA, "User", user), whole(team::SCHEMA, "Group", group)]
}

fn attribute(name: &str, kind: &str, is_many: bool, is_required: bool) -> Json {
    json!({
        "name": name,
        "type": kind,
        "multiValued": is_many,
        "required": is_required,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    })
}

fn parts(attribute: Json, parts: Vec<Json>) -> Json {
    with(attribute, "subAttributes", json!(parts))
}

fn with(mut attribute: Json, name: &str, value: Json) -> Json {
    attribute[name] = value;
    attribute
}
