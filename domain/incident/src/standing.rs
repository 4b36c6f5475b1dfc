//! Where an incident stands, as the service desk's figures count it: told by its events alone.

use daybook_kernel::{Choice, Datum, Events, Malformed, Time};
use uuid::Uuid;

use crate::incident::{Event, Status};

/// What the figures need to know of an incident. The default is that of one that is not reported yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The domain it is of, [`Standing::WHOLE`] where it is of the whole organisation; empty where that is not known.
    pub domain: String,
    /// The status's name; empty before the report.
    pub status: String,
    /// The group that has the work; nil where none has.
    pub group: Uuid,
    /// The category; empty where there is none.
    pub category: String,
    /// The priority's name.
    pub priority: String,
    /// When it was reported, in microseconds since 1970.
    pub opened_at: i64,
}

impl Standing {
    /// The domain of what is of the whole organisation: none is called so.
    pub const WHOLE: &str = "*";

    /// Whether somebody still has to do something about it: from the report to the resolution.
    pub fn is_open(&self) -> bool {
        const OPEN: [Status; 4] = [Status::New, Status::Assigned, Status::InProgress, Status::Pending];
        OPEN.iter().any(|status| status.name() == self.status)
    }

    /// Where it stands after the event of that place in the declaration, and when that happened, if the event says so.
    ///
    /// # Errors
    /// When the body does not have the event's shape.
    pub fn after(&self, event: usize, body: Datum) -> Result<(Standing, Option<Time>), Malformed> {
        let event = Event::build(event, body)?;
        let mut standing = self.clone();
        let status = match &event {
            Event::Created(_) => Some(Status::New),
            Event::Assigned(_) => Some(Status::Assigned),
            Event::WorkStarted | Event::Resumed | Event::Reopened(_) => Some(Status::InProgress),
            Event::PutOnHold(_) => Some(Status::Pending),
            Event::Resolved(_) => Some(Status::Resolved),
            Event::Closed(_) => Some(Status::Closed),
            Event::Cancelled(_) => Some(Status::Cancelled),
            _ => None,
        };
        if let Some(status) = status {
            standing.status = status.name().to_owned();
        }
        let mut when = None;
        match event {
            Event::Created(created) => {
                standing.domain =
                    created.domain.map_or_else(|| Self::WHOLE.to_owned(), |domain| domain.as_str().to_owned());
                standing.category = created.category.map_or_else(String::new, |line| line.as_str().to_owned());
                standing.priority = created.priority.name().to_owned();
                standing.opened_at = created.opened_at.0;
                when = Some(created.opened_at);
            }
            Event::Categorised(said) => standing.category = said.category.as_str().to_owned(),
            Event::Prioritised(said) => standing.priority = said.priority.name().to_owned(),
            Event::Assigned(given) => standing.group = given.group.map_or_else(Uuid::nil, |group| group.id()),
            Event::Resolved(resolved) => when = Some(resolved.resolved_at),
            Event::Closed(closed) => when = Some(closed.closed_at),
            _ => {}
        }
        Ok((standing, when))
    }
}

#[cfg(test)]
mod tests {
    use daybook_kernel::{Aggregate, json, kind::kind};
    use serde_json::json;

    use super::*;
    use crate::Incident;

    #[test]
    fn it_stands_where_the_folded_incident_does() {
        let kind = kind::<Incident>();
        let created = json!({
            "number": "INC0000001", "opened_at": "2026-11-20T08:00:00Z", "priority": "2-high", "short_description": "x",
            "caller": Uuid::nil(), "channel": "portal", "impact": 1, "urgency": 2, "category": "network", "domain": "health",
        });
        let said = [
            ("created", created),
            ("assigned", json!({ "group": Uuid::max(), "by": "person" })),
            ("work_started", json!({})),
            ("put_on_hold", json!({ "reason": "caller" })),
            ("resumed", json!({})),
            ("categorised", json!({ "category": "printing" })),
            ("resolved", json!({ "resolution_code": "fixed", "resolved_at": "2026-11-21T09:00:00Z" })),
            ("reopened", json!({ "reason": "no" })),
            ("resolved", json!({ "resolution_code": "fixed", "resolved_at": "2026-11-21T10:00:00Z" })),
            ("closed", json!({ "by": "caller", "closed_at": "2026-11-21T11:00:00Z" })),
        ];
        let (mut standing, mut state) = (Standing::default(), None);
        assert!(!standing.is_open());
        for (name, body) in said {
            let event = kind.events().iter().position(|event| event.name == name).unwrap();
            let body = json::parse(kind.events()[event].body, &body).unwrap();
            standing = standing.after(event, body.clone()).unwrap().0;
            state = Some(kind.evolve(state, event, body).unwrap());
            let incident: &Incident = state.as_ref().and_then(|state| state.downcast_ref()).unwrap();
            assert_eq!(standing.status, incident.status().name(), "after {name}");
            assert_eq!(standing.group, incident.group.map_or_else(Uuid::nil, |group| group.id()));
            assert_eq!(standing.domain, incident.domain.as_ref().unwrap().as_str());
            assert_eq!(standing.category, incident.category.as_ref().unwrap().as_str());
            assert_eq!(
                standing.is_open(),
                incident.resolved_at.is_none() && incident.closed_at.is_none(),
                "after {name}"
            );
        }
    }
}
