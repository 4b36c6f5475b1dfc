//! Postgres: one tenant's rows at a time, in one snapshot, by a role that may only read.

use std::time::Duration;

use daybook_kernel::Tenant;
use daybook_platform::sections;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Transaction};

use super::{Fault, Store};

/// A transaction that sees one tenant's rows, all of the same moment. It ends by being dropped: nothing was written.
pub type Reading = Transaction<'static, sqlx::Postgres>;

/// The connections to Postgres.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
}

/// How long a request waits for a connection to become free before it is told that the store is away.
const CONNECTION_WAIT: Duration = Duration::from_secs(2);

/// How long Postgres may take for one statement, in milliseconds, below the time-out of a whole request.
const STATEMENT_TIMEOUT_MS: &str = "8000";

/// Whether Postgres answers at all.
const PING: &str = "SELECT 1";

impl Postgres {
    /// Connections as the settings say; made when they are first needed, so that a start does not wait for the store.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(settings: &sections::Postgres) -> Result<Self, sqlx::Error> {
        let mut options: PgConnectOptions = settings.url.parse()?;
        options = options.username(&settings.user).application_name("daybook-query-api").options([
            ("statement_timeout", STATEMENT_TIMEOUT_MS),
            ("timezone", "UTC"),
            ("datestyle", "ISO"),
            ("jit", "off"),
        ]);
        if let Some(password) = &settings.password {
            options = options.password(password.expose());
        }
        let pool = PgPoolOptions::new()
            .max_connections(settings.pool)
            .acquire_timeout(CONNECTION_WAIT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Begins to read a tenant's rows; for somebody of a domain, none of other domains.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn reading(&self, tenant: Tenant, domain: Option<&str>) -> Result<Reading, Fault> {
        // One round trip for all of it. The tenant is a UUID, so it can be nothing else to Postgres than a UUID's text; of a
        // domain's name the same is made sure.
        let domain: String =
            domain.unwrap_or_default().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL daybook.tenant = '{tenant}'; \
             SET LOCAL daybook.domain = '{domain}'"
        );
        Ok(self.pool.begin_with(AssertSqlSafe(begin)).await?)
    }

    /// The connections, for what belongs to no tenant: checkpoints and schemas.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Nothing, if Postgres answers.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn ping(&self) -> Result<(), Fault> {
        sqlx::query(PING).execute(&self.pool).await?;
        Ok(())
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let store = Store::Postgres;
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
        let is_away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // The classes 08 connection exception, 28 and 3D not let in, 53 insufficient resources, 57 operator intervention
            // (shutdown, and the statement time-out), 58 system error, of the table of PostgreSQL error codes.
            _ => ["08", "28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class)),
        };
        match code.as_str() {
            _ if is_away => Fault::Away { store, source: error.into() },
            // No such table, column or schema, or not granted to us: the projector has not come so far.
            "42P01" | "42703" | "3F000" | "42501" => Fault::NotBuilt { store, source: error.into() },
            _ => Fault::Broken { store, source: error.into() },
        }
    }
}
