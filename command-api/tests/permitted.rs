//! Who may give which command is decided on the books: on what the identity book says of the person, and on the record as it
//! stands.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{path::Path, sync::Arc};

use daybook_command_api::{
    command::{Answer, Command},
    machine::{BooksMachine, Shared},
};
use daybook_contents::{context, kind, permissions::built_in};
use daybook_journal::{Admitted, Decision, Machine};
use daybook_kernel::{Actor, PLATFORM, json};
use daybook_schemas::sealing::Sealer;
use serde_json::{Value as Json, json};
use uuid::Uuid;

// Other tests use more of it.
#[allow(dead_code)]
mod desk;

use desk::TENANT;

const ADA: u128 = 0xada;
const BEN: u128 = 0xbe;
const CLEO: u128 = 0xc1e0;
const INCIDENT: u128 = 0x1;

/// The owner of all of a tenant's books, on which everybody stands who is in the identity book.
struct House {
    shared: Shared,
    machines: Vec<(&'static str, BooksMachine, u64)>,
    now: i64,
}

impl House {
    fn open(folder: &Path) -> Self {
        let shared = desk::shared(folder);
        let machine = |name| (name, BooksMachine::new(context(name).unwrap(), 0, shared.clone()), 0);
        let mut house = Self {
            machines: ["tenancy", "identity", "incident"].map(machine).into(),
            shared,
            // A Friday at noon.
            now: 1_795_780_800_000_000,
        };
        let organization =
            json!({ "name": "Acme", "slug": "acme", "isolation": "shared", "owner_email": "o@acme.example" });
        let id = TENANT.as_u128();
        assert_eq!(house.staff("tenancy.Organization", id, "create", organization), "ok");
        assert_eq!(house.staff("tenancy.Organization", id, "activate", json!({})), "ok");
        house
    }

    /// What is said to a command: `ok`, or the code of the refusal.
    fn give(&mut self, command: Command) -> String {
        self.now += 1;
        let wanted = command.steps[0][0].kind.meta().context;
        let (name, machine, number) = self.machines.iter_mut().find(|(name, ..)| *name == wanted).unwrap();
        let answer = match machine.decide(&command, *number + 1, self.now) {
            Decision::Answer(answer) => answer,
            Decision::Append { value, answer, .. } => {
                *number += 1;
                let position = daybook_journal::Position {
                    topic: format!("journal.{name}").into(),
                    partition: 0,
                    number: *number,
                };
                let (checkpoint, offset) = (desk::checkpoint(*number), i64::try_from(*number).unwrap());
                let admitted = Admitted {
                    position,
                    offset,
                    timestamp: 0,
                    value: value.as_slice().into(),
                    traceparent: None,
                    checkpoint,
                    own: true,
                };
                machine.admitted(&admitted).unwrap();
                answer
            }
        };
        match answer {
            Answer::Rejected(rejection) => rejection.code.to_owned(),
            Answer::Accepted(_) | Answer::Unchanged { .. } => "ok".to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn command(&self, type_name: &str, id: u128, name: &str, body: Json) -> Command {
        let kind = kind(type_name).unwrap();
        let place = kind.command(name).unwrap_or_else(|| panic!("no command {name}"));
        let shape = kind.commands()[place].body;
        let mut body = json::parse(shape, &body).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let tenant = if kind.meta().context == "tenancy" { PLATFORM } else { TENANT };
        Sealer::new(&[7; 32]).derived(tenant, Uuid::from_u128(id)).seal(shape, &mut body).unwrap();
        Command {
            tenant,
            steps: vec![Command::step(kind, Uuid::from_u128(id), place, body)].into(),
            id: format!("{}", self.now).into(),
            seed: Uuid::from_u128((self.now as u128) << 64),
            ..desk::create("key", id, "a name")
        }
    }

    /// A command of the platform's staff or of a service, whose token says it all.
    fn staff(&mut self, type_name: &str, id: u128, name: &str, body: Json) -> String {
        let command = self.command(type_name, id, name, body);
        self.give(command)
    }

    /// A command of a person of the tenant, whose token says this.
    fn person(&mut self, user: u128, token: &str, to: (&str, u128, &str), body: Json) -> String {
        let command = self.command(to.0, to.1, to.2, body);
        self.give(Command {
            actor: Actor::User(Uuid::from_u128(user)),
            member_of: TENANT,
            token: Arc::new([token.to_owned()].into()),
            second_factor: false,
            ..command
        })
    }

    fn user(&mut self, id: u128, domain: Option<&str>) {
        let body = json!({ "email": format!("{id}@acme.example"), "name": "Somebody", "domain": domain });
        assert_eq!(self.staff("identity.User", id, "register", body), "ok");
    }

    fn role(&mut self, user: u128, role: &str) -> String {
        let role = built_in::named(role).unwrap().id;
        self.staff("identity.User", user, "assign_role", json!({ "role": role }))
    }

    fn report(&mut self, by: u128, id: u128, caller: u128) -> String {
        let body = json!({
            "short_description": "The lift is stuck", "caller": Uuid::from_u128(caller), "channel": "portal", "impact": 2, "urgency": 2,
        });
        self.person(by, "*", ("incident.Incident", id, "report"), body)
    }

    fn comment(&mut self, by: u128, id: u128) -> String {
        let body = json!({ "body": "Any news?", "visibility": "public" });
        self.person(by, "*", ("incident.Incident", id, "add_comment"), body)
    }
}

#[test]
fn an_end_user_comments_own_incidents_and_learns_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    for user in [ADA, BEN, CLEO] {
        house.user(user, None);
    }
    assert_eq!(house.role(ADA, "End User"), "ok");
    assert_eq!(house.role(BEN, "Agent"), "ok");
    assert_eq!(house.report(ADA, INCIDENT, ADA), "ok");
    assert_eq!(house.report(ADA, INCIDENT + 1, CLEO), "ok", "everybody reports, for whomever");
    assert_eq!(house.comment(ADA, INCIDENT), "ok");
    assert_eq!(house.comment(ADA, INCIDENT + 1), "NOT_FOUND");
    assert_eq!(house.comment(BEN, INCIDENT + 1), "ok");
    assert_eq!(house.comment(CLEO, INCIDENT + 1), "FORBIDDEN", "who holds no role may do nothing");
    assert_eq!(house.comment(0xdead, INCIDENT + 1), "ok", "who is not in the book has what the token says");
}

#[test]
fn what_is_revoked_is_gone_whatever_the_token_says_and_a_token_gives_no_more_than_the_book() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    house.user(ADA, None);
    house.user(BEN, None);
    assert_eq!(house.report(0xdead, INCIDENT, BEN), "ok");
    assert_eq!(house.role(ADA, "Agent"), "ok");
    let start = ("incident.Incident", INCIDENT, "escalate");
    let body = json!({ "level": 2, "kind": "functional", "reason": "Nobody knows" });
    assert_eq!(house.person(ADA, "incident:comment", start, body.clone()), "FORBIDDEN", "the token says less");
    assert_eq!(house.person(ADA, "incident:escalate", start, body.clone()), "ok");
    let agent = built_in::named("Agent").unwrap().id;
    assert_eq!(house.staff("identity.User", ADA, "revoke_role", json!({ "role": agent })), "ok");
    assert_eq!(house.person(ADA, "*", start, body.clone()), "FORBIDDEN");

