//! The rows of sign-in for a backup, and back. What is sealed in them stays so: without `sign_in.key` it opens nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::{PgPool, Row as _, types};

use crate::{sql, store::Fault, tables};

/// How many rows are put back at once.
const PART: usize = 2_000;

/// A row as a backup holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its table, one of [`tables::TABLES`].
    table: String,
    /// Its columns by name, as Postgres writes them in JSON.
    row: Json,
}

impl Kept {
    /// Whether there is such a table.
    pub fn is_known(&self) -> bool {
        tables::TABLES.iter().any(|table| table.name == self.table)
    }
}

/// Every row, as it stands at one moment.
///
/// # Errors
/// Postgres does not answer.
pub async fn keep(pool: &PgPool) -> Result<Vec<Kept>, Fault> {
    let mut transaction = pool.begin_with(sql::AT_ONE_MOMENT).await?;
    let mut kept = Vec::new();
    for table in tables::TABLES {
        let rows = sqlx::query(table.dump).fetch_all(&mut *transaction).await?;
        for row in rows {
            let types::Json(row) = row.try_get("row")?;
            kept.push(Kept { table: table.name.to_owned(), row });
        }
    }
    Ok(kept)
}

/// Puts rows back. What is there stays as it is: the book knows which tokens and secrets count.
///
/// # Errors
/// Postgres does not answer, or a row is none of its table's; then none of it is put back.
pub async fn put(pool: &PgPool, kept: &[Kept]) -> Result<(), Fault> {
    let mut transaction = pool.begin().await?;
    for table in tables::TABLES {
        let rows: Vec<&Json> = kept.iter().filter(|kept| kept.table == table.name).map(|kept| &kept.row).collect();
        for part in rows.chunks(PART) {
            sqlx::query(table.restore).bind(types::Json(part)).execute(&mut *transaction).await?;
        }
    }
    Ok(transaction.commit().await?)
}
