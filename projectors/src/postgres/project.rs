//! Projecting a batch: the rows that its events lead to in the views of some families.

use std::collections::HashMap;

use daybook_kernel::{Shape, Tenant, Time, json};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, PgConnection, Row, types::Json as JsonParameter};
use uuid::Uuid;

use super::{
    error::{classify, words},
    instant::Instant,
    tables::{LogTable, Table, Tables},
};
use crate::{
    batch::Entry,
    fold::{Folded, Key, Recent, apply, gone_on_with, restore},
    sink::SinkError,
    view::Family,
};

/// The views that a projection feeds: for each family the tables of one version, or none.
pub struct Views {
    /// All families, in the order of the contents.
    pub families: &'static [Family],
    /// The tables to write, in the same order.
    pub tables: Vec<Option<Tables>>,
}

impl Views {
    fn place(&self, kind: &dyn daybook_kernel::Kind) -> Option<usize> {
        let of = |family: &Family| family.kind.meta().type_name == kind.meta().type_name;
        self.families.iter().position(of).filter(|place| self.tables[*place].is_some())
    }
}

/// Rows to be written.
#[derive(Default)]
pub struct Changes {
    /// Aggregates as they are after the batch.
    pub folded: HashMap<Key, Folded>,
    /// Items added to growing lists, by family and the place of the list's field.
    items: HashMap<(usize, usize), Vec<ItemRow>>,
}

struct ItemRow {
    tenant: Tenant,
    id: Uuid,
    item: u64,
    at: Time,
    partition: i32,
    number: u64,
    doc: Json,
}

impl Views {
    /// Folds a batch's events, with what is remembered or else loaded of their aggregates.
    ///
    /// # Errors
    /// When the store cannot be read, or an entry cannot be projected.
    pub async fn fold(
        &self,
        connection: &mut PgConnection,
        recent: &Recent,
        entries: &[Entry],
    ) -> Result<Changes, SinkError> {
        let loaded = self.load(connection, recent, entries).await?;
        let mut changes = Changes::default();
        for (at, entry) in entries.iter().enumerate() {
            for (place, (wire, event)) in entry.each().enumerate() {
                let Some(family) = self.place(event.kind) else { continue };
                let key = (family, entry.envelope.tenant, wire.aggregate_id);
                let before = changes.folded.get(&key).or_else(|| recent.get(&key)).or_else(|| loaded.get(&key));
                let poison = |reason| SinkError::Poison { entry: at, reason };
                let Some((folded, added)) = apply(before, entry, place).map_err(poison)? else { continue };
                for added in added {
                    let Shape::Log(shape) = &event.kind.meta().shape.fields[added.field].shape else { continue };
                    changes.items.entry((family, added.field)).or_default().push(ItemRow {
                        tenant: key.1,
                        id: key.2,
                        item: added.item,
                        at: entry.when(),
                        partition: entry.position.partition,
                        number: entry.position.number,
                        doc: json::write_record(shape, &added.datum),
                    });
                }
                changes.folded.insert(key, folded);
            }
        }
        Ok(changes)
    }

    async fn load(
        &self,
        connection: &mut PgConnection,
        recent: &Recent,
        entries: &[Entry],
    ) -> Result<HashMap<Key, Folded>, SinkError> {
        let mut wanted: HashMap<usize, Vec<(Tenant, Uuid)>> = HashMap::new();
        let mut first: HashMap<Key, usize> = HashMap::new();
        for (key, at) in gone_on_with(entries, |kind| self.place(kind)) {
            if recent.get(&key).is_none() {
                wanted.entry(key.0).or_default().push((key.1, key.2));
                first.insert(key, at);
            }
        }
        let mut loaded = HashMap::new();
        for (family, keys) in wanted {
            let Some(tables) = &self.tables[family] else { continue };
            let (tenants, ids): (Vec<Tenant>, Vec<Uuid>) = keys.into_iter().unzip();
            let rows = sqlx::query(AssertSqlSafe(tables.main.load.as_str()))
                .bind(tenants)
                .bind(ids)
                .fetch_all(&mut *connection)
                .await
                .map_err(classify)?;
            for row in rows {
                let (key, folded) = self.row(family, &row).map_err(|error| SinkError::Unavailable(words(&error)))?;
                match folded {
                    Ok(folded) => drop(loaded.insert(key, folded)),
                    Err(reason) => return Err(SinkError::Poison { entry: first[&key], reason }),
                }
            }
        }
        Ok(loaded)
    }

