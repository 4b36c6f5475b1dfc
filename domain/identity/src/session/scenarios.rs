//! Scenarios of a session.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::json;
use uuid::Uuid;

use super::{OPEN_MAX, Session, Status};
use crate::{Credential, IdentityProvider, User};

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));
const PHONE: Ref<Session> = Ref::new(Uuid::from_u128(2));

fn session(n: u128) -> Ref<Session> {
    Ref::new(Uuid::from_u128(0x100 + n))
}

fn sign_in(book: &mut Scenario, session: Ref<Session>) -> String {
    let sign_in = json!({
        "user": ANN.id(), "method": "password", "amr": ["pwd", "otp", "mfa"], "ip": "192.0.2.7", "device": "A phone",
    });
    said(&book.give(session, "login", sign_in))
}

fn signed_in() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert_eq!(sign_in(&mut book, PHONE), "UNKNOWN_USER");
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert_eq!(sign_in(&mut book, PHONE), "user.logged_in");
    book
}

fn refresh(book: &mut Scenario, generation: u32) -> String {
    said(&book.give(PHONE, "refresh", json!({ "generation": generation })))
}

#[test]
fn each_token_serves_once() {
    let mut book = signed_in();
    assert_eq!(refresh(&mut book, 1), "UNKNOWN_GENERATION");
    assert_eq!(refresh(&mut book, 0), "session.refreshed");
    assert_eq!(refresh(&mut book, 1), "session.refreshed");
    assert_eq!(refresh(&mut book, 0), "session.reuse_detected");
    let ended = book.state(PHONE).unwrap();
    assert!(ended.status == Status::Ended && ended.open_for.is_none() && ended.ended_for.is_some());
    assert_eq!(refresh(&mut book, 2), "INVALID_TRANSITION", "the thief and the person are both out");
}

#[test]
fn a_session_lasts_seven_days_from_when_it_was_kept_up() {
    const DAY: i64 = 24 * 3_600;
    let mut book = signed_in();
    book.after(6 * DAY);
    assert_eq!(refresh(&mut book, 0), "session.refreshed");
    book.after(7 * DAY - 1);
    assert_eq!(refresh(&mut book, 1), "session.refreshed");
    book.after(7 * DAY);
    assert_eq!(refresh(&mut book, 2), "SESSION_EXPIRED");
    assert_eq!(sign_in(&mut book, session(1)), "user.logged_in session.expired", "the next sign-in tidies up");
}

#[test]
fn a_session_that_is_kept_up_ends_after_30_days() {
    const DAY: i64 = 24 * 3_600;
    let mut book = signed_in();
    for generation in 0..5 {
        book.after(6 * DAY - 1);
        assert_eq!(refresh(&mut book, generation), "session.refreshed");
    }
    assert_eq!(book.state(PHONE).unwrap().expires_at, book.state(PHONE).unwrap().last_until);
    book.after(4);
    assert_eq!(refresh(&mut book, 5), "session.refreshed");
    book.after(1);
    assert_eq!(refresh(&mut book, 6), "SESSION_EXPIRED");
    assert_eq!(sign_in(&mut book, session(1)), "user.logged_in session.expired");
}

#[test]
fn what_ended_is_final() {
    let mut book = signed_in();
    assert_eq!(said(&book.give(PHONE, "logout", json!({}))), "user.logged_out");
    for (command, body) in [("logout", json!({})), ("revoke", json!({ "reason": "Lost" }))] {
        assert_eq!(said(&book.give(PHONE, command, body)), "INVALID_TRANSITION");
    }
    assert_eq!(sign_in(&mut book, PHONE), "ALREADY_EXISTS");
    assert_eq!(sign_in(&mut book, session(1)), "user.logged_in");
    assert_eq!(said(&book.give(session(1), "revoke", json!({ "reason": "Lost" }))), "session.revoked");
}

#[test]
fn open_sessions_have_an_end_in_number() {
    let mut book = signed_in();
    for n in 1..OPEN_MAX {
        assert_eq!(sign_in(&mut book, session(n as u128)), "user.logged_in");
    }
    assert_eq!(sign_in(&mut book, session(0xfff)), "TOO_MANY_SESSIONS");
    assert!(book.give(PHONE, "logout", json!({})).is_ok());
    assert_eq!(sign_in(&mut book, session(0xfff)), "user.logged_in");
}

#[test]
fn nobody_signs_in_with_an_account_that_is_not_in_use() {
    let mut book = signed_in();
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    let rejection = book.give(session(1), "login", json!({ "user": ANN.id(), "method": "oidc", "amr": ["fed"] }));
    assert_eq!(said(&rejection), "CANNOT_SIGN_IN");
}

