//! Scenarios of a usage meter.

use daybook_facts::{
    self as facts,
    subscription::{Limit, Metric, Status as Standing},
};
use daybook_kernel::{
    Published, Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};

use super::UsageMeter;

const OURS: Ref<UsageMeter> = Ref::new(Scenario::TENANT);
const DAY: i64 = 24 * 3_600;

/// On the first of January: 10 teams are included and there may be more, of 10 calls a month there may be 20.
fn book() -> Scenario {
    let limits = vec![
        Limit { metric: Metric::Teams, soft: 10, hard: None },
        Limit { metric: Metric::ApiCalls, soft: 10, hard: Some(20) },
    ];
    let subscription = facts::Subscription { status: Standing::Active, limits };
    let mut book = Scenario::new(crate::KINDS).knowing(Scenario::TENANT, Published::new(subscription));
    assert_eq!(said(&book.give(OURS, "open", json!({}))), "usage.opened");
    book
}

fn teams(level: u32) -> Json {
    json!({ "metric": "teams", "level": level })
}

fn calls(quantity: u32, number: i64) -> Json {
    json!({ "metric": "api_calls", "quantity": quantity, "source": { "stream": "gateway-1", "number": number } })
}

fn used(book: &Scenario, metric: Metric) -> i64 {
    book.state(OURS).unwrap().used(metric)
}

#[test]
fn each_threshold_is_told_once_in_a_month() {
    let mut book = book();
    assert_eq!(said(&book.give(OURS, "measure", teams(7))), "usage.recorded");
    assert_eq!(said(&book.give(OURS, "measure", teams(7))), "");
    assert_eq!(said(&book.give(OURS, "measure", teams(8))), "usage.recorded usage.threshold_reached");
    assert_eq!(said(&book.give(OURS, "measure", teams(7))), "usage.recorded");
    assert_eq!(said(&book.give(OURS, "measure", teams(9))), "usage.recorded");
    assert_eq!(said(&book.give(OURS, "measure", teams(11))), "usage.recorded usage.threshold_reached");
    assert_eq!(said(&book.give(OURS, "measure", teams(12))), "usage.recorded");
    book.after(31 * DAY);
    let both = "usage.period_closed usage.recorded usage.threshold_reached usage.threshold_reached";
    assert_eq!(said(&book.give(OURS, "measure", teams(12))), both, "the next month begins anew");
}

#[test]
fn what_is_used_up_ends_at_the_hard_limit_and_begins_anew_each_month() {
    let mut book = book();
    let both = "usage.recorded usage.threshold_reached usage.threshold_reached";
    assert_eq!(said(&book.give(OURS, "record", calls(15, 1))), both);
    assert_eq!(said(&book.give(OURS, "record", calls(6, 2))), "QUOTA_EXCEEDED");
    assert_eq!(said(&book.give(OURS, "record", calls(5, 2))), "usage.recorded");
    assert_eq!(said(&book.give(OURS, "record", calls(1, 3))), "QUOTA_EXCEEDED");
    book.after(31 * DAY);
    assert_eq!(said(&book.give(OURS, "record", calls(1, 3))), "usage.period_closed usage.recorded");
    assert_eq!(used(&book, Metric::ApiCalls), 1);
}

#[test]
fn what_comes_from_a_source_counts_once() {
    let mut book = book();
    assert_eq!(said(&book.give(OURS, "record", calls(3, 7))), "usage.recorded");
    for number in [7, 6] {
        assert_eq!(said(&book.give(OURS, "record", calls(3, number))), "");
    }
    assert_eq!(said(&book.give(OURS, "record", calls(3, 8))), "usage.recorded");
    assert_eq!(used(&book, Metric::ApiCalls), 6);
}

#[test]
fn a_month_is_closed_with_what_was_used_in_it() {
    let mut book = book();
    assert!(book.give(OURS, "measure", teams(3)).is_ok());
    assert!(book.give(OURS, "record", calls(2, 1)).is_ok());
    assert_eq!(said(&book.give(OURS, "roll_over", json!({}))), "NOT_OVER");
    book.after(31 * DAY);
    assert_eq!(said(&book.give(OURS, "roll_over", json!({}))), "usage.period_closed");
    let meter = book.state(OURS).unwrap();
    assert_eq!((meter.period.as_str(), meter.periods.len()), ("2026-02", 2));
    assert_eq!((meter.used(Metric::Teams), meter.used(Metric::ApiCalls)), (3, 0), "a stock stays");
}

#[test]
fn a_stock_is_measured_and_what_is_used_up_is_recorded() {
    let mut book = book();
    assert_eq!(said(&book.give(OURS, "measure", json!({ "metric": "api_calls", "level": 3 }))), "NOT_A_STOCK");
    let mut wrong = calls(1, 1);
    wrong["metric"] = json!("teams");
    assert_eq!(said(&book.give(OURS, "record", wrong)), "A_STOCK");
}
