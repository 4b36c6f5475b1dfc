//! Scenarios of accounts that nobody can sign in with.

use super::*;
use crate::{ApiKey, Session, session};

const PHONE: Ref<Session> = Ref::new(Uuid::from_u128(0x51));
const LAPTOP: Ref<Session> = Ref::new(Uuid::from_u128(0x52));
const KEY: Ref<ApiKey> = Ref::new(Uuid::from_u128(0x6e));

fn sign_in(book: &mut Scenario, session: Ref<Session>) -> String {
    said(&book.give(session, "login", json!({ "user": ANN.id(), "method": "password", "amr": ["pwd"] })))
}

fn fail(book: &mut Scenario) -> String {
    book.after(60);
    said(&book.give(ANN, "fail_login", json!({ "ip": "192.0.2.7" })))
}

#[test]
fn the_fifth_failure_in_15_minutes_locks_for_15_minutes() {
    let mut book = registered();
    assert_eq!(sign_in(&mut book, PHONE), "user.logged_in");
    for _ in 0..4 {
        assert_eq!(fail(&mut book), "user.login_failed");
    }
    assert_eq!(fail(&mut book), "user.login_failed user.locked session.revoked");
    assert_eq!(book.state(ANN).unwrap().status, Status::Locked);
    assert_eq!(book.state(PHONE).unwrap().status, session::Status::Ended);
    assert_eq!(fail(&mut book), "", "who is locked out cannot fail");
    assert_eq!(sign_in(&mut book, LAPTOP), "CANNOT_SIGN_IN");
    book.after(14 * 60 - 1);
    assert_eq!(sign_in(&mut book, LAPTOP), "CANNOT_SIGN_IN");
    book.after(1);
    assert_eq!(sign_in(&mut book, LAPTOP), "user.logged_in user.unlocked");
    assert_eq!(fail(&mut book), "user.login_failed", "the count begins anew");
}

#[test]
fn failures_that_are_far_apart_lock_nobody() {
    let mut book = registered();
    for _ in 0..12 {
        book.after(3 * 60);
        assert_eq!(fail(&mut book), "user.login_failed");
    }
    assert!(book.state(ANN).unwrap().failed_sign_ins.len() <= 4);
    assert_eq!(fail(&mut book), "user.login_failed user.locked", "this is the fifth in 13 minutes");
    assert_eq!(book.state(ANN).unwrap().status, Status::Locked);
    book.after(15 * 60);
    assert_eq!(fail(&mut book), "user.unlocked user.login_failed");
}

#[test]
fn a_lock_by_hand_holds_until_it_is_lifted() {
    let mut book = registered();
    let why = json!({ "reason": "A laptop was stolen" });
    assert_eq!(sign_in(&mut book, PHONE), "user.logged_in");
    assert_eq!(said(&book.give(ANN, "lock", why.clone())), "user.locked session.revoked");
    assert_eq!(said(&book.give(ANN, "lock", why)), "");
    book.after(365 * 24 * 3_600);
    assert_eq!(sign_in(&mut book, LAPTOP), "CANNOT_SIGN_IN");
    assert_eq!(said(&book.give(ANN, "unlock", json!({}))), "user.unlocked");
    assert_eq!(sign_in(&mut book, LAPTOP), "user.logged_in");
}

#[test]
fn who_is_stopped_or_leaves_keeps_no_session_and_no_key() {
    for (command, body, event) in [
        ("suspend", json!({ "reason": "An inquiry" }), "user.suspended"),
        ("deactivate", json!({}), "user.deactivated"),
    ] {
        let mut book = registered();
        assert_eq!(sign_in(&mut book, PHONE), "user.logged_in");
        assert_eq!(sign_in(&mut book, LAPTOP), "user.logged_in");
        assert_eq!(said(&book.give(PHONE, "logout", json!({}))), "user.logged_out");
        book.by(ANN.id());
        let key = json!({ "name": "Script", "scopes": [], "expires_at": "2027-01-01T00:00:00Z", "secret": TOKEN });
        assert_eq!(said(&book.give(KEY, "issue", key)), "apikey.issued");
        let outcome = said(&book.give(ANN, command, body));
        assert_eq!(outcome, format!("{event} session.revoked apikey.revoked"), "only what is open ends");
        assert_eq!(said(&book.give(ANN, "reactivate", json!({}))), "user.reactivated");
    }
}
