//! What a client of the load test does: the life of one incident after another, five commands each, as an agent gives them.

use std::cell::Cell;
use std::rc::Rc;

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::filled::Filled;
use super::stage::Desk;
use super::wire::Wire;

/// The commands after the report, in order.
const LIFE: [&str; 4] = ["assign", "start", "add_comment", "resolve"];

/// The place of the comment among them.
const COMMENT: usize = 2;

/// The bodies of the commands of a tenant, written once.
#[derive(Debug)]
pub struct Bodies {
    /// Of the report.
    pub report: Bytes,
    life: [Bytes; LIFE.len()],
}

impl Bodies {
    /// The bodies for a tenant's desk.
    pub fn of(desk: &Desk) -> Self {
        let bytes = |json: serde_json::Value| Bytes::from(json.to_string());
        Self {
            report: bytes(json!({
                "short_description": "The shared printer on floor 3 prints only blank pages", "caller": desk.user,
                "description": "It began after the toner was changed. The test page is blank too; a restart did not help.",
                "channel": "portal", "impact": 2, "urgency": 3, "category": "Hardware", "subcategory": "Printer",
                "location": "Building 7, floor 3", "cis": [],
            })),
            life: [
                bytes(json!({ "group": desk.group, "assignee": desk.user })),
                bytes(json!({})),
                bytes(
                    json!({ "body": "The drum was not unlocked after the change; somebody is on the way.", "visibility": "public" }),
                ),
                bytes(
                    json!({ "resolution_code": "fixed", "resolution_notes": "The drum is unlocked, the test page is fine." }),
                ),
            ],
        }
    }
}

/// What a receipt says, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Receipt {
    id: Uuid,
}

/// One client with the incident it works on.
pub struct Client {
    wire: Wire,
    bodies: Rc<Bodies>,
    run: Rc<str>,
    commands: Rc<Cell<u64>>,
    incident: Option<(Uuid, usize)>,
    filled: Option<Filled>,
}

/// What an acknowledged command began.
pub enum Done {
    /// A new incident.
    Reported(Uuid),
    /// A further step of one.
    Moved,
}

impl Client {
    /// A client of a desk; `commands` counts those of all clients, for their keys.
    pub fn new(wire: Wire, bodies: Rc<Bodies>, run: Rc<str>, commands: Rc<Cell<u64>>) -> Self {
        Self { wire, bodies, run, commands, incident: None, filled: None }
    }

    /// One that only comments on the incidents which that tenant was filled with.
    pub fn commenting_on(mut self, filled: Filled) -> Self {
        self.filled = Some(filled);
        self
    }

    /// Gives the next command of the script; without `life` every command is a report.
    pub async fn next(&mut self, life: bool) -> Result<Done, String> {
        let number = self.commands.replace(self.commands.get() + 1);
        let key = format!("bench/{}/{number}", self.run);
        let standing = self.filled.map(|filled| (filled.incident(&key), COMMENT));
        let Some((id, step)) = standing.or(self.incident.filter(|_| life)) else {
            let answer = self.wire.post("/api/v1/incidents", Some(&key), self.bodies.report.clone()).await?;
            if answer.status != 201 {
                return Err(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
            }
            let receipt: Receipt = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            self.incident = Some((receipt.id, 0));
            return Ok(Done::Reported(receipt.id));
        };
        self.incident = (step + 1 < LIFE.len()).then_some((id, step + 1));
        let path = format!("/api/v1/incidents/{id}/{}", LIFE[step]);
        let answer = self.wire.post(&path, Some(&key), self.bodies.life[step].clone()).await?;
        match answer.status.is_success() {
            true => Ok(Done::Moved),
            false => Err(format!("{} {}: {}", LIFE[step], answer.status, String::from_utf8_lossy(&answer.body))),
        }
    }
}
