//! Scenarios of an organisation.

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate as _, Ref, RejectionKind,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Mfa, Organization, Role, Status};
use crate::{Plan, Subscription};

const ACME: Ref<Organization> = Ref::new(Uuid::from_u128(1));
const OTHER: Ref<Organization> = Ref::new(Uuid::from_u128(2));
const DAY: i64 = 24 * 3_600;

fn profile(slug: &str) -> Json {
    json!({ "name": "Acme", "slug": slug, "isolation": "shared", "owner_email": "owner@acme.example" })
}

fn created() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    assert_eq!(said(&book.give(ACME, "create", profile("acme"))), "organization.created organization.member_added");
    book
}

fn active() -> Scenario {
    let mut book = created();
    assert_eq!(said(&book.give(ACME, "activate", json!({}))), "organization.activated");
    book
}

#[test]
fn who_creates_it_is_its_first_admin_and_the_last_stays() {
    let mut book = created();
    let admin = book.state(ACME).unwrap().members[0].clone();
    assert_eq!(admin.role, Role::Admin);
    let who = json!({ "user": admin.user.id() });
    assert_eq!(said(&book.give(ACME, "remove_member", who.clone())), "LAST_ADMIN");
    let second = json!({ "user": Uuid::from_u128(7), "role": "admin" });
    assert_eq!(said(&book.give(ACME, "add_member", second.clone())), "organization.member_added");
    assert_eq!(said(&book.give(ACME, "add_member", second)), "");
    assert_eq!(said(&book.give(ACME, "remove_member", who)), "organization.member_removed");
    let demoted = json!({ "user": Uuid::from_u128(7), "role": "viewer" });
    assert_eq!(said(&book.give(ACME, "add_member", demoted)), "LAST_ADMIN");
}

#[test]
fn a_slug_is_taken_once_for_all_tenants() {
    let mut book = created();
    assert_eq!(said(&book.give(OTHER, "create", profile("acme"))), "NOT_UNIQUE");
    assert!(book.give(OTHER, "create", profile("acme-2")).is_ok());
}

#[test]
fn what_is_said_twice_happens_once() {
    let mut book = active();
    assert_eq!(said(&book.give(ACME, "update", json!({ "name": "Acme" }))), "");
    assert_eq!(said(&book.give(ACME, "update", json!({ "name": "Acme Ltd" }))), "organization.updated");
    let settings = json!({
        "locale": "pt-BR", "time_zone": "America/Sao_Paulo", "base_currency": "BRL", "fiscal_year_start": 4, "week_start": 7
    });
    assert_eq!(said(&book.give(ACME, "set_settings", settings.clone())), "organization.settings_changed");
    assert_eq!(said(&book.give(ACME, "set_settings", settings)), "");
}

#[test]
fn a_bad_setting_is_named() {
    let mut book = active();
    let settings = json!({
        "locale": "portuguese!", "time_zone": "Mars/Base", "base_currency": "brl", "fiscal_year_start": 13, "week_start": 1
    });
    let rejection = book.give(ACME, "set_settings", settings).unwrap_err();
    let fields: Vec<_> = rejection.details.iter().map(|detail| detail.field.as_str()).collect();
    assert_eq!(fields, ["locale", "time_zone", "base_currency", "fiscal_year_start"]);
}

#[test]
fn a_suspended_one_can_go_on_but_not_change() {
    let mut book = active();
    let reason = json!({ "reason": "unpaid" });
    assert_eq!(said(&book.give(ACME, "suspend", reason.clone())), "organization.suspended");
    assert_eq!(said(&book.give(ACME, "update", json!({ "name": "New" }))), "INVALID_TRANSITION");
    assert_eq!(book.state(ACME).unwrap().suspended_for.as_ref().unwrap().as_str(), "unpaid");
    assert_eq!(said(&book.give(ACME, "resume", json!({ "reason": "paid" }))), "organization.resumed");
    assert_eq!(book.state(ACME).unwrap().suspended_for, None);
}

#[test]
fn closing_takes_thirty_days_in_which_it_can_be_taken_back() {
    let mut book = active();
    assert_eq!(said(&book.give(ACME, "request_closure", json!({}))), "organization.closure_requested");
    book.after(29 * DAY);
    assert_eq!(said(&book.give(ACME, "close", json!({}))), "GRACE_NOT_OVER");
    assert!(book.give(ACME, "resume", json!({ "reason": "changed our mind" })).is_ok());
    assert!(book.give(ACME, "request_closure", json!({})).is_ok());
    book.after(30 * DAY);
    assert_eq!(said(&book.give(ACME, "close", json!({}))), "organization.closed");
    assert_eq!(book.state(ACME).unwrap().status, Status::Closed);
    assert_eq!(said(&book.give(ACME, "activate", json!({}))), "INVALID_TRANSITION");
}

