//! Tenants of the journeys' own, with the few people that every story needs.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Ask, Caller, Receipt, System};

/// A tenant: handed over, with a group, an agent in it and somebody for whom things go wrong.
#[derive(Clone)]
pub struct Tenant {
    /// The system it is in.
    pub system: System,
    /// Its id.
    pub id: Uuid,
    /// Who runs it.
    pub admin: Caller,
    /// Who has an account in it and runs it.
    pub first: Caller,
    /// Who works in it.
    pub agent: Caller,
    /// For whom things go wrong.
    pub rita: Caller,
    /// The agent's group.
    pub desk: Uuid,
    /// The partition of its books, the same in all journals with as many.
    pub partition: i32,
}

impl Tenant {
    /// Begins one, whose name begins like this.
    pub async fn begin(system: &System, name: &str) -> Self {
        let platform = Caller::with_roles(system, "platform", Uuid::new_v4(), &["platform"]).await;
        let slug = format!("{name}-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let begun = platform.give("organizations", organization(&slug)).await;
        platform.give(&format!("organizations/{}/activate", begun.id), json!({})).await;
        let id = begun.id.to_string();

        // Whoever sets it up has no account in it: the token says what they may.
        let admin = Caller::with_roles(system, &id, Uuid::new_v4(), &["admin"]).await;
        let user = async |name: &str| {
            let email = format!("{}@{slug}.example", name.to_lowercase());
            admin.give("users", json!({ "name": name, "email": email })).await.id
        };
        let (alba, rita) = (user("Alba").await, user("Rita").await);
        // Nobody gives a role that they do not hold, so somebody holds them all: the first admin, whom anybody may name.
        let first = user("Fee").await;
        let role = |end: &str| json!({ "role": format!("00000000-0000-8000-8000-0000000000{end}") });
        admin.give(&format!("users/{first}/assign_role"), role("02")).await;
        let first = Caller::with_roles(system, &id, first, &["admin"]).await;
        for (user, end) in [(alba, "0e"), (rita, "0f")] {
            first.give(&format!("users/{user}/assign_role"), role(end)).await;
        }
        let agent = Caller::with_roles(system, &id, alba, &["agent"]).await;
        let rita = Caller::with_roles(system, &id, rita, &["end-user"]).await;
        let group = admin.give("groups", json!({ "name": "Desk" })).await;
        let (desk, partition) = (group.id, group.partition());
        admin.give(&format!("groups/{desk}/add_member"), json!({ "user": agent.user })).await;
        first.give(&format!("groups/{desk}/add_role"), role("0e")).await;
        Self { system: system.clone(), id: begun.id, admin, first, agent, rita, desk, partition }
    }

    /// What a report of Rita's says.
    pub fn report(&self, title: &str) -> Json {
        json!({ "short_description": title, "caller": self.rita.user, "channel": "phone", "impact": 2, "urgency": 2 })
    }

    /// An incident as the agent reports it.
    pub async fn incident(&self, title: &str) -> Receipt {
        self.agent.give("incidents", self.report(title)).await
    }

    /// The agent gives a command to an incident.
    pub async fn tell(&self, incident: Uuid, command: &str, body: Json) -> Receipt {
        self.agent.give(&format!("incidents/{incident}/{command}"), body).await
    }

    /// The incident goes to the desk's agent.
    pub async fn assign(&self, incident: Uuid) -> Receipt {
        self.assign_ask(incident).accepted().await
    }

    /// The command by which it does.
    pub fn assign_ask(&self, incident: Uuid) -> Ask {
        let body = json!({ "group": self.desk, "assignee": self.agent.user });
        self.agent.post(&format!("incidents/{incident}/assign"), body)
    }
}

/// What is said of a new organisation.
pub fn organization(slug: &str) -> Json {
    json!({ "name": slug, "slug": slug, "isolation": "shared", "owner_email": format!("owner@{slug}.example") })
}

/// A word that nobody has said before.
pub fn fresh(word: &str) -> String {
    format!("{word}{}", Uuid::new_v4().simple())
}
