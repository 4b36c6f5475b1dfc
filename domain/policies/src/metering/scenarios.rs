//! Given what was begun and ended, then the meter is told these levels.

use daybook_cmdb::{ConfigurationItem, configuration_item};
use daybook_kernel::{Aggregate, Heard, Memory, Order, PLATFORM, Policy as _, Ref, Tenant, Time, kind::kind};
use daybook_tenancy::{
    Organization, Team, UsageMeter,
    organization::{self, Member, Role, Who},
    team, usage_meter,
};
use uuid::Uuid;

use super::Metering;

const ACME: Tenant = Uuid::from_u128(0xac);
const OTHER: Tenant = Uuid::from_u128(0x07);

/// A policy that has heard nothing yet, with the memory of one tenant.
#[derive(Default)]
struct Scene(Memory);

impl Scene {
    fn hears<A: Aggregate>(&mut self, tenant: Tenant, id: Uuid, event: &A::Event) -> Vec<String> {
        let orders = Metering.react(&mut self.0, &Heard::new::<A>(tenant, id, event, Time(0))).unwrap();
        orders.iter().map(said).collect()
    }

    fn organization(&mut self, id: Uuid, event: &organization::Event) -> Vec<String> {
        self.hears::<Organization>(PLATFORM, id, event)
    }

    fn team(&mut self, event: &team::Event) -> Vec<String> {
        self.hears::<Team>(ACME, Uuid::from_u128(1), event)
    }

    fn retired(&mut self) -> Vec<String> {
        self.hears::<ConfigurationItem>(ACME, Uuid::from_u128(2), &configuration_item::Event::Retired)
    }
}

/// An order in one line; what it looks like is what the command takes.
fn said(order: &Order) -> String {
    let meter = kind::<UsageMeter>();
    let command = meter.command(order.command).unwrap();
    daybook_kernel::json::parse(meter.commands()[command].body, &order.body).unwrap();
    assert_eq!((order.path, order.tenant), ("usage-meters", order.id), "a meter has its tenant's id");
    format!("{:x} {} {}", order.tenant.as_u128(), order.command, order.body)
}

fn added(user: u128) -> organization::Event {
    organization::Event::MemberAdded(Member { user: Ref::new(Uuid::from_u128(user)), role: Role::Member })
}

fn removed(user: u128) -> organization::Event {
    organization::Event::MemberRemoved(Who { user: Ref::new(Uuid::from_u128(user)) })
}

fn created() -> team::Event {
    team::Event::Created(team::NewTeam { name: "Desk".into(), domain: None })
}

fn opened() -> usage_meter::Event {
    usage_meter::Event::Opened(usage_meter::Month { period: "2026-11".into() })
}

#[test]
fn a_meter_runs_from_the_hand_over_on_and_is_told_of_members() {
    let mut scene = Scene::default();
    assert_eq!(scene.organization(ACME, &added(1)), [""; 0]);
    assert_eq!(scene.organization(OTHER, &added(1)), [""; 0]);
    let orders = scene.organization(ACME, &organization::Event::Activated);
    assert_eq!(orders, ["ac open {}", r#"ac measure {"metric":"members","level":1}"#]);
    assert_eq!(scene.organization(ACME, &added(2)), [r#"ac measure {"metric":"members","level":2}"#]);
    assert_eq!(scene.organization(ACME, &removed(1)), [r#"ac measure {"metric":"members","level":1}"#]);
    assert_eq!(scene.organization(OTHER, &added(2)), [""; 0], "not handed over yet");
}

#[test]
fn what_there_is_before_the_meter_runs_is_told_when_it_does() {
    let mut scene = Scene::default();
    assert_eq!(scene.team(&created()), [""; 0]);
    assert_eq!(scene.team(&created()), [""; 0]);
    let orders = scene.hears::<UsageMeter>(ACME, ACME, &opened());
    assert_eq!(orders, [r#"ac measure {"metric":"teams","level":2}"#]);
    assert_eq!(scene.team(&team::Event::Disbanded), [r#"ac measure {"metric":"teams","level":1}"#]);
}

#[test]
fn a_level_never_falls_below_nothing() {
    let mut scene = Scene::default();
    scene.hears::<UsageMeter>(ACME, ACME, &opened());
    assert_eq!(scene.retired(), [r#"ac measure {"metric":"configuration_items","level":0}"#]);
}
