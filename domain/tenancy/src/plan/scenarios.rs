//! Scenarios of a plan.

use daybook_kernel::{
    Ref,
    scenario::{Scenario, said},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Plan, Status};

const SMALL: Ref<Plan> = Ref::new(Uuid::from_u128(1));

fn limit(metric: &str, soft: u32, hard: u32) -> Json {
    json!({ "metric": metric, "soft": soft, "hard": hard })
}

#[test]
fn a_revision_is_counted_and_the_code_is_of_one_plan() {
    let mut book = Scenario::new(crate::KINDS);
    let limits = json!([limit("teams", 2, 3)]);
    let plan = json!({ "code": "small", "name": "Small", "limits": limits, "features": ["search"] });
    assert_eq!(said(&book.give(SMALL, "define", plan.clone())), "plan.defined");
    assert_eq!(said(&book.give(Ref::<Plan>::new(Uuid::from_u128(2)), "define", plan)), "NOT_UNIQUE");
    let same = json!({ "limits": limits, "features": ["search"] });
    assert_eq!(said(&book.give(SMALL, "revise", same)), "");
    assert_eq!(said(&book.give(SMALL, "revise", json!({ "limits": [limit("teams", 3, 3)] }))), "plan.revised");
    assert_eq!(book.state(SMALL).unwrap().revision, 2);
    assert_eq!(said(&book.give(SMALL, "retire", json!({}))), "plan.retired");
    assert_eq!(book.state(SMALL).unwrap().status, Status::Retired);
}

#[test]
fn limits_have_to_make_sense() {
    let mut book = Scenario::new(crate::KINDS);
    for limits in [json!([limit("teams", 3, 2)]), json!([limit("teams", 1, 2), limit("teams", 2, 3)])] {
        let plan = json!({ "code": "small", "name": "Small", "limits": limits });
        assert_eq!(said(&book.give(SMALL, "define", plan)), "INVALID_LIMITS");
    }
}
