//! Given a new organisation, then these orders follow.

use daybook_identity::User;
use daybook_kernel::{Heard, Kind, Memory, Order, PLATFORM, Personal, Policy as _, Ref, Sealed, Time, kind::kind};
use daybook_tenancy::{
    Organization,
    organization::{Event, Isolation, Profile, Reason},
};
use serde_json::json;
use uuid::Uuid;

use super::Onboarding;

const ACME: Uuid = Uuid::from_u128(0xac);
const OWNER: Uuid = Uuid::from_u128(0x0e);

fn sealed(text: &str) -> Box<Sealed> {
    Box::new(Sealed { key: ACME, nonce: [7; 12], ciphertext: text.as_bytes().into() })
}

fn profile() -> Profile {
    Profile {
        name: "Acme".into(),
        slug: "acme".into(),
        region: None,
        isolation: Isolation::Shared,
        owner_email: Personal::Sealed(sealed("address")),
        first_admin: Some(Personal::Sealed(sealed("name"))),
        owner: Some(Ref::new(OWNER)),
    }
}

fn hears(event: &Event) -> Vec<Order> {
    Onboarding.react(&mut Memory::default(), &Heard::new::<Organization>(PLATFORM, ACME, event, Time(0))).unwrap()
}

#[test]
fn its_first_admin_is_invited_and_it_is_handed_over() {
    let orders = hears(&Event::Created(profile()));
    let [invite, activate] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!((invite.tenant, invite.path, invite.id, invite.command), (ACME, "users", OWNER, "invite"));
    // What it heard sealed it hands on sealed.
    assert_eq!(invite.body["email"]["sealed"]["key"], json!(ACME));
    assert_ne!(invite.body["email"], invite.body["name"]);
    assert_eq!(invite.body["roles"], json!([{ "role": daybook_identity::built_in::ORGANIZATION_ADMIN.id() }]));
    assert_eq!((activate.tenant, activate.id, activate.command), (PLATFORM, ACME, "activate"));
}

#[test]
fn what_the_orders_say_is_what_the_commands_take() {
    let orders = hears(&Event::Created(profile()));
    let failing = orders[0].or_else.as_deref().unwrap().clone();
    assert_eq!((failing.tenant, failing.id, failing.command), (PLATFORM, ACME, "fail_provisioning"));
    let takes = |kind: &'static dyn Kind, order: &Order| {
        let shape = kind.commands()[kind.command(order.command).unwrap()].body;
        daybook_kernel::json::restore(shape, &order.body).unwrap();
    };
    takes(kind::<User>(), &orders[0]);
    takes(kind::<Organization>(), &failing);
    takes(kind::<Organization>(), &orders[1]);
}

#[test]
fn one_that_is_set_up_by_hand_is_left_alone() {
    assert_eq!(hears(&Event::Created(Profile { first_admin: None, ..profile() })), []);
    assert_eq!(hears(&Event::Activated), []);
    assert_eq!(hears(&Event::Suspended(Reason { reason: "unpaid".into() })), []);
}