    // By a group, and no longer once the group is left.
    assert_eq!(house.staff("identity.Group", 0x6, "create", json!({ "name": "Desk" })), "ok");
    assert_eq!(house.staff("identity.Group", 0x6, "add_role", json!({ "role": agent })), "ok");
    assert_eq!(house.staff("identity.Group", 0x6, "add_member", json!({ "user": Uuid::from_u128(ADA) })), "ok");
    assert_eq!(house.person(ADA, "*", start, body.clone()), "ok");
    assert_eq!(house.staff("identity.Group", 0x6, "remove_member", json!({ "user": Uuid::from_u128(ADA) })), "ok");
    assert_eq!(house.person(ADA, "*", start, body), "FORBIDDEN");
}

#[test]
fn domains_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    house.user(ADA, Some("health"));
    house.user(BEN, Some("justice"));
    house.user(CLEO, None);
    for user in [ADA, BEN, CLEO] {
        assert_eq!(house.role(user, "Service Desk Manager"), "ok");
    }
    assert_eq!(house.report(ADA, INCIDENT, ADA), "ok");
    assert_eq!(house.comment(ADA, INCIDENT), "ok");
    assert_eq!(house.comment(BEN, INCIDENT), "NOT_FOUND");
    assert_eq!(house.comment(CLEO, INCIDENT), "ok", "of the whole organisation");
    assert_eq!(house.report(BEN, INCIDENT + 1, ADA), "FORBIDDEN", "nobody begins something in another domain");
    assert_eq!(house.comment(CLEO, INCIDENT + 1), "NOT_FOUND", "and so it was not begun");
    assert_eq!(house.report(CLEO, INCIDENT + 1, ADA), "ok");
}

#[test]
fn a_policy_forbids_whatever_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    house.user(ADA, None);
    house.user(BEN, None);
    assert_eq!(house.role(ADA, "Agent"), "ok");
    assert_eq!(house.report(ADA, INCIDENT, BEN), "ok");
    assert_eq!(house.report(ADA, INCIDENT + 1, ADA), "ok");
    let policy = json!({
        "name": "Nobody works on their own", "effect": "forbid", "permissions": ["incident:comment"], "when": ["own_record"],
        "cases": [{ "permission": "incident:comment", "given": ["own_record"], "expect": "forbidden" }],
    });
    assert_eq!(house.staff("identity.AccessPolicy", 0x9, "draft", policy), "ok");
    assert_eq!(house.comment(ADA, INCIDENT + 1), "ok", "a draft says nothing yet");
    assert_eq!(house.staff("identity.AccessPolicy", 0x9, "activate", json!({})), "ok");
    assert_eq!(house.comment(ADA, INCIDENT + 1), "FORBIDDEN");
    assert_eq!(house.comment(ADA, INCIDENT), "ok");
    assert_eq!(house.staff("identity.AccessPolicy", 0x9, "retire", json!({})), "ok");
    assert_eq!(house.comment(ADA, INCIDENT + 1), "ok");
    assert!(house.shared.standings.of(TENANT, Uuid::from_u128(ADA)).unwrap().policies.is_empty());
}

#[test]
fn who_is_stopped_may_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    house.user(ADA, None);
    assert_eq!(house.role(ADA, "Agent"), "ok");
    assert_eq!(house.report(ADA, INCIDENT, ADA), "ok");
    assert_eq!(house.staff("identity.User", ADA, "suspend", json!({ "reason": "Leave" })), "ok");
    assert_eq!(house.comment(ADA, INCIDENT), "FORBIDDEN");
    assert_eq!(house.staff("identity.User", ADA, "reactivate", json!({})), "ok");
    assert_eq!(house.comment(ADA, INCIDENT), "ok");
}
