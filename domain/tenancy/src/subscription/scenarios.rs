//! Scenarios of a subscription.

use daybook_facts::subscription::Metric;
use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Status, Subscription};
use crate::{Organization, Plan};

const ACME: Ref<Organization> = Ref::new(Uuid::from_u128(1));
const OURS: Ref<Subscription> = Ref::new(ACME.id());
const SMALL: Ref<Plan> = Ref::new(Uuid::from_u128(2));
const LARGE: Ref<Plan> = Ref::new(Uuid::from_u128(3));
const DAY: i64 = 24 * 3_600;

/// An organisation with one member, and two plans: for 3 people with 10 items, and without an end.
fn book() -> Scenario {
    let mut book = Scenario::new(crate::KINDS);
    let acme = json!({ "name": "Acme", "slug": "acme", "isolation": "shared", "owner_email": "owner@acme.example" });
    assert!(book.give(ACME, "create", acme).is_ok());
    let limits = json!([
        { "metric": "members", "soft": 3, "hard": 3 }, { "metric": "configuration_items", "soft": 10, "hard": 10 },
    ]);
    assert!(book.give(SMALL, "define", json!({ "code": "small", "name": "Small", "limits": limits })).is_ok());
    assert!(book.give(LARGE, "define", json!({ "code": "large", "name": "Large" })).is_ok());
    book
}

fn of(plan: Ref<Plan>, seats: u32) -> Json {
    json!({ "plan": plan.id(), "seats": seats, "period": "monthly" })
}

fn to(plan: Ref<Plan>) -> Json {
    json!({ "plan": plan.id() })
}

fn limit(book: &Scenario, metric: Metric) -> Option<u32> {
    book.state(OURS).unwrap().known().limit(metric).and_then(|limit| limit.hard)
}

#[test]
fn a_trial_is_had_once_and_ends() {
    let mut book = book();
    let trial = json!({ "plan": SMALL.id(), "seats": 2 });
    assert_eq!(said(&book.give(OURS, "start_trial", trial.clone())), "subscription.trial_started");
    assert_eq!(said(&book.give(OURS, "start_trial", trial.clone())), "ALREADY_EXISTS");
    assert_eq!(said(&book.give(OURS, "expire", json!({}))), "NOT_OVER");
    book.after(30 * DAY);
    assert_eq!(said(&book.give(OURS, "expire", json!({}))), "subscription.expired");
    assert!(!book.state(OURS).unwrap().status.is_live());
    assert_eq!(said(&book.give(OURS, "start_trial", trial)), "ALREADY_EXISTS", "there is one trial");
    assert_eq!(said(&book.give(OURS, "resubscribe", of(SMALL, 2))), "subscription.resubscribed");
}

#[test]
fn more_comes_at_once_and_less_with_the_next_period() {
    let mut book = book();
    assert_eq!(said(&book.give(OURS, "subscribe", of(SMALL, 3))), "subscription.subscribed");
    assert_eq!((limit(&book, Metric::Members), limit(&book, Metric::ConfigurationItems)), (Some(3), Some(10)));
    assert_eq!(said(&book.give(OURS, "change_plan", to(LARGE))), "subscription.plan_changed");
    assert_eq!(limit(&book, Metric::ConfigurationItems), None);
    assert_eq!(said(&book.give(OURS, "change_plan", to(SMALL))), "subscription.plan_change_scheduled");
    assert_eq!(limit(&book, Metric::ConfigurationItems), None);
    assert_eq!(said(&book.give(OURS, "record_payment_succeeded", json!({}))), "", "it is paid for already");
    book.after(30 * DAY);
    assert_eq!(said(&book.give(OURS, "record_payment_succeeded", json!({}))), "subscription.payment_succeeded");
    assert_eq!((limit(&book, Metric::ConfigurationItems), book.state(OURS).unwrap().next_plan), (Some(10), None));
}

#[test]
fn who_subscribed_keeps_the_revision_of_that_day() {
    let mut book = book();
    assert!(book.give(OURS, "subscribe", of(SMALL, 3)).is_ok());
    let limits = json!({ "limits": [{ "metric": "configuration_items", "soft": 1, "hard": 1 }] });
    assert!(book.give(SMALL, "revise", limits).is_ok());
    assert_eq!((book.state(OURS).unwrap().terms.revision, limit(&book, Metric::ConfigurationItems)), (1, Some(10)));
}

