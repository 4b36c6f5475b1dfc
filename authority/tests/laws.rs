//! The laws of authorisation, over principals, policies and records of every form.

use std::{collections::BTreeSet, sync::Arc};

use daybook_authority::{By, Condition, Filter, Held, Moment, Policy, Principal, Resource, Standing, decide, explain};
use daybook_contents::permissions::built_in::BUILT_IN;
use daybook_facts::{
    self as facts, Reach,
    access_policy::{self, Attribute, Effect},
    role, user,
};
use daybook_kernel::{Permission, Time};
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

/// Persons and groups, few, so that they meet.
const PEOPLE: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
const GROUPS: [Uuid; 3] = [Uuid::from_u128(11), Uuid::from_u128(12), Uuid::from_u128(13)];
const DOMAINS: [&str; 2] = ["health", "justice"];
const PERMISSIONS: [&str; 4] = ["incident:read", "incident:comment", "incident:measure", "ci:read"];

fn domain() -> impl Strategy<Value = Option<String>> {
    option::of(select(DOMAINS.to_vec()).prop_map(str::to_owned))
}

fn permissions() -> impl Strategy<Value = BTreeSet<Permission>> {
    vec(select(PERMISSIONS.to_vec()).prop_map(Permission::from), 1..3).prop_map(BTreeSet::from_iter)
}

