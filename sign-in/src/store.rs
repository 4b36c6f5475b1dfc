//! The store of sign-in: its own schema in Postgres, and how far the views beside it have come.

use std::time::{Duration, Instant};

use daybook_kernel::Tenant;
use daybook_platform::{ApiError, sections};
use serde_json::Value as Json;
use sqlx::{
    Row as _,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow},
};
use uuid::Uuid;

use crate::{sealed, sealed::Safe, sql, tables, tokens};

/// After what time a caller may find the store back.
const BACK: Duration = Duration::from_secs(2);

/// How long the views are waited for after a command; its outcome stands whether or not they have come so far.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Postgres does not answer, or the views are not there yet.
    #[error("postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// A secret was sealed under another key than that of the settings.
    #[error("a secret cannot be opened: it was sealed under another key than sign_in.key_file")]
    Unopenable,
    /// There is no signing key, or it cannot be used.
    #[error("no token can be signed: {0}")]
    Key(String),
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        tracing::error!(%fault, "the store gave no answer");
        match fault {
            Fault::Postgres(_) => ApiError::unavailable("sign-in is not available at present", BACK),
            Fault::Unopenable | Fault::Key(_) => ApiError::internal(),
        }
    }
}

/// A token that somebody has shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The id under which the book knows it.
    pub id: Uuid,
    /// What it is for.
    pub kind: String,
    /// The tenant.
    pub tenant: Tenant,
    /// Whose it is.
    pub owner: Uuid,
    /// The session that a refresh token keeps up.
    pub session: Option<Uuid>,
    /// Its generation.
    pub generation: Option<i32>,
}

impl Shown {
    /// What a row says.
    pub(crate) fn of(row: PgRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            tenant: row.try_get("tenant")?,
            owner: row.try_get("owner")?,
            session: row.try_get("session")?,
            generation: row.try_get("generation")?,
        })
    }
}

/// A token that is given away.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// What it is for.
    pub kind: &'a str,
    /// The tenant.
    pub tenant: Tenant,
    /// Whose it is.
    pub owner: Uuid,
    /// The session that a refresh token keeps up.
    pub session: Option<Uuid>,
    /// Its generation.
    pub generation: Option<i32>,
    /// How long it serves; for good where it is not said.
    pub lifetime: Option<Duration>,
}

/// Connections as the settings say; made when they are first needed.
///
/// # Errors
/// When the URL is none.
pub fn connections(settings: &sections::Postgres) -> Result<PgPool, sqlx::Error> {
    let mut options: PgConnectOptions = settings.url.parse()?;
    options = options.username(&settings.user).application_name("daybook-sign-in").options([
        ("statement_timeout", "5000"),
        ("client_min_messages", "warning"),
        ("timezone", "UTC"),
    ]);
    if let Some(password) = &settings.password {
        options = options.password(password.expose());
    }
    Ok(PgPoolOptions::new()
        .max_connections(settings.pool)
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy_with(options))
}

