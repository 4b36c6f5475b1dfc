//! The law of row filters: what a store shows of many is exactly what would be permitted one by one.

use std::collections::BTreeSet;

use daybook_authority::{Condition, Resource};
use daybook_platform::settings;
use daybook_query_api::list::statement::{Bind, Statement};
use daybook_query_api::rows;
use daybook_query_api::settings::Settings;
use daybook_query_api::stores::opensearch::Opensearch;
use daybook_query_api::stores::postgres::Postgres;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{System, reader};
use crate::tickets::{Ticket, put, ticket};

/// A sequence of numbers that looks like chance and is the same each time (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.below(4)) + 1)
    }

    fn domain(&mut self) -> Option<&'static str> {
        [None, Some("health"), Some("justice")][self.below(3) as usize]
    }

    fn condition(&mut self, depth: u64) -> Condition {
        let some = |chance: &mut Self| (0..chance.below(4)).map(|_| chance.condition(depth - 1)).collect();
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Condition::Always,
            1 => Condition::Never,
            2 => Condition::Own(self.id()),
            3 => Condition::Team((0..self.below(3)).map(|_| self.id()).collect()),
            4 => Condition::Domain(self.domain().unwrap_or("nowhere").into()),
            5 => Condition::NoDomain,
            6 => Condition::All(some(self)),
            7 => Condition::Any(some(self)),
            _ => Condition::Not(Box::new(self.condition(depth - 1))),
        }
    }
}

/// Incidents of everybody and every domain.
fn tickets(chance: &mut Chance) -> Vec<Ticket> {
    let one = |n| Ticket {
        caller: chance.id(),
        assignee: (chance.below(2) == 0).then(|| chance.id()),
        group: (chance.below(2) == 0).then(|| chance.id()),
        domain: chance.domain(),
        ..ticket(n)
    };
    (0..120).map(one).collect()
}

/// The same record, as access to it is judged.
fn resource(ticket: &Ticket) -> Resource {
    Resource {
        own: [ticket.caller].into_iter().chain(ticket.assignee).collect(),
        team: ticket.group.into_iter().collect(),
        domain: ticket.domain.map(str::to_owned),
    }
}

fn admitted(tickets: &[Ticket], condition: &Condition) -> BTreeSet<Uuid> {
    tickets.iter().filter(|ticket| condition.admits(&resource(ticket))).map(|ticket| ticket.id).collect()
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn postgres_and_opensearch_admit_exactly_what_is_permitted() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let tickets = tickets(&mut chance);
    put(&system.owner, tenant, &tickets, 1).await;
    index(tenant, &tickets).await;
    let kind = daybook_contents::kind("incident.Incident").unwrap();
    let settings: Settings = settings::load().unwrap();
    let opensearch = Opensearch::open(&settings.opensearch, "").unwrap();
    let (mut some, mut all) = (0, 0);
    for n in 0..300 {
        let condition = chance.condition(3);
        let expected = admitted(&tickets, &condition);
        let mut statement =
            Statement::new("SELECT v.id FROM incident.incidents v WHERE v.tenant = $1", vec![Bind::Id(tenant)]);
        let visible = rows::sql(&mut statement, kind, "v", &condition);
        statement.sql += &format!(" AND {visible}");
        let found = statement.query().fetch_all(&system.owner).await.unwrap();
        let found: BTreeSet<Uuid> = found.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        assert_eq!(found, expected, "Postgres, {n}: {condition:?}");
        let filter = [json!({ "term": { "tenant": tenant } }), rows::search(kind, &condition)];
        let body = json!({ "size": 1_000, "query": { "bool": { "filter": filter } }, "_source": ["id"] });
        let answer = opensearch.search("incident-incidents", &body).await.unwrap();
        let hits = answer["hits"]["hits"].as_array().unwrap();
        let found: BTreeSet<Uuid> =
            hits.iter().map(|hit| hit["_source"]["id"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(found, expected, "OpenSearch, {n}: {condition:?}");
        (some, all) = (some + usize::from(!expected.is_empty()), all + usize::from(expected.len() == tickets.len()));
    }
    assert!(some > 100 && all < 150, "the conditions tell rows apart: {some} {all}");
}

async fn index(tenant: Uuid, tickets: &[Ticket]) {
    let settings: Settings = settings::load().unwrap();
    let mut lines = String::new();
    for (n, ticket) in tickets.iter().enumerate() {
        let Ticket { id, caller, assignee, group, domain, .. } = ticket;
        lines += &json!({ "index": { "_index": "incident-incidents", "_id": format!("{tenant}:{id}") } }).to_string();
        lines += "\n";
        let mut document = json!({
            "tenant": tenant, "id": id, "type": "incident.Incident", "version": 1, "number": format!("INC{n:07}"), "caller": caller,
            "assignee": assignee, "group": group, "domain": domain,
        });
        // As its projector writes it: what is not there is left out.
        document.as_object_mut().unwrap().retain(|_, value| *value != Json::Null);
        lines += &format!("{document}\n");
    }
    let url = format!("{}/_bulk?refresh=true", settings.opensearch.url.trim_end_matches('/'));
    let sent = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-ndjson")
        .body(lines)
        .send()
        .await
        .unwrap();
    let answer: Json = sent.json().await.unwrap();
    assert_eq!(answer["errors"], json!(false), "{answer}");
}

/// The second line: even a statement without a condition shows somebody of a domain nothing of another one.
#[tokio::test]
#[ignore = "needs the running system"]
async fn row_level_security_keeps_other_domains_back() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let tickets = tickets(&mut Chance(7));
    put(&system.owner, tenant, &tickets, 1).await;
    let settings: Settings = settings::load().unwrap();
    let postgres = Postgres::open(&reader(&settings.postgres)).unwrap();
    for domain in [None, Some("health"), Some("justice"), Some("nowhere")] {
        let mut reading = postgres.reading(tenant, domain).await.unwrap();
        let found = sqlx::query("SELECT id FROM incident.incidents").fetch_all(&mut *reading).await.unwrap();
        let found: BTreeSet<Uuid> = found.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        let of = |ticket: &&Ticket| domain.is_none() || ticket.domain.is_none() || ticket.domain == domain;
        let expected: BTreeSet<Uuid> = tickets.iter().filter(of).map(|ticket| ticket.id).collect();
        assert_eq!(found, expected, "{domain:?}");
    }
}
