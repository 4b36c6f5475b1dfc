//! Scenarios of a credential.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Credential, Status};
use crate::{Session, User};

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));
const HERS: Ref<Credential> = Ref::new(Uuid::from_u128(1));
const PHONE: Ref<Session> = Ref::new(Uuid::from_u128(2));

/// The id under which the vault keeps something.
fn secret(n: u128) -> Uuid {
    Uuid::from_u128(0x5ec0 + n)
}

fn give(book: &mut Scenario, command: &str, body: Json) -> String {
    said(&book.give(HERS, command, body))
}

fn set() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert_eq!(give(&mut book, "set_password", json!({ "secret": secret(0) })), "UNKNOWN_USER");
    assert!(book.give(ANN, "register", json!({ "email": "ann@example.org", "name": "Ann" })).is_ok());
    assert_eq!(give(&mut book, "set_password", json!({ "secret": secret(0) })), "credential.password_set");
    let sign_in = json!({ "user": ANN.id(), "method": "password", "amr": ["pwd"], "secret": secret(0) });
    assert_eq!(said(&book.give(PHONE, "login", sign_in)), "user.logged_in");
    book
}

fn status(book: &Scenario) -> Status {
    book.state(HERS).unwrap().status
}

/// With codes that change with the time, the one of step 100 shown, and two recovery codes.
fn with_codes() -> Scenario {
    let mut book = set();
    let factor = json!({ "method": "totp", "secret": secret(50) });
    assert_eq!(give(&mut book, "enable_mfa", factor), "credential.mfa_enrolment_started");
    assert_eq!(status(&book), Status::MfaEnrolling);
    assert_eq!(give(&mut book, "verify_mfa", json!({ "recovery_codes": [] })), "WRONG_PROOF");
    let proof = json!({ "step": 100, "recovery_codes": [secret(60), secret(61)] });
    assert_eq!(give(&mut book, "verify_mfa", proof), "credential.mfa_enabled");
    assert_eq!(status(&book), Status::MfaEnabled);
    book
}

#[test]
fn another_password_ends_every_session() {
    let mut book = set();
    let outcome = give(&mut book, "change_password", json!({ "secret": secret(1) }));
    assert_eq!(outcome, "credential.password_changed session.revoked");
    assert!(book.state(PHONE).unwrap().open_for.is_none());
}

#[test]
fn the_last_five_passwords_do_not_come_again() {
    let mut book = set();
    for n in 1..=5 {
        assert_eq!(give(&mut book, "change_password", json!({ "secret": secret(n - 1) })), "PASSWORD_REUSED");
        assert!(give(&mut book, "change_password", json!({ "secret": secret(n) })).starts_with("credential."));
    }
    assert_eq!(give(&mut book, "change_password", json!({ "secret": secret(1) })), "PASSWORD_REUSED");
    assert_eq!(give(&mut book, "change_password", json!({ "secret": secret(0) })), "credential.password_changed");
}

#[test]
fn a_forgotten_password_is_replaced_once_within_30_minutes() {
    let mut book = set();
    let replace = |token: u128, n: u128| json!({ "token": secret(token), "secret": secret(n) });
    assert_eq!(give(&mut book, "forgot_password", json!({ "token": secret(70) })), "credential.reset_requested");
    assert_eq!(give(&mut book, "reset_password", replace(71, 1)), "WRONG_TOKEN");
    assert_eq!(give(&mut book, "reset_password", replace(70, 0)), "PASSWORD_REUSED");
    book.after(30 * 60);
    assert_eq!(give(&mut book, "reset_password", replace(70, 1)), "TOKEN_EXPIRED");
    assert_eq!(give(&mut book, "forgot_password", json!({ "token": secret(72) })), "credential.reset_requested");
    assert_eq!(give(&mut book, "reset_password", replace(70, 1)), "WRONG_TOKEN", "only the last one serves");
    book.after(30 * 60 - 1);
    assert_eq!(give(&mut book, "reset_password", replace(72, 1)), "credential.password_reset session.revoked");
    assert_eq!(give(&mut book, "reset_password", replace(72, 2)), "INVALID_TRANSITION");
}

#[test]
fn who_knows_the_password_is_not_kept_out_by_a_request_of_others() {
    let mut book = with_codes();
    assert!(book.give(HERS, "forgot_password", json!({ "token": secret(70) })).is_ok());
    assert_eq!(status(&book), Status::ResetPending);
    assert_eq!(give(&mut book, "accept_code", json!({ "step": 101 })), "credential.code_accepted");
    let outcome = give(&mut book, "change_password", json!({ "secret": secret(1) }));
    assert_eq!(outcome, "credential.password_changed session.revoked");
    assert_eq!(status(&book), Status::MfaEnabled, "and the token is of no use any more");
}

#[test]
fn no_code_is_accepted_twice() {
    let mut book = with_codes();
    for (step, outcome) in [
        (100, "CODE_REUSED"),
        (101, "credential.code_accepted"),
        (101, "CODE_REUSED"),
        (99, "CODE_REUSED"),
        (103, "credential.code_accepted"),
        (102, "CODE_REUSED"),
    ] {
        assert_eq!(give(&mut book, "accept_code", json!({ "step": step })), outcome, "step {step}");
    }
}

#[test]
fn a_recovery_code_is_used_once() {
    let mut book = with_codes();
    let code = json!({ "code": secret(60) });
    assert_eq!(give(&mut book, "use_recovery_code", code.clone()), "credential.recovery_code_used");
    assert_eq!(give(&mut book, "use_recovery_code", code), "UNKNOWN_RECOVERY_CODE");
    assert_eq!(give(&mut book, "use_recovery_code", json!({ "code": secret(9) })), "UNKNOWN_RECOVERY_CODE");
}

#[test]
fn a_passkey_has_no_codes() {
    let mut book = with_codes();
    assert_eq!(give(&mut book, "disable_mfa", json!({})), "credential.mfa_disabled");
    assert_eq!(give(&mut book, "use_recovery_code", json!({ "code": secret(60) })), "INVALID_TRANSITION");
    let factor = json!({ "method": "webauthn", "secret": secret(51) });
    assert_eq!(give(&mut book, "enable_mfa", factor), "credential.mfa_enrolment_started");
    assert_eq!(give(&mut book, "verify_mfa", json!({ "step": 7, "recovery_codes": [] })), "WRONG_PROOF");
    assert_eq!(give(&mut book, "verify_mfa", json!({ "recovery_codes": [] })), "credential.mfa_enabled");
    assert_eq!(give(&mut book, "accept_code", json!({ "step": 101 })), "NO_CODES");
}