/// Makes the tables where they are not there.
///
/// # Errors
/// When Postgres is away.
pub async fn prepare(pool: &PgPool) -> Result<(), Fault> {
    let mut transaction = pool.begin().await?;
    for statement in [sql::LOCK, tables::SCHEMA] {
        sqlx::raw_sql(statement).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// The connections, and the key of what is sealed.
pub struct Store {
    pool: PgPool,
    safe: Safe,
}

impl Store {
    /// Connections as the settings say; made when they are first needed.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(settings: &sections::Postgres, safe: Safe) -> Result<Self, sqlx::Error> {
        Ok(Self { pool: connections(settings)?, safe })
    }

    /// Makes the tables where they are not there.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn prepare(&self) -> Result<(), Fault> {
        prepare(&self.pool).await
    }

    /// Nothing, if Postgres answers and the views are there.
    ///
    /// # Errors
    /// When not.
    pub async fn ping(&self) -> Result<(), Fault> {
        sqlx::query(sql::PING).execute(&self.pool).await?;
        Ok(())
    }

    /// The connections, for reading views.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What seals.
    pub fn safe(&self) -> &Safe {
        &self.safe
    }

    /// Seals a secret of somebody and keeps it; the id under which it is kept.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn keep(&self, kind: &str, tenant: Tenant, owner: Uuid, clear: &[u8]) -> Result<Uuid, Fault> {
        let id = Uuid::now_v7();
        let sealed = self.safe.seal(&sealed::name(kind, id), clear);
        let query = sqlx::query(sql::ADD_SECRET).bind(id).bind(tenant).bind(owner).bind(kind).bind(sealed);
        query.execute(&self.pool).await?;
        Ok(id)
    }

    /// A secret of somebody, opened.
    ///
    /// # Errors
    /// When Postgres is away, or the key is another.
    pub async fn secret(&self, kind: &str, tenant: Tenant, owner: Uuid, id: Uuid) -> Result<Option<Vec<u8>>, Fault> {
        let query = sqlx::query(sql::SECRET).bind(id).bind(tenant).bind(owner).bind(kind);
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("sealed")?;
        self.safe.open(&sealed::name(kind, id), &sealed).map(Some).ok_or(Fault::Unopenable)
    }

    /// Keeps the hash of a token that is given away; the id under which the book knows it.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn give(&self, token: &str, given: Given<'_>) -> Result<Uuid, Fault> {
        let id = Uuid::now_v7();
        let query = sqlx::query(sql::ADD_TOKEN)
            .bind(tokens::hash(token).to_vec())
            .bind(id)
            .bind(given.kind)
            .bind(given.tenant)
            .bind(given.owner)
            .bind(given.session)
            .bind(given.generation)
            .bind(given.lifetime.map(|lifetime| lifetime.as_secs_f64()));
        query.execute(&self.pool).await?;
        Ok(id)
    }

    /// What a token stands for that somebody shows, if it is of one of these kinds.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn shown(&self, token: &str, kinds: &[&str]) -> Result<Option<Shown>, Fault> {
        let query = sqlx::query(sql::TOKEN).bind(tokens::hash(token).to_vec()).bind(kinds);
        query.fetch_optional(&self.pool).await?.map(Shown::of).transpose()
    }

    /// Forgets tokens that have run out, and keys whose tokens have.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn tidy(&self, token_lifetime: Duration) -> Result<(), Fault> {
        sqlx::query(sql::FORGET_TOKENS).execute(&self.pool).await?;
        let query = sqlx::query(sql::FORGET_SIGNING_KEYS).bind(token_lifetime.as_secs_f64());
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets everything of somebody who was erased. Twice the same changes nothing.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn forget(&self, tenant: Tenant, owner: Uuid) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await?;
        for statement in sql::FORGET_OWNER {
            sqlx::query(statement).bind(tenant).bind(owner).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Keeps an API key of somebody, by its prefix.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn keep_api_key(
        &self,
        secret: Uuid,
        (key, prefix): (&str, &str),
        tenant: Tenant,
        owner: Uuid,
        of: Option<Uuid>,
    ) -> Result<(), Fault> {
        let query = sqlx::query(sql::ADD_API_KEY).bind(secret).bind(prefix).bind(tokens::hash(key).to_vec());
        query.bind(tenant).bind(owner).bind(of).execute(&self.pool).await?;
        Ok(())
    }

    /// The book has accepted it under that id.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn name_api_key(&self, secret: Uuid, key: Uuid) -> Result<(), Fault> {
        sqlx::query(sql::NAME_API_KEY).bind(secret).bind(key).execute(&self.pool).await?;
        Ok(())
    }

    /// Waits, bounded, until the views have passed a position such as `journal.identity/3#4711`: what comes next reads them.
    pub async fn passed(&self, position: &str) {
        let Some((topic, partition, number)) = parts(position) else { return };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let query = sqlx::query(sql::REACHED).bind(topic).bind(partition);
            let reached = query.fetch_optional(&self.pool).await.ok().flatten();
            if reached.and_then(|row| row.try_get::<i64, _>("number").ok()).is_some_and(|reached| reached >= number) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        tracing::warn!(position, "the views have not come so far in time");
    }
}

fn parts(position: &str) -> Option<(&str, i32, i64)> {
    let (place, number) = position.split_once('#')?;
    let (topic, partition) = place.split_once('/')?;
    Some((topic, partition.parse().ok()?, number.parse().ok()?))
}

/// An id in a document.
pub fn id_in(doc: &Json, field: &str) -> Option<Uuid> {
    doc[field].as_str()?.parse().ok()
}