    fn row(&self, family: usize, row: &sqlx::postgres::PgRow) -> Result<(Key, Result<Folded, String>), sqlx::Error> {
        let key = (family, row.try_get("tenant")?, row.try_get("id")?);
        let doc: Json = row.try_get("doc")?;
        let (created, updated): (Instant, Instant) = (row.try_get("created_at")?, row.try_get("updated_at")?);
        let (version, number): (i64, i64) = (row.try_get("version")?, row.try_get("position_number")?);
        let partition = row.try_get("position_partition")?;
        let folded = restore(self.families[family].kind, &doc).map(|state| Folded {
            state,
            version: version.cast_unsigned(),
            created: created.0,
            updated: updated.0,
            partition,
            number: number.cast_unsigned(),
        });
        Ok((key, folded))
    }

    /// Writes what was folded.
    ///
    /// # Errors
    /// When the store cannot write, or refuses something in the rows.
    pub async fn write(&self, connection: &mut PgConnection, changes: &Changes) -> Result<(), SinkError> {
        for (place, tables) in self.tables.iter().enumerate() {
            let Some(tables) = tables else { continue };
            let mut of_family: Vec<(&Key, &Folded)> =
                changes.folded.iter().filter(|((family, ..), _)| *family == place).collect();
            if of_family.is_empty() {
                continue;
            }
            // In one order everywhere, so that two writers cannot wait for each other.
            of_family.sort_by_key(|(key, _)| (key.1, key.2));
            let family = &self.families[place];
            let mut rows = Rows::default();
            for (key, folded) in &of_family {
                rows.push(
                    key,
                    folded,
                    json::write_record(family.kind.meta().shape, &family.kind.to_datum(&folded.state)),
                );
            }
            rows.upsert(connection, &tables.main).await?;
            for (view, table) in family.specials.iter().zip(&tables.specials) {
                let (mut rows, mut gone) = (Rows::default(), (Vec::new(), Vec::new()));
                for (key, folded) in &of_family {
                    match (view.row)(&folded.state) {
                        Some(row) => rows.push(key, folded, json::write_record(view.shape, &row)),
                        None => {
                            gone.0.push(key.1);
                            gone.1.push(key.2);
                        }
                    }
                }
                rows.upsert(connection, table).await?;
                if !gone.0.is_empty() {
                    let remove = sqlx::query(AssertSqlSafe(table.remove.as_str())).bind(gone.0).bind(gone.1);
                    remove.execute(&mut *connection).await.map_err(classify)?;
                }
            }
            for (field, log) in &tables.logs {
                if let Some(items) = changes.items.get(&(place, *field)) {
                    insert_items(connection, log, items).await?;
                }
            }
        }
        Ok(())
    }
}

/// Rows of a view, column by column.
#[derive(Default)]
struct Rows {
    tenants: Vec<Tenant>,
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    created: Vec<Instant>,
    updated: Vec<Instant>,
    partitions: Vec<i32>,
    numbers: Vec<i64>,
    docs: Vec<JsonParameter<Json>>,
}

impl Rows {
    fn push(&mut self, key: &Key, folded: &Folded, doc: Json) {
        self.tenants.push(key.1);
        self.ids.push(key.2);
        self.versions.push(folded.version.cast_signed());
        self.created.push(Instant(folded.created));
        self.updated.push(Instant(folded.updated));
        self.partitions.push(folded.partition);
        self.numbers.push(folded.number.cast_signed());
        self.docs.push(JsonParameter(doc));
    }

    async fn upsert(self, connection: &mut PgConnection, table: &Table) -> Result<(), SinkError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        sqlx::query(AssertSqlSafe(table.upsert.as_str()))
            .bind(self.tenants)
            .bind(self.ids)
            .bind(self.versions)
            .bind(self.created)
            .bind(self.updated)
            .bind(self.partitions)
            .bind(self.numbers)
            .bind(self.docs)
            .execute(connection)
            .await
            .map_err(classify)?;
        Ok(())
    }
}

async fn insert_items(connection: &mut PgConnection, log: &LogTable, items: &[ItemRow]) -> Result<(), SinkError> {
    sqlx::query(AssertSqlSafe(log.insert.as_str()))
        .bind(items.iter().map(|item| item.tenant).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.id).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.item.cast_signed()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| Instant(item.at)).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.partition).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.number.cast_signed()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| JsonParameter(&item.doc)).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(classify)?;
    Ok(())
}