fn held() -> impl Strategy<Value = Held> {
    let reach = select(vec![Reach::Own, Reach::Team, Reach::Domain, Reach::Tenant]);
    let own = (permissions(), reach, any::<u128>()).prop_map(|(permissions, reach, id)| {
        let (status, name) = (role::Status::Active, "Own".to_owned());
        By::Role(Uuid::from_u128(id), Arc::new(facts::Role { status, name, domain: None, reach, permissions }))
    });
    let by = prop_oneof![own, (0..BUILT_IN.len()).prop_map(|n| By::BuiltIn(&BUILT_IN[n]))];
    (by, domain(), option::of((0i64..100).prop_map(Time))).prop_map(|(by, domain, until)| Held {
        by,
        through: None,
        domain,
        until,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    use Attribute::{NoSecondFactor, OtherDomain, OutOfHours, OwnRecord, SameDomain, SameGroup, SecondFactor};
    let all = vec![OwnRecord, SameGroup, SameDomain, OtherDomain, SecondFactor, NoSecondFactor, OutOfHours];
    let effect = select(vec![Effect::Permit, Effect::Forbid]);
    (effect, permissions(), vec(select(all), 0..3)).prop_map(|(effect, permissions, when)| {
        let (status, name) = (access_policy::Status::Active, "A policy".to_owned());
        let when = when.into_iter().collect();
        Policy::new(Uuid::from_u128(7), facts::AccessPolicy { status, name, effect, permissions, when })
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    let status = prop_oneof![9 => Just(user::Status::Active), 1 => Just(user::Status::Suspended)];
    let groups = vec(select(GROUPS.to_vec()), 0..3).prop_map(BTreeSet::from_iter);
    (status, domain(), groups, vec(held(), 0..4), vec(policy(), 0..3)).prop_map(
        |(status, domain, groups, held, policies)| Standing { status, domain, groups, held, policies: policies.into() },
    )
}

fn token() -> impl Strategy<Value = Option<Arc<BTreeSet<String>>>> {
    let said = select(vec!["*", "incident:*", "incident:read", "ci:read"]).prop_map(str::to_owned);
    option::of(vec(said, 0..3).prop_map(|said| Arc::new(said.into_iter().collect())))
}

fn principal() -> impl Strategy<Value = Principal> {
    (option::weighted(0.9, standing()), token()).prop_map(|(standing, token)| Principal {
        user: PEOPLE[0],
        tenant: Uuid::from_u128(99),
        standing: standing.map(Arc::new),
        token,
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    (vec(select(PEOPLE.to_vec()), 0..3), vec(select(GROUPS.to_vec()), 0..2), domain())
        .prop_map(|(own, team, domain)| Resource { own, team, domain })
}

fn moment() -> impl Strategy<Value = Moment> {
    (0i64..100, any::<bool>()).prop_map(|(now, second_factor)| Moment { now: Time(now), second_factor })
}

fn permission() -> impl Strategy<Value = &'static str> {
    select(PERMISSIONS.to_vec())
}

fn with(principal: &Principal, change: impl FnOnce(&mut Standing)) -> Principal {
    let mut standing = principal.standing.as_deref().cloned().unwrap_or_else(|| Standing {
        status: user::Status::Active,
        domain: None,
        groups: BTreeSet::new(),
        held: Vec::new(),
        policies: Arc::new([]),
    });
    change(&mut standing);
    Principal { standing: Some(Arc::new(standing)), ..principal.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A store that filters shows exactly what would be permitted one by one.
    #[test]
    fn a_filter_admits_what_is_permitted(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(),
    ) {
        let filter = Filter::of(&principal, permission, moment);
        prop_assert_eq!(filter.admits(&resource), decide(&principal, permission, &resource, moment).permitted);
        prop_assert!(!(filter.is_nothing() && filter.admits(&resource)));
        prop_assert!(!filter.is_everything() || filter.admits(&resource));
    }

    #[test]
    fn what_nobody_has_given_is_not_permitted(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(),
    ) {
        let bare = with(&principal, |standing| {
            standing.held.clear();
            standing.policies = standing.policies.iter().filter(|policy| policy.forbids()).cloned().collect();
        });
        prop_assert!(!decide(&bare, permission, &resource, moment).permitted);
        prop_assert!(Filter::of(&bare, permission, moment).is_nothing());
    }

    #[test]
    fn what_is_forbidden_is_so_whatever_is_held(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(), more in vec(held(), 0..3),
    ) {
        let says = facts::AccessPolicy {
            status: access_policy::Status::Active,
            name: "Nobody".into(),
            effect: Effect::Forbid,
            permissions: [Permission::from(permission)].into(),
            when: BTreeSet::new(),
        };
        let forbidden = with(&principal, |standing| {
            standing.held.extend(more);
            standing.policies = standing.policies.iter().cloned().chain([Policy::new(Uuid::nil(), says)]).collect();
        });
        prop_assert!(!decide(&forbidden, permission, &resource, moment).permitted);
    }

    #[test]
    fn another_role_takes_nothing_away(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(), more in held(),
    ) {
        prop_assume!(principal.standing.is_some());
        let richer = with(&principal, |standing| standing.held.push(more));
        let before = decide(&principal, permission, &resource, moment).permitted;
        prop_assert!(!before || decide(&richer, permission, &resource, moment).permitted);
    }

    /// No role, no policy and no token reaches over to another domain.
    #[test]
    fn domains_are_apart(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(),
    ) {
        let own = principal.standing.as_ref().and_then(|standing| standing.domain.clone());
        if let (Some(own), Some(other)) = (own, &resource.domain) {
            prop_assert!(own == *other || !decide(&principal, permission, &resource, moment).permitted);
        }
    }

    /// Who is out of use may do nothing, and nobody more than the token says.
    #[test]
    fn a_standing_and_a_token_are_the_most(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(),
    ) {
        let permitted = |principal: &Principal| decide(principal, permission, &resource, moment).permitted;
        for status in [user::Status::PendingVerification, user::Status::Locked, user::Status::Suspended, user::Status::Inactive] {
            let stopped = with(&principal, |standing| standing.status = status);
            prop_assert!(!permitted(&stopped), "{:?}", status);
            prop_assert!(Filter::of(&stopped, permission, moment).is_nothing());
        }
        let silent = Principal { token: Some(Arc::default()), ..principal.clone() };
        prop_assert!(!permitted(&silent));
        prop_assert!(Filter::of(&silent, permission, moment).is_nothing());
    }

    /// A role that is held for a domain gives nothing in another, nor in the whole organisation.
    #[test]
    fn a_role_held_for_a_domain_stays_there(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(), held in vec(held(), 1..4),
    ) {
        prop_assume!(resource.domain.as_deref() != Some("health"));
        let there = with(&principal, |standing| {
            standing.held = held.into_iter().map(|held| Held { domain: Some("health".into()), ..held }).collect();
            standing.policies = Arc::new([]);
        });
        prop_assert!(!decide(&there, permission, &resource, moment).permitted);
    }

    /// Whatever is explained agrees with what is decided.
    #[test]
    fn an_explanation_agrees(
        principal in principal(), permission in permission(), resource in resource(), moment in moment(),
    ) {
        let decision = decide(&principal, permission, &resource, moment);
        let found = explain(&principal, permission, &resource, moment);
        let grants = found.iter().any(|one| one.applies && one.says.contains("give") && one.what != "account")
            || found.iter().any(|one| one.applies && one.what == "policy" && one.says.ends_with("permits it"));
        prop_assert!(!decision.permitted || grants, "{:?}", found);
    }

    /// A condition that was made simpler says the same.
    #[test]
    fn simpler_conditions_say_the_same(some in vec(condition(), 0..4), resource in resource()) {
        let all = some.iter().all(|one| one.admits(&resource));
        let any = some.iter().any(|one| one.admits(&resource));
        prop_assert_eq!(Condition::all(some.clone()).admits(&resource), all);
        prop_assert_eq!(Condition::any(some.clone()).admits(&resource), any);
        for one in some {
            prop_assert_eq!(one.clone().negated().admits(&resource), !one.admits(&resource));
        }
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Always),
        Just(Condition::Never),
        Just(Condition::NoDomain),
        select(PEOPLE.to_vec()).prop_map(Condition::Own),
        vec(select(GROUPS.to_vec()), 0..2).prop_map(Condition::Team),
        select(DOMAINS.to_vec()).prop_map(|domain| Condition::Domain(domain.into())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}
