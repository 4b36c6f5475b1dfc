//! The stage of a load test: tenants of its own, each with a desk that can be given work.

use serde_json::json;
use uuid::Uuid;

use crate::api::{Api, Command};
use crate::fault::Fault;
use crate::role::Role;
use crate::settings::Settings;
use crate::tenant;

/// A tenant with a group of one agent.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The tenant.
    pub tenant: Uuid,
    /// A token of its agent.
    pub token: String,
    /// The agent, who is the caller too.
    pub user: Uuid,
    /// The agent's group.
    pub group: Uuid,
}

/// Begins that many tenants for one run.
pub async fn build(api: &Api, settings: &Settings, run: &str, tenants: usize) -> Result<Vec<Desk>, Fault> {
    let mut desks = Vec::new();
    for place in 1..=tenants {
        let slug = format!("bench-{run}-{place}");
        let tenant = tenant::open(api, settings, &slug, &slug).await?;
        let token = tenant::token(settings, tenant, tenant::operator(tenant), &[Role::Admin])?;
        let api = api.acting_as(&token);
        let give = async |path: String, body| {
            let command = Command { key: format!("bench/{path}"), path, body, occurred_at: None };
            let doing = format!("preparing the tenant {slug}");
            api.give_when_known(&command)
                .await
                .map(|receipt| receipt.id)
                .map_err(|failure| Fault::Api { doing, failure })
        };
        let user =
            give("users".into(), json!({ "name": "Bench Agent", "email": format!("agent@{slug}.example") })).await?;
        let group = give("groups".into(), json!({ "name": "Service Desk" })).await?;
        give(format!("groups/{group}/add_member"), json!({ "user": user })).await?;
        // One command whose facts come from other journals tells that they have come through.
        let report = json!({ "short_description": "Warm-up", "caller": user, "channel": "api", "impact": 3, "urgency": 3, "cis": [] });
        let incident = give("incidents".into(), report).await?;
        give(format!("incidents/{incident}/assign"), json!({ "group": group, "assignee": user })).await?;
        desks.push(Desk { tenant, token, user, group });
    }
    Ok(desks)
}
