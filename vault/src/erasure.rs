//! Erasure: whose a key is, its destruction, and since when each store has forgotten.

use std::{collections::BTreeSet, time::Duration};

use daybook_kernel::{Tenant, Time};
use serde::Serialize;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::sql;

/// What an entry says of whom an aggregate is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The tenant.
    pub tenant: Tenant,
    /// The person.
    pub subject: Uuid,
    /// The kind of aggregate, such as `incident.Incident`.
    pub type_name: &'static str,
    /// The aggregate, and so its key.
    pub key: Uuid,
}

/// What an entry says of who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The tenant.
    pub tenant: Tenant,
    /// The person.
    pub subject: Uuid,
    /// The entry's position.
    pub position: String,
    /// Its time.
    pub at: Time,
}

/// Keeps what entries say, and destroys the keys of all who were erased; how many were destroyed. Twice the same changes nothing; an
/// aggregate that is heard of only after its subject was erased loses its key at once.
///
/// # Errors
/// Postgres does not answer.
pub async fn hear(connection: &mut PgConnection, about: &[About], erased: &[Erased]) -> Result<u64, sqlx::Error> {
    if !about.is_empty() {
        let belong = sqlx::query(sql::BELONG)
            .bind(about.iter().map(|one| one.tenant).collect::<Vec<_>>())
            .bind(about.iter().map(|one| one.subject).collect::<Vec<_>>())
            .bind(about.iter().map(|one| one.type_name).collect::<Vec<_>>())
            .bind(about.iter().map(|one| one.key).collect::<Vec<_>>());
        belong.execute(&mut *connection).await?;
    }
    for one in erased {
        let erase = sqlx::query(sql::ERASE).bind(one.tenant).bind(one.subject).bind(&one.position).bind(one.at.0);
        erase.execute(&mut *connection).await?;
    }
    let told = about.iter().map(|one| (one.tenant, one.subject));
    destroy(connection, told.chain(erased.iter().map(|one| (one.tenant, one.subject))).collect()).await
}

/// Forgets records that were over for long enough: each is a subject of its own. How many keys were destroyed.
///
/// # Errors
/// Postgres does not answer.
pub async fn retire(connection: &mut PgConnection, due: &[About]) -> Result<u64, sqlx::Error> {
    hear(connection, due, &[]).await?;
    let retire = sqlx::query(sql::RETIRE)
        .bind(due.iter().map(|one| one.tenant).collect::<Vec<_>>())
        .bind(due.iter().map(|one| one.subject).collect::<Vec<_>>());
    retire.execute(&mut *connection).await?;
    destroy(connection, due.iter().map(|one| (one.tenant, one.subject)).collect()).await
}

/// Destroys the keys of those of these who were erased.
async fn destroy(connection: &mut PgConnection, touched: BTreeSet<(Tenant, Uuid)>) -> Result<u64, sqlx::Error> {
    if touched.is_empty() {
        return Ok(0);
    }
    let (tenants, subjects): (Vec<_>, Vec<_>) = touched.into_iter().unzip();
    let destroyed = sqlx::query(sql::DESTROY).bind(&tenants).bind(&subjects).execute(&mut *connection).await?;
    if destroyed.rows_affected() > 0 {
        sqlx::query(sql::FORGET_ANEW).bind(tenants).bind(subjects).execute(connection).await?;
    }
    Ok(destroyed.rows_affected())
}

/// Somebody whose keys are destroyed, and whom not every store has forgotten yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// The tenant.
    pub tenant: Tenant,
    /// The person.
    pub subject: Uuid,
    /// Whether it is somebody, and not a record that was over for long enough.
    pub of_person: bool,
    /// Whether the keys were destroyed so long ago that no process uses them any more.
    pub settled: bool,
    /// Where it is not known yet that nothing is left: in the memory of processes,
    pub in_caches: bool,
    /// in the views,
    pub in_postgres: bool,
    /// in the search index,
    pub in_search: bool,
    /// and at sign-in.
    pub in_sign_in: bool,
}