#[test]
fn the_present_password_is_shown_and_the_second_factor_where_there_is_one() {
    let mut book = signed_in();
    let hers: Ref<Credential> = Ref::new(ANN.id());
    let secret = |n: u128| Uuid::from_u128(0x5ec0 + n);
    let shown = |book: &mut Scenario, n: u128, secret: Option<Uuid>, amr: &[&str]| {
        let sign_in = json!({ "user": ANN.id(), "method": "password", "amr": amr, "secret": secret });
        said(&book.give(session(n), "login", sign_in))
    };
    let give = |book: &mut Scenario, command: &str, body: serde_json::Value| said(&book.give(hers, command, body));
    assert_eq!(give(&mut book, "set_password", json!({ "secret": secret(0) })), "credential.password_set");
    assert_eq!(shown(&mut book, 1, None, &["pwd"]), "WRONG_PASSWORD");
    assert_eq!(shown(&mut book, 1, Some(secret(0)), &["pwd"]), "user.logged_in");
    assert!(book.give(hers, "change_password", json!({ "secret": secret(1) })).is_ok());
    assert_eq!(shown(&mut book, 2, Some(secret(0)), &["pwd"]), "WRONG_PASSWORD", "it was the password a moment before");
    assert_eq!(shown(&mut book, 2, Some(secret(1)), &["pwd"]), "user.logged_in");

    let totp = json!({ "method": "totp", "secret": secret(9) });
    assert_eq!(give(&mut book, "enable_mfa", totp), "credential.mfa_enrolment_started");
    assert_eq!(shown(&mut book, 3, Some(secret(1)), &["pwd"]), "user.logged_in", "nothing shows that it works yet");
    assert_eq!(give(&mut book, "verify_mfa", json!({ "step": 1, "recovery_codes": [] })), "credential.mfa_enabled");
    assert_eq!(shown(&mut book, 4, Some(secret(1)), &["pwd"]), "SECOND_FACTOR_REQUIRED");
    assert_eq!(shown(&mut book, 4, Some(secret(1)), &["pwd", "otp", "mfa"]), "user.logged_in");
    let alone = |book: &mut Scenario, secret: Option<Uuid>| {
        let sign_in = json!({ "user": ANN.id(), "method": "webauthn", "amr": ["hwk", "mfa"], "secret": secret });
        said(&book.give(session(6), "login", sign_in))
    };
    assert_eq!(alone(&mut book, Some(secret(9))), "WRONG_PASSKEY", "it has codes");
    let office: Ref<IdentityProvider> = Ref::new(Uuid::from_u128(9));
    let described =
        json!({ "name": "Office", "protocol": "oidc", "endpoint": "https://id.example.org", "client": "daybook" });
    for (command, body) in [("configure", described), ("test", json!({ "passed": true })), ("enable", json!({}))] {
        assert!(book.give(office, command, body).is_ok());
    }
    let elsewhere = json!({ "user": ANN.id(), "method": "oidc", "amr": ["fed"], "provider": office.id() });
    assert_eq!(said(&book.give(session(5), "login", elsewhere)), "user.logged_in", "another provider has asked");
}

#[test]
fn a_passkey_serves_alone_while_it_is_the_one_that_the_person_has() {
    let mut book = signed_in();
    let hers: Ref<Credential> = Ref::new(ANN.id());
    let secret = |n: u128| Uuid::from_u128(0x5ec0 + n);
    let shown = |book: &mut Scenario, n: u128, secret: Option<Uuid>| {
        let sign_in = json!({ "user": ANN.id(), "method": "webauthn", "amr": ["swk", "mfa"], "secret": secret });
        said(&book.give(session(n), "login", sign_in))
    };
    assert_eq!(shown(&mut book, 1, Some(secret(1))), "WRONG_PASSKEY", "there is none");
    assert!(book.give(hers, "set_password", json!({ "secret": secret(0) })).is_ok());
    for n in [1, 2] {
        let factor = json!({ "method": "webauthn", "secret": secret(n) });
        assert!(book.give(hers, "enable_mfa", factor).is_ok());
        assert_ne!(shown(&mut book, 2, Some(secret(n))), "user.logged_in", "nothing shows that it works yet");
        assert!(book.give(hers, "verify_mfa", json!({ "recovery_codes": [] })).is_ok());
        assert_eq!(shown(&mut book, 10 + n, Some(secret(n))), "user.logged_in");
    }
    assert_eq!(shown(&mut book, 20, Some(secret(1))), "WRONG_PASSKEY", "another has replaced it");
    assert_eq!(shown(&mut book, 20, None), "WRONG_PASSKEY");
    let beside = json!({ "user": ANN.id(), "method": "password", "amr": ["pwd", "swk", "mfa"], "secret": secret(0) });
    assert_eq!(said(&book.give(session(21), "login", beside)), "user.logged_in", "it is a second factor too");
    assert!(book.give(hers, "disable_mfa", json!({})).is_ok());
    assert_eq!(shown(&mut book, 22, Some(secret(2))), "WRONG_PASSKEY");
}
