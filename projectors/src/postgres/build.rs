//! Building the next version of a view beside the live one, and switching to it.
//!
//! A build is a sink of its own: it reads the journal from its own checkpoint (the beginning, for a version that is new),
//! under its own name, and so can be interrupted at any time. Near the end it makes the indexes and counts how the two
//! versions differ. Then it takes the epoch, so that nobody moves the live version's checkpoints, reads up to them and
//! switches view, catalogue and epoch in one transaction. Whoever projects under the older epoch looks again.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use daybook_journal::Checkpoint;
use daybook_platform::Shutdown;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, Transaction};

use super::{Options, add_version, diff, error::classify, progress, project::Views, sql, tables::Tables};
use crate::{
    batch::Batch,
    fold::Recent,
    sink::{Partition, Sink, SinkError, Standing},
    view::Family,
};

/// How many entries may be missing when the live version is stopped for the switch: some hundred milliseconds of work.
const NEAR: u64 = 2_000;

/// How long the live version may be stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// A version that is being built.
pub struct Build {
    pool: PgPool,
    options: Options,
    views: Views,
    place: usize,
    generation: u32,
    /// The name under which its progress is kept: `<view>@<version>`.
    sink: String,
    /// Requested when the switch is made.
    done: Shutdown,
    reached: HashMap<Partition, Checkpoint>,
    recent: Recent,
    prepared: bool,
    fence: Option<(Instant, Transaction<'static, Postgres>)>,
}

impl Build {
    /// A build of the `generation`th version of a family, as this program declares it.
    pub fn new(
        pool: PgPool,
        options: Options,
        families: &'static [Family],
        place: usize,
        generation: u32,
        done: Shutdown,
    ) -> Self {
        let family = &families[place];
        let version = family.version(generation);
        let mut tables: Vec<Option<Tables>> = families.iter().map(|_| None).collect();
        tables[place] = Some(Tables::new(family, &version));
        let sink = sink_of(&family.name(), &version);
        let (reached, recent) = Default::default();
        let views = Views { families, tables };
        Self { pool, options, views, place, generation, sink, done, reached, recent, prepared: false, fence: None }
    }

    fn family(&self) -> &'static Family {
        &self.views.families[self.place]
    }

    fn tables(&self) -> &Tables {
        self.views.tables[self.place].as_ref().expect("a build has the tables of its family")
    }

