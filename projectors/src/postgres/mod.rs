//! The Postgres sink: default and special views, growing lists, and every event, each batch in one transaction with the
//! checkpoints it leads to.

mod build;
mod clerk;
mod diff;
mod entries;
pub(crate) mod error;
mod instant;
pub(crate) mod progress;
mod project;
pub mod sql;
pub mod tables;

use std::collections::{HashMap, HashSet};

use daybook_journal::Settings;
use daybook_platform::{Shutdown, sections};
use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    batch::Batch,
    fold::Recent,
    follow::Bounds,
    sink::{Partition, Sink, SinkError, Standing},
    view::Family,
};
use clerk::Clerk;
use error::classify;
use project::Views;
use tables::Tables;

/// The name under which progress is kept, unless the settings say another.
pub const NAME: &str = "postgres";

/// How the sink works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name under which progress is kept.
    pub sink: &'static str,
    /// The role that reads: query-api's.
    pub reader: String,
    /// How the journals are reached when a view is built.
    pub journal: Settings,
    /// Every partition of every journal.
    pub partitions: Vec<Partition>,
    /// How large a batch of a build may be.
    pub bounds: Bounds,
}

impl Options {
    /// The partitions that a family follows.
    fn partitions_of(&self, family: &Family) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|(topic, _)| family.follows(topic))
    }

    /// The topic that a family follows.
    fn topic_of(&self, family: &Family) -> &str {
        self.partitions_of(family).next().map_or("", |(topic, _)| topic)
    }
}

/// Connects on first use.
///
/// # Errors
/// When the address is none.
pub fn pool(settings: &sections::Postgres) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = settings.url.parse()?;
    let mut options = options.username(&settings.user).application_name("daybook-projector").options([
        ("client_min_messages", "warning"),
        // Tables that wait for work begin empty and hold a hundred thousand rows a minute later: the plan that was good for the
        // one looks at every row of the other, each time.
        ("plan_cache_mode", "force_custom_plan"),
    ]);
    if let Some(password) = &settings.password {
        options = options.password(password.expose());
    }
    let pool = PgPoolOptions::new()
        .max_connections(settings.pool.max(3))
        .acquire_timeout(std::time::Duration::from_secs(5))
        // A server that was restarted is noticed by the next statement, which is tried again.
        .test_before_acquire(false);
    Ok(pool.connect_lazy_with(options))
}

/// The Postgres sink.
pub struct PostgresSink {
    pool: PgPool,
    options: Options,
    shutdown: Shutdown,
    views: Views,
    epoch: i64,
    recent: Recent,
    months: entries::Months,
    clerk: Option<Clerk>,
    /// All that was appended before this time is applied, in milliseconds since 1970.
    applied_until: i64,
    /// Topics that wait until a view of their context is built.
    held: HashSet<String>,
}

impl PostgresSink {
    /// A sink on that database.
    pub fn new(pool: PgPool, options: Options, shutdown: Shutdown) -> Self {
        // For the life of the process: built once, and shared with builds that run beside.
        let families: &'static [Family] = Box::leak(Family::all().into_boxed_slice());
        let views = Views { families, tables: families.iter().map(|_| None).collect() };
        Self {
            pool,
            options,
            shutdown,
            views,
            epoch: 0,
            recent: Recent::default(),
            months: entries::Months::default(),
            clerk: None,
            applied_until: 0,
            held: HashSet::new(),
        }
    }

