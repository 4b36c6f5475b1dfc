//! Access: an address is of one account though nobody sees by what it is known, and nobody gives what they do not have.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, System, Tenant, fresh};

/// The built-in role whose id ends with these two digits.
fn built_in(end: &str) -> Json {
    json!({ "role": format!("00000000-0000-8000-8000-0000000000{end}") })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_address_is_of_one_account_and_its_index_is_shown_to_nobody() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "access").await;
    let email = format!("{}@desk.example", fresh("Zoe"));
    let zoe = json!({ "name": "Zoë", "email": email });
    let again = json!({ "name": "Zoë", "email": email.to_uppercase() });
    let first = tenant.admin.give("users", zoe).await;
    let taken = tenant.admin.post("users", again.clone()).send().await;
    assert_eq!(taken.refused(409, "NOT_UNIQUE").fields(), ["email"]);
    let claimed = json!({ "name": "Zoë", "email": "z@desk.example", "email_index": "00".repeat(32) });
    let claimed = tenant.admin.post("users", claimed).send().await;
    assert_eq!(claimed.refused(400, "VALIDATION_ERROR").fields(), ["email_index"]);

    // Out of use it gives the address free; in another tenant it was never taken.
    tenant.admin.give(&format!("users/{}/deactivate", first.id), json!({})).await;
    let second = tenant.admin.give("users", again.clone()).await;
    let back = tenant.admin.post(&format!("users/{}/reactivate", first.id), json!({})).send().await;
    back.refused(409, "NOT_UNIQUE");
    let other = Tenant::begin(&system, "access").await;
    let elsewhere = other.admin.give("users", again).await;

    // Equal within the tenant, another in the other one, and in no answer.
    let read = tenant.admin.read(&format!("users/{}", second.id), &second.position).await;
    other.admin.read(&format!("users/{}", elsewhere.id), &elsewhere.position).await;
    let ids = [first.id, second.id, elsewhere.id].map(|id| format!("'{id}'")).join(", ");
    let rows = system
        .postgres(&format!("SELECT tenant, email_index FROM identity.users WHERE id IN ({ids}) ORDER BY 1"))
        .await;
    let of = |id: Uuid| -> Vec<&str> {
        rows.iter().filter(|row| row[0] == id.to_string()).map(|row| row[1].as_str()).collect()
    };
    let (ours, theirs) = (of(tenant.id), of(other.id));
    assert!(ours.len() == 2 && ours[0] == ours[1] && ours[0].len() == 64, "{rows:?}");
    assert!(theirs.len() == 1 && theirs[0] != ours[0], "{rows:?}");
    let user = format!("users/{}", second.id);
    let mut answers = vec![read];
    for path in [format!("{user}/timeline"), format!("{user}?as_of=2100-01-01T00:00:00Z"), "users".to_owned()] {
        answers.push(tenant.admin.read(&path, &second.position).await);
    }
    let search = format!("search?q={}", email.split('@').next().unwrap());
    answers.push(tenant.admin.read(&search, &second.position).await);
    for answer in &answers {
        let text = answer.to_string();
        assert!(text.contains(&second.id.to_string()) || text.contains("user.registered"), "{text}");
        assert!(!text.contains(ours[0]) && !text.contains("email_index"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn nobody_gives_what_they_do_not_have() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "access").await;
    let assign = |user: Uuid| format!("users/{user}/assign_role");
    let rita = tenant.rita.user;
    // Whoever sets the organisation up has no account in it: that was enough for its first admin, and is for nothing else.
    tenant.admin.post(&assign(rita), built_in("0e")).send().await.refused(403, "NOT_GRANTABLE");
    tenant.admin.post(&assign(rita), built_in("02")).send().await.refused(403, "NOT_GRANTABLE");

    let alba = &tenant.first;
    let held = alba.give(&assign(rita), built_in("0e")).await;
    alba.post(&assign(rita), built_in("01")).send().await.refused(403, "PLATFORM_ONLY");
    let leave = alba.post(&format!("users/{}/deactivate", alba.user), json!({})).send().await;
    leave.refused(409, "LAST_ADMIN");
    let shown = alba.read(&format!("users/{rita}"), &held.position).await;
    assert_eq!(shown["roles"][1]["role"], built_in("0e")["role"], "beside what she had");
    let told = alba.read(&format!("users/{rita}/timeline"), &held.position).await;
    assert!(told.to_string().contains("\"role.assigned\""), "{told}");

    // A role of the organisation's own, from permissions that there are.
    let role = |permission: &str| json!({ "name": "Night shift", "scope": "org", "permissions": [permission] });
    let unheard = alba.post("roles", role("incident:unheard_of")).send().await;
    assert_eq!(unheard.refused(422, "UNKNOWN_PERMISSION").fields(), ["permissions"]);
    let role = alba.give("roles", role("incident:read")).await;
    alba.give(&assign(rita), json!({ "role": role.id })).await;
    alba.post(&format!("roles/{}/retire", role.id), json!({})).send().await.refused(409, "STILL_ASSIGNED");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_token_that_comes_twice_ends_the_session() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "access").await;
    let door = Caller::with_roles(&system, &tenant.id.to_string(), Uuid::new_v4(), &["sign-in"]).await;
    let rita = tenant.rita.user;
    let secret = |n: u128| json!({ "secret": Uuid::from_u128(n) });
    door.post("credentials", secret(1)).send().await.refused(404, "NOT_FOUND");
    door.give(&format!("credentials/{rita}/set_password"), secret(1)).await;
    let mut sign_in = json!({ "user": rita, "method": "password", "amr": ["pwd"], "ip": "192.0.2.7" });
    let unshown = door.post("sessions", sign_in.clone()).send().await;
    assert_eq!(unshown.refused(403, "WRONG_PASSWORD").fields(), ["secret"]);
    sign_in["secret"] = secret(1)["secret"].clone();
    let [stolen, other] = [door.give("sessions", sign_in.clone()).await, door.give("sessions", sign_in).await];
    let refresh = format!("sessions/{}/refresh", stolen.id);
    for version in [2, 3] {
        assert_eq!(door.give(&refresh, json!({ "generation": 0 })).await.version, version);
    }
    door.post(&refresh, json!({ "generation": 1 })).send().await.refused(409, "INVALID_TRANSITION");
    let changed = door.give(&format!("credentials/{rita}/change_password"), secret(2)).await;
    for session in [stolen, other] {
        let path = format!("sessions/{}", session.id);
        let ended = tenant.admin.read(&path, &changed.position).await;
        assert_eq!((ended["status"].as_str(), ended["ip"].as_str()), (Some("ended"), Some("192.0.2.7")), "{ended}");
        // A service has no need of it.
        assert_eq!(door.read(&path, &changed.position).await["ip"], json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_account_and_its_roles_have_names_of_their_own() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "names").await;
    let put = |caller: &Caller, body: Json| caller.method("PUT", "users/me", body);
    let position = put(&tenant.first, json!({ "name": "Fee F." })).accepted().await.position;
    let told = tenant.first.read("users/me", &position).await;
    assert_eq!((&told["name"], &told["id"]), (&json!("Fee F."), &json!(tenant.first.user)));
    // Who may not read accounts is told who they are by sign-in alone.
    put(&tenant.rita, json!({ "name": "Rita R." })).send().await.refused(403, "FORBIDDEN");
    let nobody = Caller::with_roles(&system, &tenant.id.to_string(), Uuid::new_v4(), &["admin"]).await;
    nobody.get("users/me").send().await.refused(404, "NOT_FOUND");
    put(&nobody, json!({ "name": "Nobody" })).send().await.refused(404, "NOT_FOUND");

    let (rita, analyst) = (tenant.rita.user, "00000000-0000-8000-8000-000000000004");
    let roles = format!("users/{rita}/roles");
    let held = |permissions: &Json| {
        let items = permissions["items"].as_array().unwrap();
        items.iter().filter(|item| item["role"] == analyst).count()
    };
    let asked = format!("users/{rita}/permissions");
    tenant.rita.post(&roles, json!({ "role": analyst })).send().await.refused(403, "FORBIDDEN");
    let given = tenant.first.give(&roles, json!({ "role": analyst })).await;
    let told = tenant.rita.read(&asked, &given.position).await;
    assert!(held(&told) > 0, "{told}");
    assert_eq!(tenant.first.read(&asked, &given.position).await, told);
    tenant.agent.get(&asked).send().await.refused(403, "FORBIDDEN");
    let stranger = Tenant::begin(&system, "names").await;
    stranger.first.get(&asked).send().await.refused(404, "NOT_FOUND");

    let take = |caller: &Caller| caller.method("DELETE", &format!("{roles}/{analyst}"), json!({}));
    take(&tenant.rita).send().await.refused(403, "FORBIDDEN");
    let taken = take(&tenant.first).send().await.receipt().position;
    assert_eq!(held(&tenant.rita.read(&asked, &taken).await), 0);
    tenant.first.method("DELETE", &format!("{roles}/nothing"), json!({})).send().await.refused(400, "VALIDATION_ERROR");
}
