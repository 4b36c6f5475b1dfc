//! The facts of incidents: what each event made of one, with what it was before.

use std::collections::HashMap;

use clickhouse::{Client, Row};
use daybook_contents::IncidentStanding;
use daybook_kernel::Tenant;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::Id;
use crate::{batch::Entry, sink::SinkError};

/// A fact, in `incident_facts`.
#[derive(Debug, Row, Serialize)]
pub struct Fact {
    pub tenant: Id,
    pub domain: String,
    pub id: Id,
    pub version: u64,
    pub fact: &'static str,
    pub at: i64,
    pub status: String,
    pub is_open: u8,
    pub group: Id,
    pub category: String,
    pub priority: String,
    pub was_open: u8,
    pub was_group: Id,
    pub was_category: String,
    pub opened_at: i64,
}

#[derive(Row, Deserialize)]
struct KnownRow {
    tenant: Id,
    domain: String,
    id: Id,
    status: String,
    group: Id,
    category: String,
    priority: String,
    opened_at: i64,
}

/// The facts of a batch. What is known of an incident is read as it was before the batch, so that the same batch gives the
/// same facts also when some of them are stored already.
///
/// # Errors
/// When ClickHouse cannot be read.
pub async fn facts(client: &Client, table: &str, entries: &[Entry]) -> Result<Vec<Fact>, SinkError> {
    let mut before: HashMap<(Tenant, Uuid), u64> = HashMap::new();
    for (entry, wire, _) in incidents(entries) {
        before.entry((entry.envelope.tenant, wire.aggregate_id)).or_insert(wire.version);
    }
    let mut known = load(client, table, &before).await?;
    let mut facts = Vec::new();
    for (entry, wire, event) in incidents(entries) {
        let key = (entry.envelope.tenant, wire.aggregate_id);
        let was = known.remove(&key).unwrap_or_default();
        // The body was decoded in this event's schema, so it has its shape.
        let Ok((is, when)) = was.after(event.index, event.body.clone()) else { continue };
        facts.push(Fact {
            tenant: Id(key.0),
            domain: is.domain.clone(),
            id: Id(key.1),
            version: wire.version,
            fact: event.kind.events()[event.index].name,
            at: when.unwrap_or(entry.when()).0,
            status: is.status.clone(),
            is_open: u8::from(is.is_open()),
            group: Id(is.group),
            category: is.category.clone(),
            priority: is.priority.clone(),
            was_open: u8::from(was.is_open()),
            was_group: Id(was.group),
            was_category: was.category,
            opened_at: is.opened_at,
        });
        known.insert(key, is);
    }
    Ok(facts)
}

/// The type of the aggregates that facts are told of.
const INCIDENT: &str = "incident.Incident";

fn incidents(
    entries: &[Entry],
) -> impl Iterator<Item = (&Entry, &daybook_schemas::envelope::Event, &crate::batch::Event)> {
    entries
        .iter()
        .flat_map(|entry| entry.each().map(move |(wire, event)| (entry, wire, event)))
        .filter(move |(_, _, event)| event.kind.meta().type_name == INCIDENT)
}

async fn load(
    client: &Client,
    table: &str,
    before: &HashMap<(Tenant, Uuid), u64>,
) -> Result<HashMap<(Tenant, Uuid), IncidentStanding>, SinkError> {
    // An incident whose first event is in the batch was not there before.
    let wanted: Vec<_> = before.iter().filter(|(_, version)| **version > 1).collect();
    let mut known = HashMap::new();
    for part in wanted.chunks(1_000) {
        let keys: Vec<String> =
            part.iter().map(|((tenant, id), version)| format!("('{tenant}','{id}',{version})")).collect();
        let rows: Vec<KnownRow> = client
            .query(&format!(
                "SELECT tenant, last.6 AS domain, id, last.1 AS status, last.2 AS `group`, last.3 AS category, last.4 AS priority, last.5 AS opened_at
                 FROM (
                     SELECT f.tenant AS tenant, f.id AS id,
                         argMax((f.status, f.`group`, f.category, f.priority, f.opened_at, f.domain), f.version) AS last
                     FROM {table} AS f
                     INNER JOIN (SELECT toUUID(k.1) AS tenant, toUUID(k.2) AS id, toUInt64(k.3) AS first
                                 FROM (SELECT arrayJoin([{keys}]) AS k)) AS w ON f.tenant = w.tenant AND f.id = w.id
                     WHERE (f.tenant, f.id) IN ({ids}) AND f.version < w.first
                     GROUP BY f.tenant, f.id
                 )",
                keys = keys.join(","),
                ids = part.iter().map(|((tenant, id), _)| format!("('{tenant}','{id}')")).collect::<Vec<_>>().join(","),
            ))
            .fetch_all()
            .await
            .map_err(super::away)?;
        for row in rows {
            let KnownRow { tenant, domain, id, status, group, category, priority, opened_at } = row;
            known.insert(
                (tenant.0, id.0),
                IncidentStanding { domain, status, group: group.0, category, priority, opened_at },
            );
        }
    }
    Ok(known)
}
