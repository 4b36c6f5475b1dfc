//! The eraser: hears whom personal data is about and who was erased, destroys the keys, and sees to it that every store forgets.
//!
//! Whose a key is stands in the journals alone, so an eraser begun anew finds all of it again, and destroys again what an older
//! copy of the vault has brought back.

use std::{collections::HashMap, time::Duration};

use daybook_contents::{BoundedContext, ERASED, SUBJECTS};
use daybook_kernel::Datum;
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
}

impl Eraser {
    /// An eraser on that database. `lifetime` is how long processes keep a key in memory.
    pub fn new(pool: PgPool, reader: String, lifetime: Duration) -> Self {
        // Twice: a key that was looked up just before the end may be in the hands of a request that is still on its way.
        Self { pool, reader, settled_after: lifetime * 2 }
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

    /// Looks which places have forgotten, and certifies it.
    async fn settle(&self) -> Result<(), sqlx::Error> {
        for Open { tenant, subject, settled, in_caches, in_postgres, .. } in
            erasure::open(&self.pool, self.settled_after).await?
        {
            if in_caches && settled {
                erasure::certify(&self.pool, tenant, subject, Place::Caches).await?;
            }
            if in_postgres {
                let remembered: bool =
                    sqlx::query_scalar(REMEMBERED).bind(tenant).bind(subject).fetch_one(&self.pool).await?;
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
            // What was destroyed is so whether or not this succeeds.
            if let Err(error) = sqlx::query(VACUUM).execute(&self.pool).await {
                tracing::warn!(%error, "the pages of destroyed keys are not clean yet");
            }
        }
        Ok(())
    }

    async fn look_again(&mut self) -> Result<bool, SinkError> {
        if let Err(error) = self.settle().await {
            tracing::warn!(%error, "it is not known yet which stores have forgotten");
        }
        Ok(false)
    }
}