    async fn prepare(&mut self) -> Result<(), SinkError> {
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        sqlx::raw_sql(sql::LOCK_SCHEMA).execute(&mut *transaction).await.map_err(classify)?;
        sqlx::raw_sql(sql::SCHEMA).execute(&mut *transaction).await.map_err(classify)?;
        let reader = &self.options.reader;
        let grants = format!(
            "GRANT USAGE ON SCHEMA daybook TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO {reader}"
        );
        sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut *transaction).await.map_err(classify)?;
        sqlx::query(sql::ADD_SINK).bind(self.options.sink).execute(&mut *transaction).await.map_err(classify)?;
        self.plan(&mut transaction).await?;
        transaction.commit().await.map_err(classify)
    }

    /// Finds the tables of each family's live version; makes them where nothing was ever projected.
    async fn plan(&mut self, connection: &mut PgConnection) -> Result<(), SinkError> {
        let epoch =
            sqlx::query(sql::EPOCH).bind(self.options.sink).fetch_one(&mut *connection).await.map_err(classify)?;
        self.epoch = epoch.try_get("epoch").map_err(classify)?;
        let begun = progress::checkpoints_seen(connection, self.options.sink).await?;
        let live = live_views(connection).await?;
        self.held.clear();
        for (place, family) in self.views.families.iter().enumerate() {
            let is_new = !begun.keys().any(|(topic, _)| family.follows(topic));
            self.views.tables[place] = match live.get(&family.name()) {
                Some((version, declaration)) if *declaration == family.declaration => {
                    Some(Tables::new(family, version))
                }
                None if is_new => {
                    let tables = Tables::new(family, &family.declaration);
                    self.begin(connection, family, &tables).await?;
                    Some(tables)
                }
                // Another release's view is live. Its next version is built beside it, and until that is done the context
                // waits: this release could fold new events into it wrongly.
                _ => {
                    self.held.extend(self.options.partitions_of(family).map(|(topic, _)| topic.to_string()));
                    None
                }
            };
        }
        Ok(())
    }

    async fn begin(&self, connection: &mut PgConnection, family: &Family, tables: &Tables) -> Result<(), SinkError> {
        let mut sql = tables.create(&self.options.reader);
        tables.indexes().for_each(|index| sql.push_str(&format!("{index};\n")));
        sql.push_str(&tables.show(&self.options.reader));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(classify)?;
        add_version(connection, family, 0, "live", tables).await
    }

    async fn store(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.months.prepare(&self.pool, &batch.entries, &self.options.reader).await?;
        let mut transaction = self.pool.begin().await.map_err(classify)?;
        let epoch: i64 = sqlx::query(sql::HOLD_EPOCH)
            .bind(self.options.sink)
            .fetch_one(&mut *transaction)
            .await
            .and_then(|row| row.try_get("epoch"))
            .map_err(classify)?;
        if epoch != self.epoch {
            return Err(SinkError::Overtaken("another version of a view is live".to_owned()));
        }
        progress::record(&mut transaction, self.options.sink, &batch.progress).await?;
        if !batch.schemas.is_empty() {
            let texts: Vec<&str> = batch.schemas.iter().map(|text| &**text).collect();
            sqlx::query(sql::ADD_SCHEMAS).bind(texts).execute(&mut *transaction).await.map_err(classify)?;
        }
        // A book that is read again was followed by nobody, so what is remembered of its aggregates is not wrong either.
        let changes = self.views.fold(&mut transaction, &self.recent, &batch.entries).await?;
        self.views.write(&mut transaction, &changes).await?;
        entries::write(&mut transaction, &batch.entries).await?;
        transaction.commit().await.map_err(|error| match error.as_database_error() {
            Some(_) => classify(error),
            // Nobody knows whether it was committed; the checkpoints will tell.
            None => SinkError::Overtaken(format!("the outcome of a commit is unknown: {error}")),
        })?;
        changes.folded.into_iter().for_each(|(key, folded)| self.recent.put(key, folded));
        Ok(())
    }
}

impl Sink for PostgresSink {
    fn name(&self) -> &'static str {
        self.options.sink
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.recent.clear();
        self.months.forget();
        self.prepare().await?;
        if self.clerk.is_none() {
            self.clerk =
                Some(Clerk::start(self.pool.clone(), self.options.clone(), self.views.families, self.shutdown.clone()));
        }
        Ok(Standing {
            checkpoints: progress::checkpoints(&self.pool, self.options.sink).await?,
            parked: progress::parked(&self.pool, self.options.sink).await?,
            cut: HashMap::new(),
            held: self.held.clone(),
        })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let stored = self.store(batch).await;
        if stored.is_err() {
            self.recent.clear();
        }
        stored
    }

    fn applied_until(&mut self, millis: i64) {
        self.applied_until = millis;
    }

    async fn look_again(&mut self) -> Result<bool, SinkError> {
        let noting = sqlx::query(sql::NOTE_HORIZON).bind(self.options.sink).bind(self.applied_until);
        noting.execute(&self.pool).await.map_err(classify)?;
        let row = sqlx::query(sql::LOOK_AGAIN).bind(self.options.sink).bind(self.epoch).fetch_one(&self.pool).await;
        row.and_then(|row| row.try_get(0)).map_err(classify)
    }
}

/// The live version and declaration of each view.
async fn live_views(connection: &mut PgConnection) -> Result<HashMap<String, (String, String)>, SinkError> {
    let rows = sqlx::query(sql::LIVE_VIEWS).fetch_all(connection).await.map_err(classify)?;
    rows.into_iter()
        .map(|row| Ok((row.try_get("view")?, (row.try_get("version")?, row.try_get("declaration")?))))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(classify)
}

/// Names a version of a family's views.
async fn add_version(
    connection: &mut PgConnection,
    family: &Family,
    generation: u32,
    state: &str,
    tables: &Tables,
) -> Result<(), SinkError> {
    sqlx::query(sql::ADD_VERSION)
        .bind(family.name())
        .bind(family.version(generation))
        .bind(&family.declaration)
        .bind(i32::try_from(generation).unwrap_or(i32::MAX))
        .bind(state)
        .bind(tables.shown().map(|(_, name)| name.to_owned()).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(classify)?;
    Ok(())
}
