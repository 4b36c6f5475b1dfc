//! The matrix of the ITSM design: what each of its roles may do to which incidents.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{collections::BTreeSet, sync::Arc};

use daybook_authority::{By, Held, Moment, Principal, Resource, Standing, decide};
use daybook_contents::permissions::built_in;
use daybook_facts::user;
use daybook_kernel::Time;
use uuid::Uuid;

const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const MY_GROUP: Uuid = Uuid::from_u128(11);
const OTHER_GROUP: Uuid = Uuid::from_u128(12);

fn may(role: &str, permission: &str, of: Uuid, group: Uuid) -> bool {
    let by = By::BuiltIn(built_in::named(role).unwrap());
    let standing = Standing {
        status: user::Status::Active,
        domain: None,
        groups: BTreeSet::from([MY_GROUP]),
        held: vec![Held { by, through: None, domain: None, until: None }],
        policies: Arc::new([]),
    };
    let principal = Principal { user: ME, tenant: Uuid::nil(), standing: Some(Arc::new(standing)), token: None };
    let incident = Resource { own: vec![of], team: vec![group], domain: None };
    decide(&principal, permission, &incident, Moment::at(Time(0))).permitted
}

#[test]
fn an_end_user_reads_and_comments_own_incidents_only() {
    for role in ["End User", "Employee", "Citizen", "Organization Member", "CAB Member"] {
        for permission in ["incident:read", "incident:comment", "incident:confirm"] {
            assert!(may(role, permission, ME, MY_GROUP), "{role} {permission} of their own");
            assert!(!may(role, permission, OTHER, MY_GROUP), "{role} {permission} of another's");
        }
        assert!(may(role, "incident:report", OTHER, OTHER_GROUP), "{role} reports, for whomever");
        assert!(!may(role, "incident:assign", ME, MY_GROUP));
    }
}

#[test]
fn figures_are_of_the_team_for_agents_and_of_all_for_who_leads() {
    for role in ["Agent", "Technician"] {
        assert!(may(role, "incident:measure", OTHER, MY_GROUP), "{role}");
        assert!(!may(role, "incident:measure", OTHER, OTHER_GROUP), "{role}");
        assert!(may(role, "incident:assign", OTHER, OTHER_GROUP), "{role} assigns whatever there is");
    }
    for role in ["IT Manager", "Service Desk Manager", "Administrator", "Organization Admin", "Analyst"] {
        assert!(may(role, "incident:measure", OTHER, OTHER_GROUP), "{role}");
    }
    assert!(!may("End User", "incident:measure", ME, MY_GROUP));
}