#[test]
fn it_is_for_all_who_are_members_and_for_no_more_than_the_plan() {
    let mut book = book();
    let member = |n: u128| json!({ "user": Uuid::from_u128(n), "role": "member" });
    assert!(book.give(ACME, "add_member", member(7)).is_ok());
    let used = book.give(OURS, "subscribe", of(SMALL, 1)).unwrap_err();
    assert_eq!((used.code, used.details[0].field.as_str()), ("SEATS_IN_USE", "members"));
    assert_eq!(said(&book.give(OURS, "subscribe", of(SMALL, 4))), "TOO_MANY_SEATS");
    assert!(book.give(OURS, "subscribe", of(LARGE, 4)).is_ok());
    assert_eq!(said(&book.give(OURS, "change_plan", to(SMALL))), "TOO_MANY_SEATS", "first fewer seats, then the plan");
    assert_eq!(said(&book.give(OURS, "change_seats", json!({ "seats": 1 }))), "SEATS_IN_USE");
    assert_eq!(said(&book.give(OURS, "change_seats", json!({ "seats": 2 }))), "subscription.seats_changed");
    assert_eq!(said(&book.give(OURS, "change_seats", json!({ "seats": 2 }))), "");
    assert_eq!(said(&book.give(OURS, "change_plan", to(SMALL))), "subscription.plan_change_scheduled");
}

#[test]
fn what_is_not_paid_for_is_stopped_and_goes_on_when_it_is() {
    let mut book = book();
    assert!(book.give(OURS, "subscribe", of(SMALL, 3)).is_ok());
    for _ in 0..2 {
        assert_eq!(said(&book.give(OURS, "record_payment_failed", json!({}))), "subscription.payment_failed");
    }
    let known = book.state(OURS).unwrap();
    assert_eq!((known.status, known.failures.get()), (Status::PastDue, 2));
    assert_eq!(said(&book.give(OURS, "suspend", json!({ "reason": "unpaid" }))), "subscription.suspended");
    let member = json!({ "user": Uuid::from_u128(7), "role": "member" });
    assert_eq!(said(&book.give(ACME, "add_member", member)), "SUBSCRIPTION_ENDED");
    assert_eq!(said(&book.give(OURS, "record_payment_succeeded", json!({}))), "subscription.payment_succeeded");
    assert_eq!(book.state(OURS).unwrap().status, Status::Active);
}

#[test]
fn it_is_ended_at_once_or_with_its_period() {
    let mut book = book();
    assert!(book.give(OURS, "subscribe", of(SMALL, 3)).is_ok());
    let (later, now) = (json!({ "at_period_end": true }), json!({ "at_period_end": false }));
    assert_eq!(said(&book.give(OURS, "cancel", later.clone())), "subscription.cancellation_scheduled");
    assert_eq!(said(&book.give(OURS, "cancel", later)), "");
    book.after(30 * DAY);
    assert_eq!(said(&book.give(OURS, "record_payment_succeeded", json!({}))), "ENDS_WITH_PERIOD");
    assert_eq!(said(&book.give(OURS, "expire", json!({}))), "subscription.expired");
    assert!(book.give(OURS, "resubscribe", of(LARGE, 3)).is_ok());
    assert_eq!(said(&book.give(OURS, "cancel", now)), "subscription.cancelled");
}

#[test]
fn there_is_none_without_an_organisation_or_a_plan() {
    let mut book = book();
    let nobody: Ref<Subscription> = Ref::new(Uuid::from_u128(9));
    assert_eq!(said(&book.give(nobody, "subscribe", of(SMALL, 3))), "UNKNOWN_ORGANIZATION");
    assert_eq!(said(&book.give(OURS, "subscribe", of(Ref::new(Uuid::from_u128(9)), 3))), "UNKNOWN_PLAN");
    assert!(book.give(SMALL, "retire", json!({})).is_ok());
    assert_eq!(said(&book.give(OURS, "subscribe", of(SMALL, 3))), "RETIRED_PLAN");
}
