//! The runner of policies: gathers what they hear, and gives the commands that follow.
//!
//! What a policy hears comes from several journals, each at its own pace; a policy begun anew has to hear it in the same
//! order again. So entries are first gathered in Postgres, with the checkpoints, and answered later by the times of the
//! entries, once every journal is read beyond. An entry waits there until all commands of its answer have an outcome.
//! What is rejected is kept at once, and given once more only when somebody asks for it.

mod answer;
mod heard;
mod memories;
mod orders;
pub mod rejections;
pub mod sql;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use daybook_contents::BoundedContext;
use daybook_platform::{Health, Secret, Shutdown};
use daybook_policies::POLICIES;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::{
    batch::Batch,
    postgres::{error::classify, progress, sql as tables},
    sink::{Sink, SinkError, Standing},
};
use answer::Answerer;
pub use orders::{Cause, Command, Desk, Outcome};

/// The name under which progress is kept.
pub const NAME: &str = "policies";

/// `[policies]`: where policies give their commands, and as whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The origin of the command API.
    pub command_url: String,
    /// The token of a service of the platform with the role `policy`, from the environment or from `token_file`.
    pub token: Option<Secret>,
    /// Path of a file that holds the token.
    pub token_file: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { command_url: "http://127.0.0.1:18000".into(), token: None, token_file: None }
    }
}

/// Whether a policy hears anything of that context.
pub fn is_heard(context: &BoundedContext) -> bool {
    POLICIES.iter().any(|policy| policy.hears().iter().any(|kind| kind.meta().context == context.name))
}

/// The sink that gathers what policies hear.
pub struct PolicySink {
    pool: PgPool,
    desk: Desk,
    shutdown: Shutdown,
    health: Health,
    /// All that was written before this time is gathered, in milliseconds since 1970.
    horizon: Arc<AtomicI64>,
    answerer: Option<Answerer>,
}

impl PolicySink {
    /// A sink on that database, whose policies give their commands at that desk.
    pub fn new(pool: PgPool, desk: Desk, shutdown: Shutdown, health: Health) -> Self {
        Self { pool, desk, shutdown, health, horizon: Arc::default(), answerer: None }
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        for statement in [tables::LOCK_SCHEMA, tables::SCHEMA, sql::SCHEMA] {
            sqlx::raw_sql(statement).execute(&mut *transaction).await.map_err(classify)?;
        }
        transaction.commit().await.map_err(classify)
    }

    async fn store(&self, batch: &Batch) -> Result<(), SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        progress::record(&mut transaction, NAME, &batch.progress).await?;
        heard::gather(&mut transaction, &batch.entries).await.map_err(classify)?;
        transaction.commit().await.map_err(|error| match error.as_database_error() {
            Some(_) => classify(error),
            // Nobody knows whether it was committed; the checkpoints will tell.
            None => SinkError::Overtaken(format!("the outcome of a commit is unknown: {error}")),
        })
    }
}

impl Sink for PolicySink {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.horizon.store(0, Ordering::Release);
        self.prepare().await?;
        if self.answerer.is_none() {
            let (pool, desk) = (self.pool.clone(), self.desk.clone());
            let horizon = Arc::clone(&self.horizon);
            self.answerer = Some(Answerer::start(pool, desk, horizon, self.shutdown.clone(), self.health.clone()));
        }
        Ok(Standing {
            checkpoints: progress::checkpoints(&self.pool, NAME).await?,
            parked: progress::parked(&self.pool, NAME).await?,
            cut: HashMap::new(),
            ..Standing::default()
        })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.store(batch).await
    }

    fn applied_until(&mut self, millis: i64) {
        self.horizon.store(millis, Ordering::Release);
    }
}
