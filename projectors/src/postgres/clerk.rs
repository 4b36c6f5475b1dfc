//! The clerk sees to it that every view has the version this program declares, and does what operators ask for.
//!
//! It works beside the sink, on connections of its own. One view is built at a time, by one process at a time.

use std::{collections::HashSet, time::Duration};

use daybook_platform::{Health, Shutdown};
use sqlx::{AssertSqlSafe, PgPool, Row};

use super::{
    Options,
    build::{Build, sink_of},
    error::classify,
    live_views, sql,
};
use crate::{
    engine::Engine,
    sink::{Partition, SinkError},
    view::Family,
};

/// How often the clerk looks for something to do.
const LOOK: Duration = Duration::from_secs(1);

/// The clerk's task.
pub struct Clerk(#[expect(dead_code, reason = "the task ends with the process")] tokio::task::JoinHandle<()>);

impl Clerk {
    /// Starts to look after the views.
    pub fn start(pool: PgPool, options: Options, families: &'static [Family], shutdown: Shutdown) -> Self {
        let desk = Desk { pool, options, families, shutdown, settled: HashSet::new(), lost: HashSet::new() };
        Self(tokio::spawn(desk.work()))
    }
}

struct Desk {
    pool: PgPool,
    options: Options,
    families: &'static [Family],
    shutdown: Shutdown,
    /// Views that were once as this program declares them. If one is not any more, another release has taken it over; to
    /// take it back would never end.
    settled: HashSet<String>,
    /// Those that were taken over.
    lost: HashSet<String>,
}

/// A version that is asked for.
struct Wish {
    place: usize,
    generation: u32,
}

impl Desk {
    async fn work(mut self) {
        while !self.shutdown.is_requested() {
            let looked = match self.undeclared().await {
                Ok(Some(wish)) => self.build(&wish).await.map(drop),
                Ok(None) => self.serve().await,
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                tracing::warn!(%error, "the views could not be looked after; it is tried again");
            }
            let _ = self.shutdown.or(tokio::time::sleep(LOOK)).await;
        }
    }

    /// A view whose live version is not the one this program declares.
    async fn undeclared(&mut self) -> Result<Option<Wish>, SinkError> {
        let mut connection = self.pool.acquire().await.map_err(classify)?;
        let live = live_views(&mut connection).await?;
        for (place, family) in self.families.iter().enumerate() {
            let fits = live.get(&family.name()).is_some_and(|(_, declaration)| *declaration == family.declaration);
            if fits {
                self.settled.insert(family.name());
            } else if self.settled.contains(&family.name()) {
                if self.lost.insert(family.name()) {
                    tracing::error!(
                        view = family.name(),
                        "another release has taken this view over; stop this process"
                    );
                }
            } else {
                // A version made by this release before, such as after going back to it, is brought up; else a new one.
                let known = self.generations(family).await?;
                return Ok(Some(Wish { place, generation: known.into_iter().next().unwrap_or(0) }));
            }
        }
        Ok(None)
    }

    /// The generations of this program's declaration that are there, the latest first.
    async fn generations(&self, family: &Family) -> Result<Vec<u32>, SinkError> {
        let rows = sqlx::query(sql::VERSIONS).bind(family.name()).fetch_all(&self.pool).await.map_err(classify)?;
        let mut found = Vec::new();
        for row in rows {
            let (declaration, generation): (String, i32) =
                (row.try_get("declaration").map_err(classify)?, row.try_get("generation").map_err(classify)?);
            if declaration == family.declaration {
                found.push(generation.cast_unsigned());
            }
        }
        Ok(found)
    }

    /// Does what an operator asks for, if anything.
    async fn serve(&self) -> Result<(), SinkError> {
        let Some(row) = sqlx::query(sql::NEXT_REQUEST).fetch_optional(&self.pool).await.map_err(classify)? else {
            return Ok(());
        };
        let (id, view, action): (i64, String, String) = (
            row.try_get("id").map_err(classify)?,
            row.try_get("view").map_err(classify)?,
            row.try_get("action").map_err(classify)?,
        );
        let wish = match self.families.iter().position(|family| family.name() == view) {
            None => Err(format!("there is no view {view}")),
            Some(place) if action == "back" => self.before(place).await?.map(|generation| Wish { place, generation }),
            Some(place) => self.next(place).await?.map(|generation| Wish { place, generation }),
        };
        let (state, message) = match wish {
            Err(message) => ("failed", message),
            Ok(wish) => {
                self.report(id, "running", None).await?;
                match self.build(&wish).await? {
                    true => (
                        "done",
                        format!("version {} is live", &self.families[wish.place].version(wish.generation)[..8]),
                    ),
                    false => return Ok(()),
                }
            }
        };
        self.report(id, state, Some(&message)).await
    }

    /// The generation to be built next; one that was begun is gone on with.
    async fn next(&self, place: usize) -> Result<Result<u32, String>, SinkError> {
        let family = &self.families[place];
        let rows = sqlx::query(sql::VERSIONS).bind(family.name()).fetch_all(&self.pool).await.map_err(classify)?;
        let mut latest = 0;
        for row in rows {
            let (declaration, generation, state): (String, i32, String) = (
                row.try_get("declaration").map_err(classify)?,
                row.try_get("generation").map_err(classify)?,
                row.try_get("state").map_err(classify)?,
            );
            if declaration == family.declaration {
                if state == "building" {
                    return Ok(Ok(generation.cast_unsigned()));
                }
                latest = latest.max(generation.cast_unsigned());
            }
        }
        Ok(Ok(latest + 1))
    }

    /// The generation that was live before the present one.
    async fn before(&self, place: usize) -> Result<Result<u32, String>, SinkError> {
        let family = &self.families[place];
        let rows = sqlx::query(sql::VERSIONS).bind(family.name()).fetch_all(&self.pool).await.map_err(classify)?;
        for row in rows {
            let (declaration, generation, state): (String, i32, String) = (
                row.try_get("declaration").map_err(classify)?,
                row.try_get("generation").map_err(classify)?,
                row.try_get("state").map_err(classify)?,
            );
            // Brought up already, in an attempt that was interrupted.
            if state == "live" {
                continue;
            }
            return Ok(match declaration == family.declaration {
                true => Ok(generation.cast_unsigned()),
                false => Err(format!(
                    "the version of {} before this one is of another release: start that release",
                    family.name()
                )),
            });
        }
        Ok(Err(format!("no version of {} is kept from before", family.name())))
    }

    async fn report(&self, id: i64, state: &str, message: Option<&str>) -> Result<(), SinkError> {
        let report = sqlx::query(sql::REPORT_REQUEST).bind(id).bind(state).bind(message);
        report.execute(&self.pool).await.map_err(classify)?;
        Ok(())
    }

    /// Builds a version and makes it live; `false` if somebody else is at it, or the process is asked to stop.
    async fn build(&self, wish: &Wish) -> Result<bool, SinkError> {
        let family = &self.families[wish.place];
        // Held by a connection, so that it is given back also when this process is killed.
        let mut right = self.pool.acquire().await.map_err(classify)?;
        let view = family.name();
        let held = sqlx::query(sql::LOCK_VIEW).bind(&view).fetch_one(&mut *right).await.map_err(classify)?;
        if !held.try_get::<bool, _>(0).map_err(classify)? {
            return Ok(false);
        }
        let version = family.version(wish.generation);
        tracing::info!(view, version, "a version of a view is built");
        let done = Shutdown::new();
        let build = Build::new(
            self.pool.clone(),
            self.options.clone(),
            self.families,
            wish.place,
            wish.generation,
            done.clone(),
        );
        let partitions: Vec<Partition> = self.options.partitions_of(family).cloned().collect();
        let engine = Engine::new(
            build,
            self.options.journal.clone(),
            partitions,
            self.options.bounds,
            Health::new(),
            done.clone(),
        );
        let run = self.shutdown.or(engine.run()).await;
        let unlock = sqlx::query(sql::UNLOCK_VIEW).bind(&view).execute(&mut *right).await;
        match run {
            None => return Ok(false),
            Some(Err(stopped)) => return Err(SinkError::Unavailable(format!("{view} cannot be built: {stopped}"))),
            Some(Ok(())) => {}
        }
        unlock.map_err(classify)?;
        self.tidy(family).await?;
        Ok(true)
    }

    /// Drops versions that are neither live, nor being built, nor the one to go back to.
    async fn tidy(&self, family: &Family) -> Result<(), SinkError> {
        let rows = sqlx::query(sql::VERSIONS).bind(family.name()).fetch_all(&self.pool).await.map_err(classify)?;
        let mut retired = 0;
        for row in rows {
            let (version, state, tables): (String, String, Vec<String>) = (
                row.try_get("version").map_err(classify)?,
                row.try_get("state").map_err(classify)?,
                row.try_get("tables").map_err(classify)?,
            );
            retired += u32::from(state == "retired");
            if state != "retired" || retired == 1 {
                continue;
            }
            for table in tables {
                sqlx::query(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}")))
                    .execute(&self.pool)
                    .await
                    .map_err(classify)?;
            }
            sqlx::query(sql::FORGET_VERSION)
                .bind(family.name())
                .bind(&version)
                .execute(&self.pool)
                .await
                .map_err(classify)?;
            let sink = sink_of(&family.name(), &version);
            for forget in [sql::FORGET_CHECKPOINTS, sql::FORGET_PARKED] {
                sqlx::query(forget).bind(&sink).execute(&self.pool).await.map_err(classify)?;
            }
        }
        Ok(())
    }
}
