//! Given what happened, when a user leaves, then these orders follow.

use daybook_identity::{User, user};
use daybook_incident::incident::{Assigned, AssignedBy, Closed, ClosedBy, Event, Incident, Reason, Resolved};
use daybook_kernel::{Heard, Memory, Order, Policy as _, Ref, Tenant, Time, kind::kind};
use uuid::Uuid;

use super::Leaver;

const TENANT: Tenant = Uuid::from_u128(0x7e);
const ANNA: Uuid = Uuid::from_u128(0xa);
const BERT: Uuid = Uuid::from_u128(0xb);
const DESK: Uuid = Uuid::from_u128(0xd);

/// A policy that has heard nothing yet.
#[derive(Default)]
struct Scene(Memory);

impl Scene {
    fn incident(&mut self, id: u128, event: &Event) -> Vec<Order> {
        let heard = Heard::new::<Incident>(TENANT, Uuid::from_u128(id), event, Time(0));
        Leaver.react(&mut self.0, &heard).unwrap()
    }

    fn given(mut self, id: u128, event: &Event) -> Self {
        assert_eq!(self.incident(id, event), [], "an incident alone is no reason to do anything");
        self
    }

    fn leaves(&mut self, user: Uuid) -> Vec<(u128, &'static str)> {
        let orders = self.orders(user, &user::Event::Deactivated);
        orders.iter().map(|order| (order.id.as_u128(), order.command)).collect()
    }

    fn orders(&mut self, user: Uuid, event: &user::Event) -> Vec<Order> {
        Leaver.react(&mut self.0, &Heard::new::<User>(TENANT, user, event, Time(0))).unwrap()
    }
}

fn assigned(group: Option<Uuid>, assignee: Option<Uuid>) -> Event {
    Event::Assigned(Assigned { group: group.map(Ref::new), assignee: assignee.map(Ref::new), by: AssignedBy::Person })
}

fn to(user: Uuid) -> Event {
    assigned(Some(DESK), Some(user))
}

fn resolved() -> Event {
    Event::Resolved(Resolved {
        resolution_code: "fixed".into(),
        resolution_notes: None,
        cause: None,
        with: None,
        resolved_at: Time(0),
    })
}

fn reason() -> Reason {
    Reason { reason: "it is back".into() }
}

#[test]
fn each_open_incident_gets_a_note_and_goes_back_to_its_group() {
    let mut scene = Scene::default().given(1, &to(ANNA)).given(2, &to(BERT)).given(3, &to(ANNA));
    let orders = scene.orders(ANNA, &user::Event::Deactivated);
    let told: Vec<_> = orders.iter().map(|order| (order.id.as_u128(), order.path, order.command)).collect();
    let both = |id| [(id, "incidents", "add_comment"), (id, "incidents", "assign")];
    assert_eq!(told, [both(1), both(3)].concat());
    assert_eq!(orders[1].body, serde_json::json!({ "group": DESK, "instead_of": ANNA }));
    // What they look like is what the command takes.
    for order in orders {
        let incident = kind::<Incident>();
        let command = incident.command(order.command).unwrap();
        daybook_kernel::json::parse(incident.commands()[command].body, &order.body).unwrap();
        assert_eq!(order.tenant, TENANT);
    }
}

#[test]
fn what_is_done_or_given_to_others_stays() {
    let closed = Event::Closed(Closed { by: ClosedBy::ServiceDesk, closed_at: Time(0) });
    let mut scene = Scene::default()
        .given(1, &to(ANNA))
        .given(1, &to(BERT))
        .given(2, &to(ANNA))
        .given(2, &assigned(Some(DESK), None))
        .given(3, &to(ANNA))
        .given(3, &resolved())
        .given(4, &to(ANNA))
        .given(4, &resolved())
        .given(4, &closed)
        .given(5, &to(ANNA))
        .given(5, &Event::Cancelled(reason()));
    assert_eq!(scene.leaves(ANNA), []);
}

#[test]
fn what_was_reopened_is_open() {
    let mut scene = Scene::default().given(1, &to(ANNA)).given(1, &resolved()).given(1, &Event::Reopened(reason()));
    assert_eq!(scene.leaves(ANNA), [(1, "add_comment"), (1, "assign")]);
}

#[test]
fn an_incident_without_a_group_only_gets_the_note() {
    let mut scene = Scene::default().given(1, &assigned(None, Some(ANNA)));
    assert_eq!(scene.leaves(ANNA), [(1, "add_comment")]);
}

#[test]
fn only_leaving_is_a_reason() {
    let mut scene = Scene::default().given(1, &to(ANNA));
    assert_eq!(scene.orders(ANNA, &user::Event::Reactivated), []);
}

#[test]
fn the_memory_survives_in_rows() {
    let mut scene = Scene::default().given(1, &to(ANNA)).given(2, &to(ANNA)).given(2, &assigned(Some(DESK), None));
    let rows = scene.0.take_changed();
    assert_eq!(rows.iter().map(|(_, row)| row.is_some()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(scene.0.take_changed(), []);
    let kept = rows.into_iter().filter_map(|(key, row)| Some((key, row?)));
    let mut again = Scene(Memory::of(kept));
    assert_eq!(again.leaves(ANNA), [(1, "add_comment"), (1, "assign")]);
}
