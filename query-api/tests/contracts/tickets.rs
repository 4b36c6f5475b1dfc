//! Incidents put into the view as its projector would, so that a test needs no journal.

use daybook_kernel::{Datum, Tenant, json};
use daybook_schemas::sealing::Sealer;
use serde_json::{Value as Json, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::system::KEY;

/// An incident of a test.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Its id.
    pub id: Uuid,
    /// Its status.
    pub status: &'static str,
    /// Its priority.
    pub priority: &'static str,
    /// When it was reported and when its view began: microseconds since 1970.
    pub at: i64,
    /// Its category.
    pub category: Option<String>,
    /// What went wrong.
    pub text: String,
    /// For whom.
    pub caller: Uuid,
    /// Who has it.
    pub assignee: Option<Uuid>,
    /// The group that has it.
    pub group: Option<Uuid>,
    /// The domain it is of.
    pub domain: Option<&'static str>,
}

/// The `n`th of a series, one second after the one before.
pub fn ticket(n: u64) -> Ticket {
    Ticket {
        id: Uuid::now_v7(),
        status: if n.is_multiple_of(3) { "in_progress" } else { "new" },
        priority: ["1-critical", "2-high", "3-moderate", "4-low"][(n % 4) as usize],
        at: 1_700_000_000_000_000 + n as i64 * 1_000_000,
        category: (!n.is_multiple_of(5)).then(|| format!("category {:03}", n % 7)),
        text: format!("the printer {n} is on fire"),
        caller: Uuid::from_u128(1),
        assignee: None,
        group: None,
        domain: None,
    }
}

/// The document of an incident, as the projector writes it.
pub fn document(tenant: Tenant, ticket: &Ticket, number: u64) -> Json {
    let shape = daybook_contents::kind("incident.Incident").unwrap().meta().shape;
    let given = json!({
        "number": format!("INC{number:07}"),
        "status": ticket.status,
        "priority": ticket.priority,
        "category": ticket.category,
        "caller": ticket.caller,
        "assignee": ticket.assignee,
        "group": ticket.group,
        "domain": ticket.domain,
        "channel": "portal",
        "impact": 2, "urgency": 2,
        "cis": [], "links": [], "watchers": [], "tasks": [], "comments": 0,
        "reassignment_count": 0, "reopen_count": 0,
        "opened_at": daybook_kernel::Time(ticket.at).to_string(),
        "short_description": ticket.text,
    });
    // Written through the shape, so that the document has every field the projector's has.
    let fields =
        shape.fields.iter().map(|field| (field.name.to_owned(), given.get(field.name).cloned().unwrap_or(Json::Null)));
    let complete = Json::Object(fields.collect());
    let mut datum = json::restore(shape, &complete).unwrap_or_else(|errors| panic!("{errors:?}"));
    Sealer::new(&KEY).derived(tenant, ticket.id).seal(shape, &mut datum).unwrap();
    assert!(matches!(datum, Datum::Record(_)));
    json::write_record(shape, &datum)
}

/// Puts incidents into the view of a tenant, as the projector's upsert does; `number` counts on from there.
pub async fn put(owner: &PgPool, tenant: Tenant, tickets: &[Ticket], number: u64) {
    let documents: Vec<Json> = tickets.iter().zip(number..).map(|(ticket, n)| document(tenant, ticket, n)).collect();
    let ids: Vec<Uuid> = tickets.iter().map(|ticket| ticket.id).collect();
    let at: Vec<String> = tickets.iter().map(|ticket| daybook_kernel::Time(ticket.at).to_string()).collect();
    sqlx::query(
        r#"INSERT INTO incident.incidents (tenant, id, version, created_at, updated_at, position_partition, position_number,
               number, status, caller, channel, priority, category, "group", assignee, parent, opened_at, external_number, domain, doc)
           SELECT $1, u.id, 1, u.at::timestamptz, u.at::timestamptz, 0, 1,
               u.doc->>'number', u.doc->>'status', (u.doc->>'caller')::uuid, u.doc->>'channel', u.doc->>'priority', u.doc->>'category',
               (u.doc->>'group')::uuid, (u.doc->>'assignee')::uuid, NULL, u.at::timestamptz, NULL, u.doc->>'domain', u.doc
           FROM unnest($2::uuid[], $3::text[], $4::jsonb[]) AS u (id, at, doc)"#,
    )
    .bind(tenant)
    .bind(&ids)
    .bind(&at)
    .bind(&documents)
    .execute(owner)
    .await
    .unwrap();
}
