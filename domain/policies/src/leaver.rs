//! The leaver: who is out of use holds no work. When a user is deactivated, each open incident of theirs gets a note that
//! says why and goes back to its group.

use daybook_identity::{User, user};
use daybook_incident::{Incident, incident};
use daybook_kernel::{Heard, Kind, Malformed, Memory, Order, Policy, kind::kind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

#[cfg(test)]
mod scenarios;

/// See the file.
#[derive(Debug)]
pub struct Leaver;

/// What it remembers of an incident that has an assignee.
#[derive(Debug, Serialize, Deserialize)]
struct Work {
    assignee: Uuid,
    group: Option<Uuid>,
    /// Whether there is still something to do: a resolved incident may be reopened.
    open: bool,
}

/// How the keys of these rows begin.
const WORK: &str = "incident/";

impl Policy for Leaver {
    fn name(&self) -> &'static str {
        "leaver"
    }

    fn hears(&self) -> &'static [&'static dyn Kind] {
        const { &[kind::<User>(), kind::<Incident>()] }
    }

    fn react(&self, memory: &mut Memory, heard: &Heard) -> Result<Vec<Order>, Malformed> {
        if let Some(event) = heard.of::<Incident>()? {
            follow(memory, heard.id, &event)?;
        }
        match heard.of::<User>()? {
            Some(user::Event::Deactivated) => give_back(memory, heard),
            _ => Ok(Vec::new()),
        }
    }
}

/// Keeps in mind who has which incident.
fn follow(memory: &mut Memory, id: Uuid, event: &incident::Event) -> Result<(), Malformed> {
    let key = format!("{WORK}{id}");
    match event {
        incident::Event::Assigned(incident::Assigned { group, assignee: Some(user), .. }) => {
            memory.put(key, &Work { assignee: user.id(), group: group.map(|group| group.id()), open: true })
        }
        incident::Event::Assigned(_) | incident::Event::Closed(_) | incident::Event::Cancelled(_) => {
            memory.forget(&key);
            Ok(())
        }
        incident::Event::Resolved(_) | incident::Event::Reopened(_) => match memory.get::<Work>(&key)? {
            Some(work) => memory.put(key, &Work { open: matches!(event, incident::Event::Reopened(_)), ..work }),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Two steps for each open incident of who has left. One without a group stays where it is: the note asks for a new owner.
fn give_back(memory: &Memory, left: &Heard) -> Result<Vec<Order>, Malformed> {
    let mut orders = Vec::new();
    for row in memory.starting::<Work>(WORK) {
        let (id, work) = row?;
        let Ok(id) = id.parse::<Uuid>() else { continue };
        if work.assignee != left.id || !work.open {
            continue;
        }
        let note = match work.group {
            Some(_) => "The assignee's account was taken out of use: the incident goes back to its group.",
            None => "The assignee's account was taken out of use, and no group has the incident: assign it anew.",
        };
        let note = json!({ "body": note, "visibility": "internal" });
        orders.push(Order::new::<Incident>(left.tenant, id, "add_comment", note));
        if let Some(group) = work.group {
            let assignment = json!({ "group": group, "instead_of": left.id });
            orders.push(Order::new::<Incident>(left.tenant, id, "assign", assignment));
        }
    }
    Ok(orders)
}
