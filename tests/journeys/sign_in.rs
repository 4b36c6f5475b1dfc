//! Sign-in: from a mail to a token, and from the end of a session to its being over everywhere.

use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{
    Caller, System, Tenant,
    door::{Door, text},
    eventually, fresh,
    journal::Journal,
};

/// How soon the end of a session is known everywhere.
const OVER: Duration = Duration::from_secs(5);

const PASSWORD: &str = "a lift between two floors";
const ANOTHER: &str = "zwölf Treppen ohne Aufzug";

/// The code that an authenticator app shows `steps` from now (RFC 6238).
fn code(secret: &str, steps: i64) -> String {
    let letters = secret.bytes().map(|letter| match letter {
        b'A'..=b'Z' => letter - b'A',
        digit => digit - b'2' + 26,
    });
    let bits: Vec<u8> = letters.flat_map(|five| (0..5).rev().map(move |place| five >> place & 1)).collect();
    let seed: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let step = i64::try_from(now / 30).unwrap() + steps;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &seed), &step.to_be_bytes());
    let tag = tag.as_ref();
    let place = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[place..place + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Insists that a token is refused by every service within [`OVER`] from then on.
pub async fn over_everywhere(since: Instant, caller: &Caller) {
    let asked = [caller.post("incidents", json!({})), caller.get("incidents"), caller.sign_in("GET", "me")];
    for ask in asked {
        loop {
            let answer = ask.send().await;
            if answer.status == 401 {
                answer.refused(401, "UNAUTHENTICATED");
                break;
            }
            assert!(since.elapsed() < OVER, "still answered after {:?}: {answer:?}", since.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn from_a_mail_to_a_token_and_to_its_end() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "door").await;
    let email = format!("{}@door.example", fresh("zoe"));
    let door = Door { caller: tenant.rita.clone(), tenant, email };
    let user = an_account_comes_from_a_mail(&door).await;
    a_token_serves_everywhere_and_a_copied_one_nowhere(&door, user).await;
    a_forgotten_password_is_replaced(&door).await;
    let recovery = a_second_factor_is_shown_once_each_time(&door).await;
    a_key_is_shown_once_and_taken_back(&door, &recovery[1]).await;
    who_guesses_is_locked_out(&door, &recovery[2..4]).await;
    nothing_secret_is_in_the_journal(&door).await;
}

async fn an_account_comes_from_a_mail(door: &Door) -> Uuid {
    let asked = json!({ "organization": door.tenant.id, "email": door.email, "name": "Zoë" });
    assert_eq!(door.ask("register", asked.clone()).send().await.status, 202);
    let token = door.mailed("dbv").await;
    let verify =
        |token: &str, password: &str| door.ask("verify-email", json!({ "token": token, "password": password }));
    let weak = verify(&token, "iloveyou2026!!").send().await;
    assert_eq!(weak.refused(400, "VALIDATION_ERROR").fields(), ["password"]);
    door.login(PASSWORD, &[]).send().await.refused(401, "INVALID_CREDENTIALS");
    let verified = verify(&token, PASSWORD).send().await;
    assert_eq!(verified.status, 200, "{verified:?}");
    verify(&token, PASSWORD).send().await.refused(422, "WRONG_TOKEN");
    // Asked once more, the answer is the same, and the mail is another.
    assert_eq!(door.ask("register", asked).send().await.status, 202);
    text(&verified, "user").parse().unwrap()
}

async fn a_token_serves_everywhere_and_a_copied_one_nowhere(door: &Door, user: Uuid) {
    let (stranger, _) = door.signed_in(PASSWORD, &[]).await;
    stranger.get("incidents").send().await.refused(403, "FORBIDDEN");
    let role = json!({ "role": "00000000-0000-8000-8000-000000000002" });
    let held = door.tenant.first.give(&format!("users/{user}/assign_role"), role).await;
    door.tenant.admin.read(&format!("users/{user}"), &held.position).await;

    let (zoe, first) = door.signed_in(PASSWORD, &[]).await;
    eventually("a role that was given is seen by readers", 5, async || match zoe.get("incidents").send().await {
        answer if answer.status == 200 => Ok(()),
        answer => Err(format!("{answer:?}")),
    })
    .await;
    let receipt = zoe.give("incidents", door.tenant.report("The lift is stuck")).await;
    let read = zoe.read(&format!("incidents/{}", receipt.id), &receipt.position).await;
    assert_eq!(read["short_description"], "The lift is stuck");
    let me = zoe.sign_in("GET", "me").answered().await;
    assert_eq!((me["user"].as_str(), me["mfa_enabled"].as_bool()), (Some(user.to_string().as_str()), Some(false)));
    assert!(me["roles"].as_array().unwrap().contains(&json!("Organization Admin")), "{me}");
    let open = async || match zoe.sign_in("GET", "sessions").answered().await["items"].as_array().map(Vec::len) {
        Some(2) => Ok(()),
        other => Err(format!("{other:?} sessions")),
    };
    eventually("both sessions are shown", 5, open).await;

    let refresh = |token: &str| door.ask("refresh", json!({ "refresh_token": token }));
    let next = refresh(&first).send().await;
    let second = text(&next, "refresh_token").to_owned();
    let zoe = zoe.showing(text(&next, "access_token"));
    zoe.read("incidents", &receipt.position).await;
    // Whoever copied the first one and shows it ends it for both.
    let since = Instant::now();
    refresh(&first).send().await.refused(401, "TOKEN_REUSED");
    over_everywhere(since, &zoe).await;
    refresh(&second).send().await.refused(401, "SESSION_ENDED");
    refresh("dbr_made-up").send().await.refused(401, "SESSION_ENDED");

    // Signed out is signed out; another session goes on.
    let (other, _) = door.signed_in(PASSWORD, &[]).await;
    let (zoe, last) = door.signed_in(PASSWORD, &[]).await;
    let since = Instant::now();
    assert_eq!(zoe.sign_in("POST", "logout").send().await.status, 204);
    over_everywhere(since, &zoe).await;
    refresh(&last).send().await.refused(401, "SESSION_ENDED");
    other.get("incidents").answered().await;
}

async fn a_forgotten_password_is_replaced(door: &Door) {
    let (zoe, _) = door.signed_in(PASSWORD, &[]).await;
    let forgotten = json!({ "organization": door.tenant.id, "email": door.email.to_uppercase() });
    assert_eq!(door.ask("forgot-password", forgotten).send().await.status, 202);
    let nobody = json!({ "organization": "nowhere", "email": "nobody@door.example" });
    assert_eq!(door.ask("forgot-password", nobody).send().await.status, 202);
    let token = door.mailed("dbp").await;
    let reset = |password: &str| door.ask("reset-password", json!({ "token": token, "password": password }));
    reset(PASSWORD).send().await.refused(422, "PASSWORD_REUSED");
    let since = Instant::now();
    assert_eq!(reset(ANOTHER).send().await.status, 200);
    over_everywhere(since, &zoe).await;
    reset("a third one, and long").send().await.refused(422, "WRONG_TOKEN");
    door.login(PASSWORD, &[]).send().await.refused(401, "INVALID_CREDENTIALS");

    // The letters of a password may be composed in one way or the other.
    let (zoe, _) = door.signed_in(&ANOTHER.replace('ö', "o\u{308}"), &[]).await;
    let change = |from: &str, to: &str| {
        zoe.sign_in("POST", "change-password").body(json!({ "password": from, "new_password": to }).to_string())
    };
    change(PASSWORD, "a third one, and long").send().await.refused(403, "WRONG_PASSWORD");
    change(ANOTHER, PASSWORD).send().await.refused(422, "PASSWORD_REUSED");
}

/// The recovery codes; the first is used.
async fn a_second_factor_is_shown_once_each_time(door: &Door) -> Vec<String> {
    let (zoe, _) = door.signed_in(ANOTHER, &[]).await;
    let ask = |path: &str, body: Json| zoe.sign_in("POST", path).body(body.to_string());
    let enabled = ask("mfa/enable", json!({ "password": ANOTHER })).send().await;
    let secret = text(&enabled, "secret").to_owned();
    ask("mfa/verify", json!({ "code": "000000" })).send().await.refused(422, "WRONG_CODE");
    let verified = ask("mfa/verify", json!({ "code": code(&secret, 0) })).send().await;
    let codes: Vec<String> = serde_json::from_value(verified.body["recovery_codes"].clone()).unwrap();

    door.login(ANOTHER, &[]).send().await.refused(401, "SECOND_FACTOR_REQUIRED");
    let shown = code(&secret, 1);
    let with = door.signed_in(ANOTHER, &[("code", &shown)]).await;
    a_policy_asks_for_a_second_factor(door, &zoe, with).await;
    door.login(ANOTHER, &[("code", &shown)]).send().await.refused(401, "CODE_REUSED");
    door.signed_in(ANOTHER, &[("recovery_code", &codes[0].to_uppercase())]).await;
    door.login(ANOTHER, &[("recovery_code", &codes[0])]).send().await.refused(401, "INVALID_CREDENTIALS");
    codes
}

/// Of two sessions of one person, the policy lets one do it: by commands and questions alike. A program has shown nothing.
async fn a_policy_asks_for_a_second_factor(door: &Door, without: &Caller, with: (Caller, String)) {
    let (with, refresh) = with;
    let key = json!({ "name": "Script", "scopes": ["incident:read", "incident:report"], "expires_at": "2100-01-01T00:00:00Z" });
    let issued = with.sign_in("POST", "api-keys").body(key.to_string()).send().await;
    let shown = json!({ "grant_type": "client_credentials", "client_secret": text(&issued, "key") });
    let program = door.caller.showing(text(&door.ask("token", shown).send().await, "access_token"));
    let refreshed = door.ask("refresh", json!({ "refresh_token": refresh })).send().await;
    let refreshed = door.caller.showing(text(&refreshed, "access_token"));

    let report = door.tenant.report("The lift is stuck");
    let incident = program.give("incidents", report.clone()).await;
    let path = format!("incidents/{}", incident.id);
    let everybody = [without, &program, &with, &refreshed];
    for caller in everybody {
        caller.read(&path, &incident.position).await;
    }
    let case = json!({ "permission": "incident:read", "given": ["no_second_factor"], "expect": "forbidden" });
    let policy = json!({
        "name": "Two factors", "effect": "forbid", "permissions": ["incident:read", "incident:report"],
        "when": ["no_second_factor"], "cases": [case],
    });
    let policy = door.tenant.admin.give("access-policies", policy).await.id;
    let active = door.tenant.first.give(&format!("access-policies/{policy}/activate"), json!({})).await;
    for caller in [without, &program] {
        caller.get(&path).position(&active.position).send().await.refused(403, "FORBIDDEN");
        caller.post("incidents", report.clone()).send().await.refused(403, "FORBIDDEN");
        let why = caller.get("access/why?permission=incident:read").position(&active.position).answered().await;
        assert_eq!(why["reason"]["code"], "POLICY_FORBIDS", "{why}");
    }
    for caller in [&with, &refreshed] {
        caller.read(&path, &active.position).await;
        caller.give("incidents", report.clone()).await;
    }
    let retired = door.tenant.first.give(&format!("access-policies/{policy}/retire"), json!({})).await;
    for caller in everybody {
        caller.read(&path, &retired.position).await;
    }
}

async fn a_key_is_shown_once_and_taken_back(door: &Door, recovery: &str) {
    let (zoe, _) = door.signed_in(ANOTHER, &[("recovery_code", recovery)]).await;
    let request = |scope: &str| json!({ "name": "Script", "scopes": [scope], "expires_at": "2100-01-01T00:00:00Z" });
    let issue = |scope: &str| zoe.sign_in("POST", "api-keys").body(request(scope).to_string());
    issue("organization:suspend").send().await.refused(403, "NOT_GRANTABLE");
    let issued = issue("incident:read").send().await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let (id, key, prefix) = (text(&issued, "id"), text(&issued, "key"), text(&issued, "prefix"));
    let found = zoe.sign_in("GET", &format!("api-keys?prefix={}", &prefix[..8])).answered().await;
    assert_eq!(found["items"][0]["id"], id);
    assert!(!found.to_string().contains(key));

    let form = format!("grant_type=client_credentials&client_secret={key}");
    let exchange = |form: &str| {
        door.ask("token", json!({})).body(form).header("Content-Type", "application/x-www-form-urlencoded")
    };
    let granted = exchange(&form).send().await;
    let script = door.caller.showing(text(&granted, "access_token"));
    assert!(granted.body.get("refresh_token").is_none());
    script.get("incidents").answered().await;
    script.post("incidents", json!({})).send().await.refused(403, "FORBIDDEN");
    exchange(&format!("{form}x")).send().await.refused(401, "INVALID_CLIENT");

    let since = Instant::now();
    zoe.give(&format!("api-keys/{id}/revoke"), json!({ "reason": "Lost" })).await;
    over_everywhere(since, &script).await;
    exchange(&form).send().await.refused(401, "INVALID_CLIENT");
}

async fn who_guesses_is_locked_out(door: &Door, recovery: &[String]) {
    let (zoe, _) = door.signed_in(ANOTHER, &[("recovery_code", &recovery[0])]).await;
    for n in 0..5 {
        door.login(&format!("guess number {n}"), &[]).send().await.refused(401, "INVALID_CREDENTIALS");
    }
    over_everywhere(Instant::now(), &zoe).await;
    let locked = door.login(ANOTHER, &[("recovery_code", &recovery[1])]).send().await;
    locked.refused(403, "CANNOT_SIGN_IN");
    // Nobody learns from the time whether there is such an account.
    let took = async |email: &str| {
        let begun = Instant::now();
        let body = json!({ "organization": door.tenant.id, "email": email, "password": "guess" });
        door.ask("login", body).send().await.refused(401, "INVALID_CREDENTIALS");
        begun.elapsed()
    };
    assert!(took("nobody@door.example").await >= Duration::from_millis(300));
    assert!(took(&door.email).await >= Duration::from_millis(300));
}

async fn nothing_secret_is_in_the_journal(door: &Door) {
    let journal = Journal::read(&door.tenant.system, "journal.identity").await;
    let ours = journal.of(door.tenant.id);
    let entries: Vec<_> = ours.into_iter().collect();
    assert!(entries.len() > 20, "only {}", entries.len());
    for entry in entries {
        let text = String::from_utf8_lossy(&entry.value);
        for secret in [PASSWORD, ANOTHER, "argon2", "dbr_", "dbv_", "dbp_", "dbk_"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
