//! ClickHouse: facts and figures, one tenant's at a time.

use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::query::Query;
use clickhouse::{Client, Row, RowOwned, RowRead};
use daybook_kernel::Tenant;
use daybook_platform::sections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{Fault, Store};

/// How long ClickHouse may take for one statement, below the time-out of a whole request.
const PATIENCE: Duration = Duration::from_secs(8);

/// Connections kept for the next request.
const IDLE: usize = 4;

/// The setting by which the reader's row policy knows the tenant: settings of our own naming do not exist everywhere, and so
/// the query log tells the tenant too.
const TENANT_SETTING: &str = "log_comment";

/// The connection to ClickHouse.
#[derive(Clone)]
pub struct Clickhouse {
    client: Client,
    prefix: String,
}

impl Clickhouse {
    /// A client as the settings say; `prefix` stands before the names of tables.
    pub fn open(settings: &sections::Clickhouse, prefix: &str) -> Self {
        let mut connector = HttpConnector::new();
        // Without it a request waits 40 ms for the acknowledgement of its own head.
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            // Shorter than the server's own 10 s, so that no request meets a connection being closed.
            .pool_idle_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(IDLE)
            .build(connector);
        let client = Client::with_http_client(http)
            .with_url(&settings.url)
            .with_database(&settings.database)
            .with_user(&settings.user)
            .with_password(settings.password.as_ref().map_or("", |password| password.expose()));
        Self { client, prefix: prefix.to_owned() }
    }

    /// The name of a table.
    pub fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A statement on one tenant's rows: the reader's row policy lets it see no others; for somebody of a domain, none of other domains.
    pub fn of(&self, tenant: Tenant, domain: Option<&str>, sql: &str) -> Query {
        let whose = domain.map_or_else(|| tenant.to_string(), |domain| format!("{tenant} {domain}"));
        self.client.query(sql).with_setting(TENANT_SETTING, whose)
    }

    /// All rows of a statement.
    ///
    /// # Errors
    /// When ClickHouse is away or the table is not there.
    pub async fn rows<T: Row + RowOwned + RowRead>(&self, query: Query) -> Result<Vec<T>, Fault> {
        match tokio::time::timeout(PATIENCE, query.fetch_all()).await {
            Ok(rows) => Ok(rows?),
            Err(_) => Err(Error::TimedOut.into()),
        }
    }

    /// Nothing, if ClickHouse answers.
    ///
    /// # Errors
    /// When ClickHouse is away.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.rows::<u8>(self.client.query("SELECT 1")).await.map(|_| ())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let store = Store::Clickhouse;
        let says =
            |names: &[&str]| matches!(&error, Error::BadResponse(text) if names.iter().any(|name| text.contains(name)));
        if matches!(error, Error::Network(_) | Error::TimedOut)
            || says(&[
                "TIMEOUT_EXCEEDED",
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                "MEMORY_LIMIT_EXCEEDED",
                "AUTHENTICATION_FAILED",
            ])
        {
            Fault::Away { store, source: error.into() }
        } else if says(&["UNKNOWN_TABLE", "UNKNOWN_DATABASE", "UNKNOWN_IDENTIFIER", "ACCESS_DENIED"]) {
            Fault::NotBuilt { store, source: error.into() }
        } else {
            Fault::Broken { store, source: error.into() }
        }
    }
}
