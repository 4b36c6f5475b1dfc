//! Onboarding: a new organisation whose first admin is named is set up and handed over. Its slug is reserved in the platform's
//! book when it is created; the admin is invited in its own book; then it is activated. Where that cannot be done the
//! platform's book says so, which gives the slug free again.
//!
//! Roles, number series, the working calendar and all other settings are there from the beginning: they are declared.

use daybook_identity::{User, built_in::ORGANIZATION_ADMIN};
use daybook_kernel::{Heard, Kind, Malformed, Memory, Order, PLATFORM, Policy, Value, json, kind::kind};
use daybook_tenancy::{
    Organization,
    organization::{Event, Profile},
};
use serde_json::{Value as Json, json};

#[cfg(test)]
mod scenarios;

/// See the file.
#[derive(Debug)]
pub struct Onboarding;

impl Policy for Onboarding {
    fn name(&self) -> &'static str {
        "onboarding"
    }

    fn hears(&self) -> &'static [&'static dyn Kind] {
        const { &[kind::<Organization>()] }
    }

    fn react(&self, _: &mut Memory, heard: &Heard) -> Result<Vec<Order>, Malformed> {
        let Some(Event::Created(profile)) = heard.of::<Organization>()? else { return Ok(Vec::new()) };
        let Profile { owner_email, first_admin: Some(name), owner: Some(owner), .. } = profile else {
            return Ok(Vec::new());
        };
        let organization = heard.id;
        let invitation = json!({
            "email": written(&owner_email), "name": written(&name), "roles": [{ "role": ORGANIZATION_ADMIN.id() }],
        });
        let failed = json!({ "reason": "its first admin could not be invited" });
        Ok(vec![
            Order::new::<User>(organization, owner.id(), "invite", invitation).or_else(Order::new::<Organization>(
                PLATFORM,
                organization,
                "fail_provisioning",
                failed,
            )),
            Order::new::<Organization>(PLATFORM, organization, "activate", json!({})),
        ])
    }
}

fn written<T: Value>(value: &T) -> Json {
    json::write(&T::SHAPE, &value.to_datum())
}
