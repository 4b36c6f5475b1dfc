//! A directory elsewhere keeps accounts and groups as it has them, by SCIM.

use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::{
    sign_in::over_everywhere,
    system::{
        Answer, Caller, System, Tenant,
        door::{Door, text},
        fresh,
    },
};

const PASSWORD: &str = "a lift between two floors";

/// What the directory may do.
const SCOPES: [&str; 10] = [
    "user:read",
    "user:read_personal",
    "user:register",
    "user:update",
    "user:deactivate",
    "group:read",
    "group:create",
    "group:update",
    "group:members",
    "group:retire",
];

/// The directory, with an API key that it was given.
async fn directory(tenant: &Tenant) -> Caller {
    let asked = json!({ "name": "Directory", "scopes": SCOPES, "expires_at": "2100-01-01T00:00:00Z" });
    let issued = tenant.first.sign_in("POST", "api-keys").body(asked.to_string()).send().await;
    tenant.first.showing(text(&issued, "key"))
}

async fn ask(caller: &Caller, method: &str, path: &str, body: Json) -> Answer {
    let ask = caller.scim(method, path);
    match body {
        Json::Null => ask.send().await,
        body => ask.body(body.to_string()).header("Content-Type", "application/scim+json").send().await,
    }
}

/// Insists that an answer is an error of SCIM's form.
#[track_caller]
fn refused(answer: &Answer, status: u16, kind: Option<&str>) {
    assert_eq!((answer.status, answer.body["scimType"].as_str()), (status, kind), "{answer:?}");
    assert_eq!(answer.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{answer:?}");
    assert_eq!(answer.body["status"], status.to_string(), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/scim+json");
}

#[track_caller]
fn id(answer: &Answer) -> String {
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    text(answer, "id").to_owned()
}

fn operation(op: &str, path: &str, value: Json) -> Json {
    json!({ "schemas": [], "Operations": [{ "op": op, "path": path, "value": value }] })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_directory_keeps_accounts_and_groups() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "directory").await;
    let directory = directory(&tenant).await;
    let address = format!("{}@works.example", fresh("zoe"));
    let zoe = an_account_is_made_and_found(&directory, &address).await;
    who_may_not_ask_is_told_so(&tenant, &zoe).await;
    members_come_and_go(&directory, &tenant, &zoe).await;
    who_leaves_is_out(&directory, &tenant, &zoe, &address).await;
}

async fn an_account_is_made_and_found(directory: &Caller, address: &str) -> String {
    let config = ask(directory, "GET", "ServiceProviderConfig", Json::Null).await;
    assert_eq!((&config.body["patch"]["supported"], &config.body["filter"]["maxResults"]), (&json!(true), &json!(200)));
    for path in ["ResourceTypes", "Schemas"] {
        assert_eq!(ask(directory, "GET", path, Json::Null).await.body["totalResults"], 2, "{path}");
    }
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": address, "externalId": "4711",
        "name": { "givenName": "Zoë", "familyName": "Works" }, "title": "Night nurse", "active": true,
    });
    let made = ask(directory, "POST", "Users", body.clone()).await;
    let zoe = id(&made);
    assert_eq!(made.status, 201);
    assert!(made.header("location").ends_with(&format!("/api/v1/scim/v2/Users/{zoe}")), "{made:?}");
    assert_eq!((&made.body["displayName"], &made.body["title"]), (&json!("Zoë Works"), &json!("Night nurse")));
    refused(&ask(directory, "POST", "Users", body.clone()).await, 409, Some("uniqueness"));
    refused(&ask(directory, "POST", "Users", json!({ "userName": address })).await, 400, Some("invalidValue"));

    let found = async |filter: &str| {
        let ask = directory.scim("GET", &format!("Users?count=1000&filter={}", filter.replace(' ', "%20")));
        let answer = ask.send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["totalResults"].as_i64().unwrap()
    };
    assert_eq!(found(&format!("userName eq \"{}\"", address.to_uppercase())).await, 1);
    assert_eq!(found("externalId eq \"4711\"").await, 1);
    assert_eq!(found("externalId eq \"4712\"").await, 0);
    for filter in ["userName%20co%20%22z%22", "userName", "title%20eq%20%22x%22", "userName%20eq%20%22a%22%20or"] {
        let answer = ask(directory, "GET", &format!("Users?filter={filter}"), Json::Null).await;
        refused(&answer, 400, Some("invalidFilter"));
    }
    let page = ask(directory, "GET", "Users?startIndex=2&count=1&attributes=userName", Json::Null).await;
    assert_eq!((&page.body["itemsPerPage"], &page.body["startIndex"]), (&json!(1), &json!(2)), "{page:?}");
    assert!(page.body["totalResults"].as_i64().unwrap() >= 4 && page.body["Resources"][0].get("active").is_none());

    let at = format!("Users/{zoe}");
    let renamed = ask(directory, "PATCH", &at, operation("Replace", "displayName", json!("Zoë"))).await;
    assert_eq!(renamed.body["displayName"], "Zoë", "{renamed:?}");
    let mut whole = body;
    whole["externalId"] = json!("4712");
    let replaced = ask(directory, "PUT", &at, whole).await;
    assert_eq!((&replaced.body["displayName"], &replaced.body["externalId"]), (&json!("Zoë Works"), &json!("4712")));
    assert_eq!(found("externalId eq \"4711\"").await, 0);
    for (wrong, kind) in [
        (operation("replace", "shoeSize", json!(7)), "invalidPath"),
        (operation("remove", "title", Json::Null), "mutability"),
        (operation("replace", "active", json!("perhaps")), "invalidValue"),
        (json!({ "Operations": 7 }), "invalidSyntax"),
    ] {
        refused(&ask(directory, "PATCH", &at, wrong).await, 400, Some(kind));
    }
    zoe
}