#[test]
fn an_owner_who_is_named_is_the_first_admin() {
    let mut book = Scenario::new(crate::KINDS);
    let mut named = profile("acme");
    named["first_admin"] = json!("Ann");
    assert!(book.give(ACME, "create", named.clone()).is_ok());
    let chosen = book.state(ACME).unwrap().members[0].user.id();
    assert_ne!(chosen, Uuid::from_u128(0xac), "who creates it is of the platform");
    (named["slug"], named["owner"]) = (json!("other"), json!(Uuid::from_u128(7)));
    assert!(book.give(OTHER, "create", named).is_ok());
    assert_eq!(book.state(OTHER).unwrap().members[0].user.id(), Uuid::from_u128(7));
}

#[test]
fn a_set_up_that_fails_gives_the_slug_free() {
    let mut book = created();
    let reason = json!({ "reason": "nobody could be invited" });
    assert_eq!(said(&book.give(OTHER, "create", profile("acme"))), "NOT_UNIQUE");
    assert_eq!(said(&book.give(ACME, "fail_provisioning", reason.clone())), "organization.provisioning_failed");
    assert_eq!(said(&book.give(ACME, "activate", json!({}))), "INVALID_TRANSITION");
    assert_eq!(said(&book.give(OTHER, "create", profile("acme"))), "organization.created organization.member_added");
    assert_eq!(said(&book.give(OTHER, "activate", json!({}))), "organization.activated");
    assert_eq!(said(&book.give(OTHER, "activate", json!({}))), "", "somebody may have been quicker");
    assert_eq!(said(&book.give(OTHER, "fail_provisioning", reason)), "INVALID_TRANSITION");
}

#[test]
fn settings_have_versions_and_others_know_what_concerns_them() {
    let mut book = active();
    let known = |book: &Scenario| {
        let fact = book.state(ACME).unwrap().fact().unwrap().fact;
        fact.downcast::<facts::Organization>().unwrap().settings.clone()
    };
    assert_eq!(*known(&book), facts::organization::Settings::default());
    let mut settings = json!({
        "locale": "en", "time_zone": "UTC", "base_currency": "EUR", "fiscal_year_start": 1, "week_start": 1,
        "reopen_days": 14, "mfa": "required", "password_length": 16, "features": ["beta"],
        "working_calendar": { "hours": [{ "day": 1, "from": 540, "to": 1020 }], "holidays": ["2026-12-25"] },
        "retention_days": { "incident.Incident": 3650 }, "webhook_hosts": ["hooks.acme.example"],
    });
    assert_eq!(said(&book.give(ACME, "set_settings", settings.clone())), "organization.settings_changed");
    let ours = known(&book);
    assert_eq!((ours.version, ours.reopen_days, ours.mfa, ours.password_length), (1, 14, Mfa::Required, 16));
    settings["working_calendar"]["hours"][0]["to"] = json!(540);
    assert_eq!(said(&book.give(ACME, "set_settings", settings.clone())), "INVALID_HOURS");
    settings["working_calendar"] = json!(null);
    settings["retention_days"] = json!({ "incident.Incident": 0 });
    assert_eq!(said(&book.give(ACME, "set_settings", settings)), "INVALID_RETENTION");
    assert_eq!(known(&book).version, 1);
}

#[test]
fn members_end_where_the_seats_end() {
    let mut book = active();
    let plan: Ref<Plan> = Ref::new(Uuid::from_u128(9));
    assert!(book.give(plan, "define", json!({ "code": "small", "name": "Small" })).is_ok());
    let trial = json!({ "plan": plan.id(), "seats": 2 });
    assert!(book.give(Ref::<Subscription>::new(ACME.id()), "start_trial", trial).is_ok());
    let member = |n: u128| json!({ "user": Uuid::from_u128(n), "role": "member" });
    assert_eq!(said(&book.give(ACME, "add_member", member(7))), "organization.member_added");
    let full = book.give(ACME, "add_member", member(8)).unwrap_err();
    assert_eq!((full.code, full.kind), ("QUOTA_EXCEEDED", RejectionKind::Quota));
    let promoted = json!({ "user": Uuid::from_u128(7), "role": "admin" });
    assert_eq!(said(&book.give(ACME, "add_member", promoted)), "organization.member_role_changed");
    assert!(book.give(ACME, "remove_member", json!({ "user": Uuid::from_u128(7) })).is_ok());
    assert_eq!(said(&book.give(ACME, "add_member", member(8))), "organization.member_added");
}