/// Those whom not every store has forgotten yet; settled is who lost the keys longer ago than that.
///
/// # Errors
/// Postgres does not answer.
pub async fn open(pool: &PgPool, settled_after: Duration) -> Result<Vec<Open>, sqlx::Error> {
    let rows = sqlx::query(sql::OPEN).bind(settled_after.as_secs_f64()).fetch_all(pool).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Open {
            tenant: row.try_get("tenant")?,
            subject: row.try_get("subject")?,
            of_person: row.try_get("of_person")?,
            settled: row.try_get("settled")?,
            in_caches: row.try_get("in_caches")?,
            in_postgres: row.try_get("in_postgres")?,
            in_search: row.try_get("in_search")?,
            in_sign_in: row.try_get("in_sign_in")?,
        })
    };
    rows.iter().map(read).collect()
}

/// What is about a person beside the person's own account: kinds and ids.
///
/// # Errors
/// Postgres does not answer.
pub async fn about(pool: &PgPool, tenant: Tenant, subject: Uuid) -> Result<Vec<(String, Uuid)>, sqlx::Error> {
    let rows = sqlx::query(sql::ABOUT).bind(tenant).bind(subject).fetch_all(pool).await?;
    rows.iter().map(|row| Ok((row.try_get("type")?, row.try_get("key")?))).collect()
}

/// A place that forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The keys in the memory of processes.
    Caches,
    /// The views in Postgres.
    Postgres,
    /// The search index.
    Search,
    /// The secrets, tokens and mails of sign-in.
    SignIn,
}

/// Certifies that a place has forgotten somebody.
///
/// # Errors
/// Postgres does not answer.
pub async fn certify(pool: &PgPool, tenant: Tenant, subject: Uuid, place: Place) -> Result<(), sqlx::Error> {
    let statement = match place {
        Place::Caches => sql::CACHES_FORGOT,
        Place::Postgres => sql::POSTGRES_FORGOT,
        Place::Search => sql::SEARCH_FORGOT,
        Place::SignIn => sql::SIGN_IN_FORGOT,
    };
    sqlx::query(statement).bind(tenant).bind(subject).execute(pool).await?;
    Ok(())
}

/// The certificate of an erasure. Times are those of Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The entry by which the person was erased.
    pub position: String,
    /// Its time.
    pub erased_at: String,
    /// How many keys were destroyed.
    pub keys: i64,
    /// When they were; from then on nobody can open what they sealed, wherever it lies: journals, views, the local store, copies.
    pub destroyed_at: Option<String>,
    /// Since when no process holds one in memory.
    pub caches_at: Option<String>,
    /// Since when no view holds the blind index, or anything else of the account in clear.
    pub postgres_at: Option<String>,
    /// Since when nothing is found by search.
    pub search_at: Option<String>,
    /// Since when sign-in has no secret, token or mail of the person.
    pub sign_in_at: Option<String>,
}

impl Certificate {
    /// Whether every place has forgotten.
    pub fn is_whole(&self) -> bool {
        let Certificate { destroyed_at, caches_at, postgres_at, search_at, sign_in_at, .. } = self;
        [destroyed_at, caches_at, postgres_at, search_at, sign_in_at].iter().all(|at| at.is_some())
    }
}

/// The certificate of somebody's erasure; none where nobody of that id was erased.
///
/// # Errors
/// Postgres does not answer.
pub async fn certificate(pool: &PgPool, tenant: Tenant, subject: Uuid) -> Result<Option<Certificate>, sqlx::Error> {
    let row = sqlx::query(sql::CERTIFICATE).bind(tenant).bind(subject).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Certificate {
        position: row.try_get("position")?,
        erased_at: row.try_get("erased_at")?,
        keys: row.try_get("keys")?,
        destroyed_at: row.try_get("destroyed_at")?,
        caches_at: row.try_get("caches_at")?,
        postgres_at: row.try_get("postgres_at")?,
        search_at: row.try_get("search_at")?,
        sign_in_at: row.try_get("sign_in_at")?,
    }))
}
