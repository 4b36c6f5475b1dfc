//! The eraser: hears whom personal data is about and who was erased, destroys the keys, and sees to it that every store forgets.
//!
//! Whose a key is stands in the journals alone, so an eraser begun anew finds all of it again, and destroys again what an older
//! copy of the vault has brought back.

pub mod retention;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use daybook_contents::{BoundedContext, ERASED, SUBJECTS};
use daybook_kernel::Datum;
use daybook_platform::sections::Vault;
use daybook_vault::erasure::{self, About, Erased, Open, Place};
use sqlx::PgPool;

use crate::{
    batch::{Batch, Entry},
    postgres::{error::classify, progress, sql as tables},
    sink::{Sink, SinkError, Standing},
};

/// The name under which progress is kept.
pub const NAME: &str = "eraser";

/// Whether the view of accounts holds one as it was before it was erased.
pub const REMEMBERED: &str = "
SELECT NOT EXISTS (SELECT 1 FROM identity.users WHERE tenant = $1 AND id = $2 AND status = 'erased' AND email_index IS NULL)";

/// Takes the bytes of what was destroyed out of the table's pages.
pub const VACUUM: &str = "VACUUM vault.keys";

/// Whether an entry of that context can say of whom something is, or who was erased.
pub fn is_heard(context: &BoundedContext) -> bool {
    context.kinds.iter().any(|kind| kind.meta().subject.is_some())
}

/// The sink that destroys.
pub struct Eraser {
    pool: PgPool,
    /// The role that may read the vault.
    reader: String,
    /// How long after its destruction no process holds a key any more.
    settled_after: Duration,
    /// How often it is looked for what has been over for long enough, and when it was last.
    retire_every: Duration,
    retired: Option<Instant>,
}

impl Eraser {
    /// An eraser on that database.
    pub fn new(pool: PgPool, settings: &Vault) -> Self {
        // Twice: a key that was looked up just before the end may be in the hands of a request that is still on its way.
        let settled_after = Duration::from_secs(settings.cache_s) * 2;
        let retire_every = Duration::from_secs(settings.retention_s);
        Self { pool, reader: settings.reader.clone(), settled_after, retire_every, retired: None }
    }

    async fn store(&self, batch: &Batch) -> Result<u64, SinkError> {
        let about: Vec<About> = batch.entries.iter().flat_map(about).collect();
        let erased: Vec<Erased> = batch.entries.iter().flat_map(erased).collect();
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        progress::record(&mut transaction, NAME, &batch.progress).await?;
        let destroyed = erasure::hear(&mut transaction, &about, &erased).await.map_err(classify)?;
        transaction.commit().await.map_err(|error| match error.as_database_error() {
            Some(_) => classify(error),
            // Nobody knows whether it was committed; the checkpoints will tell.
            None => SinkError::Overtaken(format!("the outcome of a commit is unknown: {error}")),
        })?;
        Ok(destroyed)
    }

    /// Takes destroyed keys off the disk. They are destroyed whether or not this succeeds.
    async fn vacuum(&self) {
        if let Err(error) = sqlx::query(VACUUM).execute(&self.pool).await {
            tracing::warn!(%error, "the pages of destroyed keys are not clean yet");
        }
    }

    /// Forgets what has been over for long enough.
    async fn retire(&mut self) -> Result<(), sqlx::Error> {
        if self.retired.is_none_or(|at| at.elapsed() > self.retire_every) {
            if retention::run(&self.pool).await? > 0 {
                self.vacuum().await;
            }
            self.retired = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks which places have forgotten, and certifies it.
    async fn settle(&self) -> Result<(), sqlx::Error> {
        for Open { tenant, subject, of_person, settled, in_caches, in_postgres, .. } in
            erasure::open(&self.pool, self.settled_after).await?
        {
            if in_caches && settled {
                erasure::certify(&self.pool, tenant, subject, Place::Caches).await?;
            }
            if in_postgres {
                // Of a record nothing personal stands in the views in clear.
                let remembered: bool = of_person
                    && sqlx::query_scalar(REMEMBERED).bind(tenant).bind(subject).fetch_one(&self.pool).await?;
                if !remembered {
                    erasure::certify(&self.pool, tenant, subject, Place::Postgres).await?;
                }
            }
        }
        Ok(())
    }
}

/// What an entry says of whom its aggregates are about.
fn about(entry: &Entry) -> impl Iterator<Item = About> {
    entry.each().filter_map(move |(wire, event)| {
        let meta = event.kind.meta();
        let (place, _) = event.kind.events()[event.index].body.field(meta.subject?)?;
        let Datum::Record(fields) = &event.body else { return None };
        let Some(Datum::Id(subject)) = fields.get(place) else { return None };
        let (tenant, subject, type_name, key) = (entry.envelope.tenant, *subject, meta.type_name, wire.aggregate_id);
        Some(About { tenant, subject, type_name, key })
    })
}

/// Who was erased by an entry.
fn erased(entry: &Entry) -> impl Iterator<Item = Erased> {
    let is_one = |kind: &str, event: &str| kind == SUBJECTS && event == ERASED;
    entry.each().filter(move |(wire, _)| is_one(&wire.aggregate_type, &wire.event_type)).map(move |(wire, _)| Erased {
        tenant: entry.envelope.tenant,
        subject: wire.aggregate_id,
        position: entry.position.to_string(),
        at: entry.envelope.time,
    })
}

impl Sink for Eraser {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        for statement in [tables::LOCK_SCHEMA, tables::SCHEMA] {
            sqlx::raw_sql(statement).execute(&mut *transaction).await.map_err(classify)?;
        }
        transaction.commit().await.map_err(classify)?;
        daybook_vault::prepare(&self.pool, &self.reader).await.map_err(classify)?;
        Ok(Standing {
            checkpoints: progress::checkpoints(&self.pool, NAME).await?,
            parked: progress::parked(&self.pool, NAME).await?,
            cut: HashMap::new(),
            ..Standing::default()
        })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let destroyed = self.store(batch).await?;
        if destroyed > 0 {
            tracing::info!(keys = destroyed, "keys were destroyed");
            self.vacuum().await;
        }
        Ok(())
    }

    async fn look_again(&mut self) -> Result<bool, SinkError> {
        if let Err(error) = self.retire().await {
            tracing::warn!(%error, "what has been over for long enough is not forgotten yet");
        }
        if let Err(error) = self.settle().await {
            tracing::warn!(%error, "it is not known yet which stores have forgotten");
        }
        Ok(false)
    }
}
