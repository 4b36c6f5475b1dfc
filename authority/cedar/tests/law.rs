//! The law: what Cedar says of a policy, for anybody, any record and any moment, Daybook says of what was made of it. And what
//! cannot be made into anything is refused, with what to say instead.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema};
use daybook_authority::{Moment, Policy, Resource, Standing};
use daybook_cedar::{Draft, Refused, read, schema};
use daybook_facts::access_policy::{AccessPolicy, Effect, Status};
use daybook_facts::user;
use daybook_kernel::{Permission, Time};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// What can be said, each with the opposite where there is one.
const SAYINGS: [&str; 7] = [
    "resource.own.contains(principal)",
    "principal in resource.team",
    r#"principal.domain != "" && resource.domain == principal.domain"#,
    r#"resource.domain != principal.domain && "" != principal.domain && resource.domain != """#,
    "context.second_factor",
    "!context.second_factor",
    "context.out_of_hours",
];

fn cased(conditions: &str) -> String {
    format!(
        "@name(\"Any\") @cases(\"incident:read: silent\") \
         forbid (principal, action in [Action::\"incident:read\"], resource) {conditions};"
    )
}

/// A policy of some sayings; some of them as what must not be so, where that can be said.
fn policy() -> impl Strategy<Value = (String, bool)> {
    let sayings = proptest::collection::vec((0..SAYINGS.len(), any::<bool>()), 0..4);
    (sayings, any::<bool>()).prop_map(|(sayings, permits)| {
        let said: Vec<String> = sayings
            .into_iter()
            .map(|(place, unless)| match (unless, place) {
                (true, 4) => "unless { !context.second_factor }".to_owned(),
                (true, 5) => "unless { context.second_factor }".to_owned(),
                _ => format!("when {{ {} }}", SAYINGS[place]),
            })
            .collect();
        let effect = if permits { "permit" } else { "forbid" };
        (cased(&said.join(" ")).replacen("forbid (", &format!("{effect} ("), 1), permits)
    })
}

fn id() -> impl Strategy<Value = Uuid> {
    (1..4_u128).prop_map(Uuid::from_u128)
}

fn domain() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some("health".to_owned())), Just(Some("justice".to_owned()))]
}

fn record() -> impl Strategy<Value = Resource> {
    let ids = || proptest::collection::vec(id(), 0..3);
    (ids(), ids(), domain()).prop_map(|(own, team, domain)| Resource { own, team, domain })
}

/// What Cedar says: whether the policy applies.
fn by_cedar(text: &str, user: Uuid, groups: &[Uuid], home: Option<&str>, record: &Resource, moment: Moment) -> bool {
    let named = |kind: &str, id: Uuid| json!({ "__entity": { "type": kind, "id": id.to_string() } });
    let uid = |kind: &str, id: Uuid| json!({ "type": kind, "id": id.to_string() });
    let of = |kind: &'static str, ids: &[Uuid]| ids.iter().map(|id| named(kind, *id)).collect::<Vec<_>>();
    let mut entities = vec![
        json!({ "uid": uid("User", user), "attrs": { "domain": home.unwrap_or_default() },
            "parents": groups.iter().map(|group| uid("Group", *group)).collect::<Vec<_>>() }),
        json!({ "uid": { "type": "Record", "id": "it" }, "parents": [], "attrs": {
            "own": of("User", &record.own), "team": of("Group", &record.team),
            "domain": record.domain.clone().unwrap_or_default(),
        } }),
    ];
    for group in 1..4 {
        entities.push(json!({ "uid": uid("Group", Uuid::from_u128(group)), "attrs": {}, "parents": [] }));
    }
    let entities = Entities::from_json_value(json!(entities), None).unwrap();
    let context = json!({ "second_factor": moment.second_factor, "out_of_hours": moment.is_out_of_hours() });
    let request = Request::new(
        EntityUid::from_str(&format!("User::\"{user}\"")).unwrap(),
        EntityUid::from_str("Action::\"incident:read\"").unwrap(),
        EntityUid::from_str("Record::\"it\"").unwrap(),
        Context::from_json_value(context, None).unwrap(),
        None,
    )
    .unwrap();
    let policies: PolicySet = text.parse().unwrap();
    let answer = Authorizer::new().is_authorized(&request, &policies, &entities);
    assert_eq!(answer.diagnostics().errors().count(), 0, "{text}");
    let applies = answer.diagnostics().reason().next().is_some();
    assert!(applies || answer.decision() == Decision::Deny);
    applies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn cedar_and_daybook_agree(
        (text, permits) in policy(),
        user in id(),
        groups in proptest::collection::vec(id(), 0..3),
        home in domain(),
        record in record(),
        second_factor: bool,
        hours in 0_i64..400,
    ) {
        let moment = Moment::at(Time(hours * 3_600_000_000)).with_second_factor(second_factor);
        let Draft { name, effect, permissions, when, .. } = read(&text).unwrap().remove(0);
        prop_assert_eq!(effect == Effect::Permit, permits);
        let permissions = permissions.iter().map(|name| Permission::from(name.as_str())).collect();
        let says = AccessPolicy { status: Status::Active, name, effect, permissions, when };
        let standing = Standing {
            status: user::Status::Active,
            domain: home.clone(),
            groups: groups.iter().copied().collect(),
            held: Vec::new(),
            policies: Arc::new([]),
        };
        let condition = Policy::new(Uuid::nil(), says).condition("incident:read", user, &standing, moment).unwrap();
        let ours = condition.admits(&record);
        prop_assert_eq!(ours, by_cedar(&text, user, &groups, home.as_deref(), &record, moment), "{}", text);
    }
}

