//! Progress in Postgres: checkpoints and parked books, moved in the transaction that stores the rows.

use std::{collections::HashMap, sync::Arc};

use daybook_journal::Checkpoint;
use sqlx::{PgConnection, PgPool, Row};

use super::{error::classify, sql};
use crate::{
    batch::{Advance, ParkedBook, Progress},
    sink::{Partition, SinkError},
};

/// The checkpoints that a sink holds.
///
/// # Errors
/// When the store cannot be read, or a checkpoint is none.
pub async fn checkpoints(pool: &PgPool, sink: &str) -> Result<HashMap<Partition, Checkpoint>, SinkError> {
    let rows = sqlx::query(sql::CHECKPOINTS).bind(sink).fetch_all(pool).await.map_err(classify)?;
    read_checkpoints(rows)
}

/// The same, as a transaction sees them.
///
/// # Errors
/// As [`checkpoints`].
pub async fn checkpoints_seen(
    connection: &mut PgConnection,
    sink: &str,
) -> Result<HashMap<Partition, Checkpoint>, SinkError> {
    let rows = sqlx::query(sql::CHECKPOINTS).bind(sink).fetch_all(connection).await.map_err(classify)?;
    read_checkpoints(rows)
}

fn read_checkpoints(rows: Vec<sqlx::postgres::PgRow>) -> Result<HashMap<Partition, Checkpoint>, SinkError> {
    rows.into_iter()
        .map(|row| {
            let topic: String = row.try_get("topic").map_err(classify)?;
            let partition: i32 = row.try_get("partition").map_err(classify)?;
            let text: String = row.try_get("checkpoint").map_err(classify)?;
            let checkpoint = text
                .parse()
                .map_err(|error| SinkError::Stopped(format!("daybook.checkpoints, {topic}/{partition}: {error}")))?;
            Ok(((Arc::from(topic), partition), checkpoint))
        })
        .collect()
}

/// The books that a sink does not follow.
///
/// # Errors
/// When the store cannot be read.
pub async fn parked(pool: &PgPool, sink: &str) -> Result<Vec<ParkedBook>, SinkError> {
    let rows = sqlx::query(sql::PARKED).bind(sink).fetch_all(pool).await.map_err(classify)?;
    rows.into_iter()
        .map(|row| {
            let topic: String = row.try_get("topic")?;
            let first: i64 = row.try_get("first_number")?;
            Ok(ParkedBook {
                topic: topic.into(),
                partition: row.try_get("partition")?,
                tenant: row.try_get("tenant")?,
                first: first.cast_unsigned(),
                reason: row.try_get("reason")?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()
        .map_err(classify)
}

/// Records the progress, if the store stands where it begins.
///
/// # Errors
/// [`SinkError::Overtaken`] when it does not; then the transaction must not be committed.
pub async fn record(connection: &mut PgConnection, sink: &str, progress: &Progress) -> Result<(), SinkError> {
    match progress {
        Progress::Journal { advances, parked } => {
            advance(connection, sink, advances).await?;
            for book in parked {
                park(connection, sink, book).await?;
            }
        }
        Progress::Book { book, next } => {
            let held = sqlx::query(sql::HOLD_PARKED)
                .bind(sink)
                .bind(&*book.topic)
                .bind(book.partition)
                .bind(book.tenant)
                .bind(book.first.cast_signed())
                .fetch_optional(&mut *connection)
                .await
                .map_err(classify)?;
            if held.is_none() {
                return Err(SinkError::Overtaken(format!(
                    "the book of {} in {} is not parked there any more",
                    book.tenant, book.topic
                )));
            }
            match next {
                Some(next) => park(connection, sink, &ParkedBook { first: *next, ..book.clone() }).await?,
                None => {
                    let unpark =
                        sqlx::query(sql::UNPARK).bind(sink).bind(&*book.topic).bind(book.partition).bind(book.tenant);
                    unpark.execute(connection).await.map_err(classify)?;
                }
            }
        }
    }
    Ok(())
}

async fn park(connection: &mut PgConnection, sink: &str, book: &ParkedBook) -> Result<(), SinkError> {
    sqlx::query(sql::PARK)
        .bind(sink)
        .bind(&*book.topic)
        .bind(book.partition)
        .bind(book.tenant)
        .bind(book.first.cast_signed())
        .bind(&*book.reason)
        .execute(connection)
        .await
        .map_err(classify)?;
    Ok(())
}

async fn advance(connection: &mut PgConnection, sink: &str, advances: &[Advance]) -> Result<(), SinkError> {
    let (later, first): (Vec<&Advance>, Vec<&Advance>) = advances.iter().partition(|advance| advance.from.is_some());
    let topics = |of: &[&Advance]| of.iter().map(|advance| advance.topic.to_string()).collect::<Vec<_>>();
    let partitions = |of: &[&Advance]| of.iter().map(|advance| advance.partition).collect::<Vec<_>>();
    let nexts = |of: &[&Advance]| of.iter().map(|advance| advance.to.to_string()).collect::<Vec<_>>();
    let numbers = |of: &[&Advance]| of.iter().map(|advance| advance.to.number.cast_signed()).collect::<Vec<_>>();
    let mut moved = 0;
    if !later.is_empty() {
        let held: Vec<String> = later.iter().filter_map(|advance| advance.from).map(|from| from.to_string()).collect();
        let done = sqlx::query(sql::MOVE_CHECKPOINTS)
            .bind(sink)
            .bind(topics(&later))
            .bind(partitions(&later))
            .bind(held)
            .bind(nexts(&later))
            .bind(numbers(&later))
            .execute(&mut *connection)
            .await
            .map_err(classify)?;
        moved += done.rows_affected();
    }
    if !first.is_empty() {
        let done = sqlx::query(sql::FIRST_CHECKPOINTS)
            .bind(sink)
            .bind(topics(&first))
            .bind(partitions(&first))
            .bind(nexts(&first))
            .bind(numbers(&first))
            .execute(&mut *connection)
            .await
            .map_err(classify)?;
        moved += done.rows_affected();
    }
    match moved == advances.len() as u64 {
        true => Ok(()),
        false => Err(SinkError::Overtaken(format!(
            "{} of {} checkpoints are not the expected ones",
            advances.len() as u64 - moved,
            advances.len()
        ))),
    }
}
