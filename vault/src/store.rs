//! The rows of keys, in Postgres: found and made many at once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::rand;
use daybook_kernel::Tenant;
use daybook_platform::sections;
use daybook_schemas::sealing::{DataKey, Held};
use sqlx::{
    AssertSqlSafe, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use uuid::Uuid;

use crate::{KeyEncryption, VaultError, kek::context, sql};

/// How long a request waits for a connection before it is told that the vault is away.
const CONNECTION_WAIT: Duration = Duration::from_secs(2);

/// How long Postgres may take for one statement, in milliseconds.
const STATEMENT_TIMEOUT_MS: &str = "2000";

/// A key's name: its tenant and its id.
pub type Name = (Tenant, Uuid);

/// Connections to the vault's Postgres; made when they are first needed, so that a start does not wait for it.
///
/// # Errors
/// When the URL is none.
pub fn pool(settings: &sections::Postgres) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = settings.url.parse()?;
    let mut options = options.username(&settings.user).application_name("daybook-vault").options([
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("client_min_messages", "warning"),
        // The table begins empty and grows by hundreds of keys a second: a plan that was kept from then looks at every row.
        ("plan_cache_mode", "force_custom_plan"),
    ]);
    if let Some(password) = &settings.password {
        options = options.password(password.expose());
    }
    // Those who ask at the same time are answered by one statement: more connections would have nothing to do.
    Ok(PgPoolOptions::new().max_connections(2).acquire_timeout(CONNECTION_WAIT).connect_lazy_with(options))
}

/// Makes the tables where they are not there, and lets that role read them.
///
/// # Errors
/// Postgres is away, or does not let this role make them.
pub async fn prepare(pool: &PgPool, reader: &str) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(sql::LOCK_SCHEMA).execute(&mut *transaction).await?;
    sqlx::raw_sql(sql::SCHEMA).execute(&mut *transaction).await?;
    let reader = reader.replace('"', "\"\"");
    let grants = format!(
        "GRANT USAGE ON SCHEMA vault TO \"{reader}\"; GRANT SELECT ON ALL TABLES IN SCHEMA vault TO \"{reader}\""
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// What is held of these keys; those that are not there are left out.
pub async fn find(pool: &PgPool, kek: &dyn KeyEncryption, wanted: &[Name]) -> Result<HashMap<Name, Held>, VaultError> {
    let (tenants, ids): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    let rows = match sqlx::query(sql::FIND).bind(tenants).bind(ids).fetch_all(pool).await {
        // Readers come first in an upgrade: what is there was sealed before there was a vault.
        Err(error) if is_unmade(&error) => return Ok(HashMap::new()),
        rows => rows?,
    };
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let (tenant, id, wrapped) = read(row)?;
        let held = match wrapped {
            None => Held::Destroyed,
            Some((by, wrapped)) => {
                let secret = kek.unwrap(&by, &wrapped, &context(tenant, id)).await?;
                Held::Key(Arc::new(DataKey::new(&secret, tenant, id)))
            }
        };
        found.insert((tenant, id), held);
    }
    Ok(found)
}

/// Whether the tables are not there yet.
pub fn is_unmade(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(error.code().as_deref(), Some("42P01" | "3F000")))
}

/// The bytes of a key, behind the key-encryption key that wraps them.
pub type Wrapped = (String, Vec<u8>);

/// A row's name, and its bytes unless it is a tombstone.
pub fn read(row: &PgRow) -> Result<(Tenant, Uuid, Option<Wrapped>), sqlx::Error> {
    let (kek, wrapped): (Option<String>, Option<Vec<u8>>) = (row.try_get("kek")?, row.try_get("wrapped")?);
    Ok((row.try_get("tenant")?, row.try_get("id")?, kek.zip(wrapped)))
}

/// Makes keys that were not found. One that somebody else has made meanwhile is that one's.
pub async fn make(pool: &PgPool, kek: &dyn KeyEncryption, missing: &[Name]) -> Result<HashMap<Name, Held>, VaultError> {
    let by = kek.current()?;
    let (mut tenants, mut ids, mut wraps, mut made) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
    for (tenant, id) in missing {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system gives random bytes");
        wraps.push(kek.wrap(&by, &secret, &context(*tenant, *id)).await?);
        made.insert((*tenant, *id), Held::Key(Arc::new(DataKey::new(&secret, *tenant, *id))));
        tenants.push(*tenant);
        ids.push(*id);
    }
    // Committed when this returns: a value is sealed only with what cannot be lost any more.
    let rows = sqlx::query(sql::MAKE).bind(tenants).bind(ids).bind(by).bind(wraps).fetch_all(pool).await?;
    let ours = rows.iter().map(|row| Ok((row.try_get("tenant")?, row.try_get("id")?)));
    let ours = ours.collect::<Result<HashSet<Name>, sqlx::Error>>()?;
    let theirs: Vec<Name> = missing.iter().filter(|name| !ours.contains(name)).copied().collect();
    made.retain(|name, _| ours.contains(name));
    if !theirs.is_empty() {
        made.extend(find(pool, kek, &theirs).await?);
    }
    Ok(made)
}
