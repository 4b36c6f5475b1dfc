//! Scenarios of accounts that are erased, and of what keeps them from it.

use super::*;
use crate::{Session, session};

const PHONE: Ref<Session> = Ref::new(Uuid::from_u128(0x51));

fn hold(matter: &str) -> Json {
    json!({ "matter": matter, "reason": "The court asked for it" })
}

#[test]
fn who_is_erased_leaves_nothing_but_that_there_was_somebody() {
    let mut book = registered();
    let changed = json!({ "locale": "fr", "title": "Night nurse", "phone": "+33 1 23", "time_zone": "Europe/Paris" });
    assert!(book.give(ANN, "update_profile", changed).is_ok());
    assert!(book.give(ANN, "set_preferences", json!({ "preferences": { "theme": "dark" } })).is_ok());
    assert!(book.give(ANN, "give_consent", json!({ "purpose": "newsletter", "text_version": "1" })).is_ok());
    assert!(book.give(PHONE, "login", json!({ "user": ANN.id(), "method": "password", "amr": ["pwd"] })).is_ok());
    let name = book.state(ANN).unwrap().name.clone();
    assert_eq!(said(&book.give(ANN, "erase", json!({}))), "user.deactivated user.erased session.revoked");
    let ann = book.state(ANN).unwrap();
    assert_eq!((ann.status, ann.erased_at), (Status::Erased, Some(book.now())));
    assert!(ann.email_index.is_none() && ann.phone.is_none() && ann.title.is_none());
    assert!(ann.locale.is_none() && ann.time_zone.is_none() && ann.roles.is_empty());
    assert!(ann.preferences.is_empty() && ann.consents.is_empty());
    assert_eq!(ann.name, name, "a record keeps its fields; it is the key that is destroyed");
    assert_eq!(book.state(PHONE).unwrap().status, session::Status::Ended);
    // The address is free, and the account is gone for good.
    assert!(book.give(BEN, "register", person("Ann")).is_ok());
    for (command, body) in [("erase", json!({})), ("reactivate", json!({})), ("place_hold", hold("inquiry-7"))] {
        let rejection = book.give(ANN, command, body).unwrap_err();
        assert_eq!((rejection.code, rejection.details.len()), ("INVALID_TRANSITION", 0), "{command}");
    }
}

#[test]
fn who_has_left_already_is_erased_all_the_same() {
    let mut book = registered();
    assert!(book.give(ANN, "deactivate", json!({})).is_ok());
    assert_eq!(said(&book.give(ANN, "erase", json!({}))), "user.erased");
}

#[test]
fn a_legal_hold_is_stronger_than_the_wish_to_be_forgotten() {
    let mut book = registered();
    assert_eq!(said(&book.give(ANN, "place_hold", hold("inquiry-7"))), "user.hold_placed");
    assert_eq!(said(&book.give(ANN, "place_hold", hold("inquiry-7"))), "");
    assert_eq!(said(&book.give(ANN, "place_hold", hold("inquiry-8"))), "user.hold_placed");
    assert!(book.give(ANN, "deactivate", json!({})).is_ok(), "it keeps nobody from leaving");
    let rejection = book.give(ANN, "erase", json!({})).unwrap_err();
    let named: Vec<_> = rejection.details.iter().map(|detail| detail.message.as_str()).collect();
    assert_eq!(rejection.code, "LEGAL_HOLD");
    assert_eq!(named, ["inquiry-7 has to be released first", "inquiry-8 has to be released first"]);
    assert_eq!(said(&book.give(ANN, "release_hold", json!({ "matter": "inquiry-9" }))), "");
    assert_eq!(said(&book.give(ANN, "release_hold", json!({ "matter": "inquiry-7" }))), "user.hold_released");
    assert_eq!(said(&book.give(ANN, "erase", json!({}))), "LEGAL_HOLD");
    assert_eq!(said(&book.give(ANN, "release_hold", json!({ "matter": "inquiry-8" }))), "user.hold_released");
    assert_eq!(said(&book.give(ANN, "erase", json!({}))), "user.erased");
}

#[test]
fn the_last_admin_is_not_erased() {
    let mut book = registered();
    let admin = json!({ "role": crate::built_in::ORGANIZATION_ADMIN.id() });
    assert_eq!(said(&book.give(ANN, "assign_role", admin)), "role.assigned");
    assert_eq!(said(&book.give(ANN, "erase", json!({}))), "LAST_ADMIN");
}
