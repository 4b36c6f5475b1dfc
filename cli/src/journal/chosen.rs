//! Which entries are wanted, and where to begin.

use std::str::FromStr;

use clap::Args;
use daybook_journal::Position;
use daybook_kernel::Time;
use daybook_schemas::envelope::{Entry, Event};
use uuid::Uuid;

/// Which entries are wanted: those with an event for which everything holds that is said.
#[derive(Debug, Clone, Default, Args)]
pub struct Chosen {
    /// Of that tenant
    #[arg(long)]
    pub tenant: Option<Uuid>,
    /// With an event of that type, such as incident.created; a trailing * stands for the rest
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// About that aggregate
    #[arg(long)]
    pub id: Option<Uuid>,
}

impl Chosen {
    /// Whether the entry is wanted. A barrier, which says nothing, is wanted by nobody who chooses.
    pub fn wants(&self, entry: &Entry) -> bool {
        let all = self.tenant.is_none() && self.event_type.is_none() && self.id.is_none();
        all || self.tenant.is_none_or(|tenant| tenant == entry.tenant)
            && entry.events.iter().any(|event| self.wants_event(event))
    }

    fn wants_event(&self, event: &Event) -> bool {
        let of_type = self.event_type.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(begin) => event.event_type.starts_with(begin),
            None => event.event_type == wanted,
        });
        of_type && self.id.is_none_or(|id| id == event.aggregate_id)
    }
}

/// Where to begin.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// In one partition, with that entry.
    Position(Position),
    /// In all, with the first entry appended then or later.
    Time(Time),
}

impl FromStr for Beginning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), Time::parse(text)) {
            (Ok(position), _) => Ok(Self::Position(position)),
            (_, Some(time)) => Ok(Self::Time(time)),
            _ => {
                Err("it is neither a position, as journal.incident/3#4711, nor a time, as 2026-11-21T09:00:00Z".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(event_type: &str) -> Entry {
        let event = Event {
            id: Uuid::from_u128(1),
            event_type: event_type.into(),
            aggregate_type: "incident.Incident".into(),
            aggregate_id: Uuid::from_u128(2),
            version: 1,
            schema: [0; 32],
            data: Vec::new(),
        };
        Entry { tenant: Uuid::from_u128(3), events: vec![event], ..Entry::barrier(Time(0)) }
    }

    #[test]
    fn everything_that_is_said_must_hold() {
        let entry = entry("incident.created");
        let chosen = |tenant: Option<u128>, event_type: Option<&str>, id: Option<u128>| Chosen {
            tenant: tenant.map(Uuid::from_u128),
            event_type: event_type.map(str::to_owned),
            id: id.map(Uuid::from_u128),
        };
        assert!(chosen(None, None, None).wants(&entry));
        assert!(chosen(Some(3), Some("incident.*"), Some(2)).wants(&entry));
        assert!(chosen(None, Some("incident.created"), None).wants(&entry));
        assert!(!chosen(None, Some("incident.create"), None).wants(&entry));
        assert!(!chosen(Some(4), None, None).wants(&entry));
        assert!(!chosen(Some(3), Some("incident.*"), Some(9)).wants(&entry));
        assert!(!chosen(Some(3), None, None).wants(&Entry::barrier(Time(0))));
        assert!(chosen(None, None, None).wants(&Entry::barrier(Time(0))));
    }

    #[test]
    fn a_beginning_is_a_position_or_a_time() {
        assert!(matches!("journal.incident/3#4711".parse(), Ok(Beginning::Position(at)) if at.number == 4711));
        assert!(matches!("2026-11-21T09:00:00Z".parse(), Ok(Beginning::Time(_))));
        assert!("yesterday".parse::<Beginning>().unwrap_err().contains("neither a position"));
    }
}
