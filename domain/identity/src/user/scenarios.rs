//! Scenarios of a user.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Status, User};

mod erasure;
mod roles;
mod sign_in;

const ANN: Ref<User> = Ref::new(Uuid::from_u128(1));
const BEN: Ref<User> = Ref::new(Uuid::from_u128(2));
const TOKEN: Uuid = Uuid::from_u128(0x70);

fn person(name: &str) -> Json {
    json!({ "email": format!("{}@example.org", name.to_lowercase()), "name": name })
}

fn registered() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert_eq!(said(&book.give(ANN, "register", person("Ann"))), "user.registered");
    book
}

#[test]
fn an_account_is_opened_once() {
    let mut book = registered();
    assert_eq!(said(&book.give(ANN, "register", person("Ann"))), "ALREADY_EXISTS");
    assert_eq!(said(&book.give(ANN, "invite", json!({ "email": "a@b.org", "name": "A" }))), "ALREADY_EXISTS");
    assert_eq!(said(&book.give(ANN, "update_profile", json!({ "name": "Ann" }))), "");
    let changed = json!({ "locale": "fr", "title": "Night nurse", "phone": "+33 1 23", "time_zone": "Europe/Paris" });
    assert_eq!(said(&book.give(ANN, "update_profile", changed.clone())), "user.profile_updated");
    assert_eq!(said(&book.give(ANN, "update_profile", changed)), "");
}

#[test]
fn an_address_is_of_one_account_in_any_case() {
    let mut book = registered();
    let rejection = book.give(BEN, "register", json!({ "email": " ANN@Example.org".trim(), "name": "B" })).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].field.as_str()), ("NOT_UNIQUE", "email"));
    assert!(book.give(BEN, "register", person("Ben")).is_ok());
    let taken = json!({ "email": "ann@example.org", "token": TOKEN });
    assert_eq!(said(&book.give(BEN, "change_email", taken)), "NOT_UNIQUE");
    let sign_up = json!({ "email": "ben@example.org", "name": "B", "token": TOKEN });
    assert_eq!(said(&book.give(Ref::<User>::new(Uuid::from_u128(3)), "sign_up", sign_up)), "NOT_UNIQUE");
}

#[test]
fn an_account_out_of_use_gives_its_address_free() {
    let mut book = registered();
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert!(book.give(BEN, "register", person("Ann")).is_ok());
    assert_eq!(said(&book.give(ANN, "reactivate", json!({}))), "NOT_UNIQUE");
    assert!(book.give(BEN, "change_email", json!({ "email": "ben@example.org", "token": TOKEN })).is_ok());
    assert_eq!(said(&book.give(ANN, "reactivate", json!({}))), "user.reactivated");
}

#[test]
fn an_account_out_of_use_comes_back_but_does_not_change() {
    let mut book = registered();
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert_eq!(book.state(ANN).unwrap().status, Status::Inactive);
    let rejection = book.give(ANN, "update_profile", json!({ "name": "Anna" })).unwrap_err();
    assert_eq!((rejection.code, rejection.details[0].message.as_str()), ("INVALID_TRANSITION", "reactivate"));
    assert!(book.give(ANN, "reactivate", json!({})).is_ok());
}

#[test]
fn an_address_that_is_none_is_named() {
    let mut book = Scenario::new(crate::KINDS);
    let rejection = book.give(ANN, "register", json!({ "email": "ann", "name": "Ann" })).unwrap_err();
    assert_eq!(rejection.details[0].field, "email");
    let claimed = json!({ "email": "ann@example.org", "name": "Ann", "email_index": "00".repeat(32) });
    let rejection = book.give(ANN, "register", claimed).unwrap_err();
    assert!(rejection.details[0].message.starts_with("unknown field"), "{:?}", rejection.details);
}

#[test]
fn who_signs_up_shows_first_that_the_address_is_read() {
    let mut book = Scenario::new(crate::KINDS);
    let sign_up = json!({ "email": "ann@example.org", "name": "Ann", "token": TOKEN });
    assert_eq!(said(&book.give(ANN, "sign_up", sign_up)), "user.registered user.verification_requested");
    assert_eq!(book.state(ANN).unwrap().status, Status::PendingVerification);
    assert_eq!(said(&book.give(ANN, "update_profile", json!({ "name": "Anna" }))), "INVALID_TRANSITION");
    assert_eq!(said(&book.give(ANN, "verify_email", json!({ "token": ANN.id() }))), "WRONG_TOKEN");
    assert_eq!(said(&book.give(ANN, "verify_email", json!({ "token": TOKEN }))), "user.email_verified");
    assert_eq!(said(&book.give(ANN, "verify_email", json!({ "token": TOKEN }))), "WRONG_TOKEN", "it serves once");
}

#[test]
fn another_address_is_verified_anew() {
    let mut book = registered();
    assert_eq!(said(&book.give(ANN, "verify_email", json!({ "token": TOKEN }))), "WRONG_TOKEN");
    let other = json!({ "email": "anna@example.org", "token": TOKEN });
    assert_eq!(said(&book.give(ANN, "change_email", other.clone())), "user.email_changed");
    assert_eq!(said(&book.give(ANN, "change_email", other)), "");
    assert_eq!(book.state(ANN).unwrap().unverified, Some(TOKEN));
    assert_eq!(said(&book.give(ANN, "verify_email", json!({ "token": TOKEN }))), "user.email_verified");
}

#[test]
fn an_offer_can_be_taken_for_seven_days() {
    let mut book = Scenario::new(crate::KINDS);
    for (user, days, outcome) in [(ANN, 6, "user.invitation_accepted"), (BEN, 7, "INVITATION_EXPIRED")] {
        let invitation = json!({ "email": format!("{user}@example.org"), "name": "Somebody", "roles": [] });
        assert_eq!(said(&book.give(user, "invite", invitation)), "user.invited");
        assert_eq!(book.state(user).unwrap().status, Status::Invited);
        book.after(days * 24 * 3_600);
        assert_eq!(said(&book.give(user, "accept_invitation", json!({}))), outcome);
    }
}

#[test]
fn preferences_and_consents_are_said_once() {
    let mut book = registered();
    let preferences = json!({ "preferences": { "theme": "dark", "rows": 50 } });
    assert_eq!(said(&book.give(ANN, "set_preferences", preferences.clone())), "user.preferences_set");
    assert_eq!(said(&book.give(ANN, "set_preferences", preferences)), "");
    let consent = |version: &str| json!({ "purpose": "newsletter", "text_version": version });
    assert_eq!(said(&book.give(ANN, "give_consent", consent("1"))), "user.consent_given");
    assert_eq!(said(&book.give(ANN, "give_consent", consent("1"))), "");
    assert_eq!(said(&book.give(ANN, "give_consent", consent("2"))), "user.consent_given");
    assert_eq!(book.state(ANN).unwrap().consents.len(), 1);
    let purpose = json!({ "purpose": "newsletter" });
    assert_eq!(said(&book.give(ANN, "withdraw_consent", purpose.clone())), "user.consent_withdrawn");
    assert_eq!(said(&book.give(ANN, "withdraw_consent", purpose)), "");
    assert_eq!(said(&book.give(ANN, "request_export", json!({}))), "user.export_requested");
    assert_eq!(book.state(ANN).unwrap().export_requested_at, Some(book.now()));
}
