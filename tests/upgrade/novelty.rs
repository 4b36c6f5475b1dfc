//! The new command in use: given to aggregates of tenants of its own, by either instance.

use serde_json::json;
use uuid::Uuid;

use crate::{
    contract::Command,
    system::{Answer, System, Tenant},
};

/// Gives a new command once, by that instance, to what the tenant has; what it said.
///
/// An incident is new, assigned or being worked on: whatever the command can be given to.
pub async fn give(tenant: &Tenant, command: &Command, system: &System, instance: &str) -> Option<Answer> {
    let url = system.url(instance);
    let ask = |id: Uuid| {
        let path = format!("{}/{id}/{}", command.aggregates, command.name);
        let caller = if command.aggregates == "incidents" { &tenant.agent } else { &tenant.admin };
        caller.post(&path, command.body.clone()).through([url.as_str()])
    };
    match command.aggregates.as_str() {
        "organizations" => Some(ask(tenant.id).send().await),
        "groups" => Some(ask(tenant.desk).send().await),
        "users" => {
            // Somebody of its own: it may be the end of the account.
            let email = format!("{}@novelty.example", Uuid::new_v4().simple());
            let somebody = tenant.admin.give("users", json!({ "name": "Nova", "email": email })).await.id;
            Some(ask(somebody).send().await)
        }
        "incidents" => {
            let incident = tenant.incident("Something new").await.id;
            for step in [None, Some("assign"), Some("start")] {
                match step {
                    Some("assign") => _ = tenant.assign(incident).await,
                    Some(step) => _ = tenant.tell(incident, step, json!({})).await,
                    None => {}
                }
                let answer = ask(incident).send().await;
                if answer.code() != "INVALID_TRANSITION" {
                    return Some(answer);
                }
            }
            None
        }
        _ => None,
    }
}