async fn who_may_not_ask_is_told_so(tenant: &Tenant, zoe: &str) {
    let nobody = tenant.rita.scim("GET", "Users").without("Authorization").send().await;
    refused(&nobody, 401, None);
    refused(&ask(&tenant.first.showing("dbk_aaaaaaaa_x"), "GET", "Users", Json::Null).await, 401, None);
    refused(&ask(&tenant.rita, "GET", "Users", Json::Null).await, 403, None);
    refused(
        &ask(&tenant.agent, "POST", "Users", json!({ "userName": "x@y.example", "displayName": "X" })).await,
        403,
        None,
    );
    let inactive = operation("replace", "active", json!(false));
    refused(&ask(&tenant.agent, "PATCH", &format!("Users/{zoe}"), inactive).await, 403, None);
    // SCIM has no form for a person without name and address, so who may not see these sees nobody.
    let asked = json!({ "name": "Half", "scopes": ["user:read", "group:read"], "expires_at": "2100-01-01T00:00:00Z" });
    let issued = tenant.first.sign_in("POST", "api-keys").body(asked.to_string()).send().await;
    let half = tenant.first.showing(text(&issued, "key"));
    for path in ["Users".to_owned(), format!("Users/{zoe}")] {
        refused(&ask(&half, "GET", &path, Json::Null).await, 403, None);
    }
    assert_eq!(ask(&half, "GET", "Groups", Json::Null).await.status, 200);
    // Somebody else's is nobody's.
    let other = Tenant::begin(&tenant.system, "elsewhere").await;
    refused(&ask(&directory(&other).await, "GET", &format!("Users/{zoe}"), Json::Null).await, 404, None);
}

async fn members_come_and_go(directory: &Caller, tenant: &Tenant, zoe: &str) {
    let name = fresh("Night ");
    let body = json!({ "displayName": name, "externalId": "g1", "members": [{ "value": zoe }] });
    let made = ask(directory, "POST", "Groups", body.clone()).await;
    let at = format!("Groups/{}", id(&made));
    let members = |answer: &Answer| -> Vec<String> {
        let members = answer.body["members"].as_array().unwrap_or_else(|| panic!("no members: {answer:?}"));
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(members(&made), [zoe]);
    refused(&ask(directory, "POST", "Groups", body).await, 409, Some("uniqueness"));
    let alba = tenant.agent.user.to_string();
    let added = ask(directory, "PATCH", &at, operation("add", "members", json!([{ "value": alba }]))).await;
    assert_eq!(members(&added).len(), 2);
    let stranger = json!([{ "value": uuid::Uuid::new_v4() }]);
    refused(&ask(directory, "PATCH", &at, operation("add", "members", stranger)).await, 400, Some("invalidValue"));
    let one = format!("members[value eq \"{zoe}\"]");
    assert_eq!(members(&ask(directory, "PATCH", &at, operation("remove", &one, Json::Null)).await), [alba]);
    let found =
        ask(directory, "GET", "Groups?filter=externalId%20eq%20%22g1%22&excludedAttributes=members", Json::Null).await;
    assert_eq!(
        (&found.body["totalResults"], found.body["Resources"][0].get("members")),
        (&json!(1), None),
        "{found:?}"
    );
    let replaced = json!({ "displayName": format!("{name}s"), "members": [] });
    let replaced = ask(directory, "PUT", &at, replaced).await;
    assert!(members(&replaced).is_empty() && replaced.body.get("externalId").is_none(), "{replaced:?}");
    assert_eq!(ask(directory, "DELETE", &at, Json::Null).await.status, 204);
    refused(&ask(directory, "GET", &at, Json::Null).await, 404, None);
}

async fn who_leaves_is_out(directory: &Caller, tenant: &Tenant, zoe: &str, address: &str) {
    let door = Door { caller: tenant.rita.clone(), tenant: tenant.clone(), email: address.to_owned() };
    door.first_password(PASSWORD).await;
    let (herself, _) = door.signed_in(PASSWORD, &[]).await;
    let at = format!("Users/{zoe}");
    let since = Instant::now();
    // As one of the great directories writes it.
    let left = ask(directory, "PATCH", &at, operation("Replace", "active", json!("False"))).await;
    assert_eq!(left.body["active"], false, "{left:?}");
    over_everywhere(since, &herself).await;
    door.login(PASSWORD, &[]).send().await.refused(401, "INVALID_CREDENTIALS");
    let again = json!({ "userName": address, "displayName": "Zoë" });
    refused(&ask(directory, "POST", "Users", again).await, 409, Some("uniqueness"));
    let back =
        ask(directory, "PATCH", &at, json!({ "Operations": [{ "op": "replace", "value": { "active": true } }] })).await;
    assert_eq!(back.body["active"], true, "{back:?}");
    door.signed_in(PASSWORD, &[]).await;
    assert_eq!(ask(directory, "DELETE", &at, Json::Null).await.status, 204);
    refused(&ask(directory, "GET", &at, Json::Null).await, 404, None);
    refused(&ask(directory, "DELETE", &at, Json::Null).await, 404, None);
    door.login(PASSWORD, &[]).send().await.refused(401, "INVALID_CREDENTIALS");
}