#[test]
fn what_cannot_be_said_to_every_store_is_refused_with_what_can() {
    let why = |text: &str| match read(text) {
        Err(Refused::Policy { why, .. }) => why,
        other => panic!("{text}: {other:?}"),
    };
    for conditions in [
        "when { context.second_factor || context.out_of_hours }",
        "when { !context.out_of_hours }",
        "unless { resource.own.contains(principal) }",
        r#"when { resource.domain == "health" }"#,
        "when { resource.domain == principal.domain }",
        r#"when { principal.domain != "" }"#,
        "when { if context.second_factor then true else false }",
        r#"when { principal == User::"ada" }"#,
    ] {
        assert!(why(&cased(conditions)).contains("every store"), "{conditions}");
    }
    let scoped =
        |scope: &str| why(&cased("").replacen("principal, action in [Action::\"incident:read\"], resource", scope, 1));
    assert!(scoped(r#"principal == User::"ada", action == Action::"incident:read", resource"#).contains("a role"));
    assert!(
        scoped(r#"principal, action == Action::"incident:read", resource == Record::"it""#).contains("all records")
    );
    assert!(scoped("principal, action, resource").contains("must name its actions"));
    assert!(why("forbid (principal, action == Action::\"incident:read\", resource);").contains("@name"));
    assert!(
        why(&cased("").replace("incident:read: silent", "incident:read: maybe"))
            .contains("permitted, forbidden, silent")
    );
    assert!(why(&cased("").replace("incident:read: silent", "")).contains("needs a case"));
    assert!(why(&cased("").replace(": silent", " if moon: silent")).contains("own_record"));
}

#[test]
fn what_is_no_policy_says_what_is_wrong() {
    let said = |text: &str| match read(text) {
        Err(Refused::Text(said)) => said,
        other => panic!("{text}: {other:?}"),
    };
    said("forbid (principal, action");
    assert!(said(&cased("").replace("\"incident:read\"]", "\"incident:raed\"]")).contains("incident:raed"));
    assert!(said(&cased("when { context.mood == \"good\" }")).contains("mood"));
    assert!(said("permit (principal == ?principal, action, resource);").contains("template"));
    assert!(Schema::from_cedarschema_str(&schema()).is_ok());
}

#[test]
fn a_resource_names_all_its_permissions_and_several_policies_keep_their_order() {
    let text = format!(
        "{}\n@name(\"Second\") @cases(\"ci:read if own_record: permitted\") permit (principal, action in Action::\"ci\", resource) \
         when {{ resource.own.contains(principal) }};",
        cased("")
    );
    let drafts = read(&text).unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.name.as_str()).collect::<Vec<_>>(), ["Any", "Second"]);
    assert!(drafts[1].permissions.contains("ci:retire") && !drafts[1].permissions.contains("incident:read"));
    assert_eq!(
        drafts[1].body()["cases"],
        json!([{ "permission": "ci:read", "given": ["own_record"], "expect": "permitted" }])
    );
    assert_eq!((&drafts[1].body()["effect"], &drafts[1].body()["when"]), (&json!("permit"), &json!(["own_record"])));
}
