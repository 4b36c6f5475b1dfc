//! Rotation: every data key wrapped by the current key-encryption key, a part at a time, while the system serves.
//!
//! What is done stands in the rows themselves, so a rotation that is broken off is simply begun again. Data keys stay the same.

use sqlx::{PgPool, Row};

use crate::{KeyEncryption, VaultError, kek::context, sql, store};

/// How many keys are wrapped anew at once.
const PART: i64 = 500;

/// How many keys there are under a key-encryption key; under none those that were destroyed.
pub type Count = (Option<String>, i64);

/// How the keys stand.
///
/// # Errors
/// Postgres does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<Count>, VaultError> {
    let rows = sqlx::query(sql::COUNT).fetch_all(pool).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get("kek")?, row.try_get("keys")?))).collect::<Result<_, sqlx::Error>>()?)
}

/// Wraps what another key-encryption key wraps by the current one; how many that were. `told` hears of each part.
///
/// # Errors
/// Postgres does not answer, or an old key-encryption key is missing.
pub async fn rotate(pool: &PgPool, kek: &dyn KeyEncryption, mut told: impl FnMut(u64)) -> Result<u64, VaultError> {
    let current = kek.current()?;
    let mut done = 0;
    loop {
        let rows = sqlx::query(sql::OUTDATED).bind(&current).bind(PART).fetch_all(pool).await?;
        if rows.is_empty() {
            return Ok(done);
        }
        let (mut tenants, mut ids, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let (tenant, id, Some((by, wrapped))) = store::read(row)? else { continue };
            let context = context(tenant, id);
            let secret = kek.unwrap(&by, &wrapped, &context).await?;
            after.push(kek.wrap(&current, &secret, &context).await?);
            tenants.push(tenant);
            ids.push(id);
            before.push(wrapped);
        }
        let rewrap = sqlx::query(sql::REWRAP).bind(&current).bind(tenants).bind(ids).bind(before).bind(after);
        done += rewrap.execute(pool).await?.rows_affected();
        told(done);
    }
}
