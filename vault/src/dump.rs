//! The rows of keys for a backup, and back. They stay wrapped: without the key-encryption key they open nothing.

use daybook_kernel::Tenant;
use daybook_schemas::hex::{Hex, unhex};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::{VaultError, sql};

/// How many rows go at once.
const PART: usize = 2_000;

/// A row as a backup holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    tenant: Tenant,
    id: Uuid,
    /// The key-encryption key; none where the key was destroyed.
    kek: Option<String>,
    /// The bytes in hexadecimal; none where the key was destroyed.
    wrapped: Option<String>,
    made_at: String,
    destroyed_at: Option<String>,
}

impl Kept {
    /// The key-encryption key that wraps it; none where it was destroyed.
    pub fn kek(&self) -> Option<&str> {
        self.kek.as_deref()
    }
}

/// Every row, given to `keep` in order.
///
/// # Errors
/// Postgres does not answer; or what `keep` says.
pub async fn keep<E: From<VaultError>>(pool: &PgPool, mut keep: impl FnMut(&Kept) -> Result<(), E>) -> Result<(), E> {
    let mut after = (Uuid::nil(), Uuid::nil());
    loop {
        let rows = sqlx::query(sql::DUMP).bind(after.0).bind(after.1).bind(PART as i64).fetch_all(pool).await;
        let rows = rows.map_err(VaultError::from)?;
        for row in &rows {
            let kept = read(row).map_err(VaultError::from)?;
            after = (kept.tenant, kept.id);
            keep(&kept)?;
        }
        if rows.len() < PART {
            return Ok(());
        }
    }
}

fn read(row: &sqlx::postgres::PgRow) -> Result<Kept, sqlx::Error> {
    let wrapped: Option<Vec<u8>> = row.try_get("wrapped")?;
    Ok(Kept {
        tenant: row.try_get("tenant")?,
        id: row.try_get("id")?,
        kek: row.try_get("kek")?,
        wrapped: wrapped.map(|bytes| Hex(&bytes).to_string()),
        made_at: row.try_get("made_at")?,
        destroyed_at: row.try_get("destroyed_at")?,
    })
}

/// Puts rows back. What is there stays, but for what the backup knows to be destroyed.
///
/// # Errors
/// Postgres does not answer, or a row is none.
pub async fn put(pool: &PgPool, kept: &[Kept]) -> Result<(), VaultError> {
    for part in kept.chunks(PART) {
        let bytes = |one: &Kept| one.wrapped.as_deref().map(|text| unhex(text).ok_or(())).transpose();
        let wraps: Result<Vec<_>, ()> = part.iter().map(bytes).collect();
        let wraps = wraps.map_err(|()| VaultError::Settings("a row of the backup's vault is damaged".to_owned()))?;
        let restore = sqlx::query(sql::RESTORE)
            .bind(part.iter().map(|one| one.tenant).collect::<Vec<_>>())
            .bind(part.iter().map(|one| one.id).collect::<Vec<_>>())
            .bind(part.iter().map(|one| one.kek.clone()).collect::<Vec<_>>())
            .bind(wraps)
            .bind(part.iter().map(|one| one.made_at.clone()).collect::<Vec<_>>())
            .bind(part.iter().map(|one| one.destroyed_at.clone()).collect::<Vec<_>>());
        restore.execute(pool).await?;
    }
    Ok(())
}