    async fn begin(&self) -> Result<(), SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        sqlx::raw_sql(sql::LOCK_SCHEMA).execute(&mut *transaction).await.map_err(classify)?;
        let create = self.tables().create(&self.options.reader);
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *transaction).await.map_err(classify)?;
        add_version(&mut transaction, self.family(), self.generation, "building", self.tables()).await?;
        transaction.commit().await.map_err(classify)
    }

    async fn store(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        // A build that loses its last moments in a crash reads them again.
        sqlx::raw_sql("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await.map_err(classify)?;
        progress::record(&mut transaction, &self.sink, &batch.progress).await?;
        let changes = self.views.fold(&mut transaction, &self.recent, &batch.entries).await?;
        self.views.write(&mut transaction, &changes).await?;
        transaction
            .commit()
            .await
            .map_err(|error| SinkError::Overtaken(format!("the outcome of a commit is unknown: {error}")))?;
        changes.folded.into_iter().for_each(|(key, folded)| self.recent.put(key, folded));
        if let crate::batch::Progress::Journal { advances, .. } = &batch.progress {
            for advance in advances {
                self.reached.insert((advance.topic.clone(), advance.partition), advance.to);
            }
        }
        Ok(())
    }

    /// Does what is due: reports, prepares the switch, makes it.
    async fn go_on(&mut self) -> Result<(), SinkError> {
        if let Some((since, mut fence)) = self.fence.take() {
            let live = progress::checkpoints_seen(&mut fence, self.options.sink).await?;
            if self.missing(&live) == 0 {
                return self.switch(fence).await;
            }
            if since.elapsed() < PATIENCE {
                self.fence = Some((since, fence));
            }
            return Ok(());
        }
        let live = progress::checkpoints(&self.pool, self.options.sink).await?;
        self.report(&live).await?;
        if !self.is_near(&live) {
            return Ok(());
        }
        if !self.prepared {
            for index in self.tables().indexes() {
                sqlx::query(AssertSqlSafe(index)).execute(&self.pool).await.map_err(classify)?;
            }
            let analyze = format!("ANALYZE {}", self.tables().main.name);
            sqlx::query(AssertSqlSafe(analyze)).execute(&self.pool).await.map_err(classify)?;
            diff::report(&self.pool, &self.options, &self.sink, self.family(), self.tables()).await?;
            self.prepared = true;
            return Ok(());
        }
        let mut fence = self.pool.begin().await.map_err(classify)?;
        sqlx::query(sql::TAKE_EPOCH).bind(self.options.sink).fetch_one(&mut *fence).await.map_err(classify)?;
        let live = progress::checkpoints_seen(&mut fence, self.options.sink).await?;
        if self.missing(&live) == 0 {
            return self.switch(fence).await;
        }
        self.fence = Some((Instant::now(), fence));
        Ok(())
    }

    /// Whether little is missing, and something of every partition is there: of a short journal all would be little, and nothing
    /// would be compared.
    fn is_near(&self, live: &HashMap<Partition, Checkpoint>) -> bool {
        let mut of_family = live.iter().filter(|((topic, _), _)| self.family().follows(topic));
        self.missing(live) <= NEAR && of_family.all(|(partition, _)| self.reached.contains_key(partition))
    }

    /// Entries that the live version has and this one has not.
    fn missing(&self, live: &HashMap<Partition, Checkpoint>) -> u64 {
        let of_family = live.iter().filter(|((topic, _), _)| self.family().follows(topic));
        of_family
            .map(|(partition, live)| {
                live.number.saturating_sub(self.reached.get(partition).map_or(0, |own| own.number))
            })
            .sum()
    }

    async fn report(&self, live: &HashMap<Partition, Checkpoint>) -> Result<(), SinkError> {
        let sum = |checkpoints: &HashMap<Partition, Checkpoint>| {
            let of_family = checkpoints.iter().filter(|((topic, _), _)| self.family().follows(topic));
            of_family.map(|(_, checkpoint)| checkpoint.number).sum::<u64>()
        };
        let (done, total) = (sum(&self.reached), sum(live));
        sqlx::query(sql::REPORT_BUILD)
            .bind(self.family().name())
            .bind(self.family().version(self.generation))
            .bind(done.cast_signed())
            .bind(total.max(done).cast_signed())
            .execute(&self.pool)
            .await
            .map_err(classify)?;
        Ok(())
    }

    async fn switch(&mut self, mut fence: Transaction<'static, Postgres>) -> Result<(), SinkError> {
        let (family, view, version) = (self.family(), self.family().name(), self.family().version(self.generation));
        let retired = sqlx::query(sql::RETIRE).bind(&view).fetch_optional(&mut *fence).await.map_err(classify)?;
        if let Some(retired) = retired {
            let before: String = retired.try_get("version").map_err(classify)?;
            let before = sink_of(&view, &before);
            for keep in [sql::KEEP_CHECKPOINTS, sql::COPY_PARKED] {
                let keep = sqlx::query(keep).bind(self.options.sink).bind(&before).bind(self.options.topic_of(family));
                keep.execute(&mut *fence).await.map_err(classify)?;
            }
        }
        sqlx::query(sql::MAKE_LIVE).bind(&view).bind(&version).execute(&mut *fence).await.map_err(classify)?;
        sqlx::query(sql::MERGE_PARKED)
            .bind(&self.sink)
            .bind(self.options.sink)
            .bind(self.options.topic_of(family))
            .execute(&mut *fence)
            .await
            .map_err(classify)?;
        for forget in [sql::FORGET_CHECKPOINTS, sql::FORGET_PARKED] {
            sqlx::query(forget).bind(&self.sink).execute(&mut *fence).await.map_err(classify)?;
        }
        let show = self.tables().show(&self.options.reader);
        sqlx::raw_sql(AssertSqlSafe(show)).execute(&mut *fence).await.map_err(classify)?;
        sqlx::query(sql::NEXT_EPOCH).bind(self.options.sink).execute(&mut *fence).await.map_err(classify)?;
        fence.commit().await.map_err(classify)?;
        tracing::info!(view, version, "another version of a view is live");
        self.done.request();
        Ok(())
    }
}

impl Sink for Build {
    fn name(&self) -> &'static str {
        "rebuild"
    }

    fn is_traced(&self) -> bool {
        false
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.fence = None;
        self.recent.clear();
        self.begin().await?;
        self.reached = progress::checkpoints(&self.pool, &self.sink).await?;
        let parked = progress::parked(&self.pool, &self.sink).await?;
        Ok(Standing { checkpoints: self.reached.clone(), parked, cut: HashMap::new(), held: HashSet::new() })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let stored = self.store(batch).await;
        if stored.is_err() {
            self.recent.clear();
        } else if let Err(error) = self.go_on().await {
            // The batch is stored; what else is due is tried again after the next one.
            self.fence = None;
            tracing::warn!(sink = self.sink, %error, "a build does not get on");
        }
        stored
    }

    async fn look_again(&mut self) -> Result<bool, SinkError> {
        if !self.done.is_requested()
            && let Err(error) = self.go_on().await
        {
            self.fence = None;
            return Err(error);
        }
        Ok(false)
    }
}

/// The name under which a version that is not live keeps its progress.
pub fn sink_of(view: &str, version: &str) -> String {
    format!("{view}@{}", &version[..8])
}
