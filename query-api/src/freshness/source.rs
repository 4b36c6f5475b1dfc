//! Where each store keeps how far it has come.

use std::collections::HashMap;

use clickhouse::Row;
use daybook_kernel::{PLATFORM, Tenant};
use serde::Deserialize;
use sqlx::Row as _;

use super::{Parked, Reached, Source};
use crate::stores::clickhouse::Clickhouse;
use crate::stores::opensearch::Opensearch;
use crate::stores::postgres::Postgres;
use crate::stores::{Fault, Store};

/// The sink that feeds the default views, as its checkpoints name it.
const POSTGRES_SINK: &str = "postgres";

/// How far a sink has come (`tenant` is null), and the books that stand still from an entry on.
pub const REACHED: &str = "
SELECT topic, partition, number, NULL::uuid AS tenant FROM daybook.checkpoints WHERE sink = $1
UNION ALL
SELECT topic, partition, first_number, tenant FROM daybook.parked WHERE sink = $1";

/// The sink that feeds ClickHouse.
const CLICKHOUSE_SINK: &str = "clickhouse";

/// How far ClickHouse has come, in a table of that name; its rows are the platform's. Books that stand still there are each
/// tenant's own to see.
pub fn clickhouse_reached(table: &str) -> String {
    format!("SELECT topic, partition, max(number) AS number FROM {table} WHERE sink = ? GROUP BY topic, partition")
}

#[derive(Debug, Row, Deserialize)]
struct Mark {
    topic: String,
    partition: i32,
    number: u64,
}

impl Source for Clickhouse {
    async fn read(&self) -> Result<Reached, Fault> {
        let sql = clickhouse_reached(&self.table("checkpoints"));
        let marks: Vec<Mark> = self.rows(self.of(PLATFORM, None, &sql).bind(CLICKHOUSE_SINK)).await?;
        Ok(Reached { marks: marks.into_iter().filter_map(Mark::placed).collect(), parked: Vec::new() })
    }
}

/// The sink that feeds OpenSearch, and so the id of the document that says how far it is.
const OPENSEARCH_SINK: &str = "search";

/// The index that holds that document. It is written after a refresh: what it says can be found.
const OPENSEARCH_CHECKPOINTS: &str = "daybook-checkpoints";

/// The document.
#[derive(Debug, Default, Deserialize)]
struct Progression {
    checkpoints: Vec<Mark>,
    parked: Vec<Still>,
}

#[derive(Debug, Deserialize)]
struct Still {
    topic: String,
    partition: i32,
    tenant: Tenant,
    first_number: u64,
}

impl Source for Opensearch {
    async fn read(&self) -> Result<Reached, Fault> {
        let document = self.document(&self.index(OPENSEARCH_CHECKPOINTS), OPENSEARCH_SINK).await?;
        let progression: Option<Progression> = document
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| Fault::unreadable(Store::Opensearch, error))?;
        let Progression { checkpoints, parked } = progression.unwrap_or_default();
        let marks = checkpoints.into_iter().filter_map(Mark::placed).collect();
        let parked = parked.into_iter().filter_map(|still| {
            let Still { partition, tenant, first_number: first, topic } = still;
            Some(Parked { context: context(&topic)?, partition, tenant, first })
        });
        Ok(Reached { marks, parked: parked.collect() })
    }
}

impl Mark {
    fn placed(self) -> Option<((String, i32), u64)> {
        Some(((context(&self.topic)?, self.partition), self.number))
    }
}

/// The context whose journal a topic is.
fn context(topic: &str) -> Option<String> {
    topic.strip_prefix("journal.").map(str::to_owned)
}

impl Source for Postgres {
    async fn read(&self) -> Result<Reached, Fault> {
        let rows = sqlx::query(REACHED).bind(POSTGRES_SINK).fetch_all(self.pool()).await?;
        let mut reached = Reached { marks: HashMap::new(), parked: Vec::new() };
        for row in rows {
            let topic: String = row.try_get("topic")?;
            let Some(context) = context(&topic) else { continue };
            let (partition, number): (i32, i64) = (row.try_get("partition")?, row.try_get("number")?);
            let number = number.unsigned_abs();
            match row.try_get("tenant")? {
                None => drop(reached.marks.insert((context, partition), number)),
                Some(tenant) => reached.parked.push(Parked { context, partition, tenant, first: number }),
            }
        }
        Ok(reached)
    }
}
