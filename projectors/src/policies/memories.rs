//! What policies remember, in Postgres: loaded when it is first needed, stored together with what it was changed by.

use std::collections::{HashMap, hash_map::Entry};

use daybook_kernel::{Memory, Tenant};
use serde_json::Value;
use sqlx::{PgConnection, Row};

use super::sql;

/// The memories in use, by policy and tenant.
#[derive(Default)]
pub struct Memories(HashMap<(&'static str, Tenant), Memory>);

impl Memories {
    /// What a policy remembers of a tenant.
    pub async fn of(
        &mut self,
        policy: &'static str,
        tenant: Tenant,
        connection: &mut PgConnection,
    ) -> Result<&mut Memory, sqlx::Error> {
        match self.0.entry((policy, tenant)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => {
                let rows = sqlx::query(sql::MEMORY).bind(policy).bind(tenant).fetch_all(connection).await?;
                let rows = rows.iter().map(|row| Ok((row.try_get("key")?, row.try_get("row")?)));
                Ok(free.insert(Memory::of(rows.collect::<Result<Vec<_>, sqlx::Error>>()?)))
            }
        }
    }

    /// Stores what a policy remembers otherwise of these tenants.
    pub async fn store(
        &mut self,
        policy: &'static str,
        tenants: impl Iterator<Item = Tenant>,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let (mut kept, mut gone) = (Columns::default(), Columns::default());
        for tenant in tenants {
            let changed = self.0.get_mut(&(policy, tenant)).map(Memory::take_changed);
            for (key, row) in changed.into_iter().flatten() {
                let columns = if row.is_some() { &mut kept } else { &mut gone };
                columns.tenants.push(tenant);
                columns.keys.push(key);
                columns.rows.extend(row);
            }
        }
        if !kept.keys.is_empty() {
            let kept = sqlx::query(sql::REMEMBER).bind(policy).bind(kept.tenants).bind(kept.keys).bind(kept.rows);
            kept.execute(&mut *connection).await?;
        }
        if !gone.keys.is_empty() {
            let gone = sqlx::query(sql::FORGET).bind(policy).bind(gone.tenants).bind(gone.keys);
            gone.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Forgets what was loaded: the tables are right.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Rows side by side.
#[derive(Default)]
struct Columns {
    tenants: Vec<Tenant>,
    keys: Vec<String>,
    rows: Vec<Value>,
}
