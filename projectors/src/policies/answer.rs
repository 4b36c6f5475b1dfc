//! Answering: what was heard is taken in the order of its times, and each entry's orders are given one after the other.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use daybook_kernel::{Heard, Memory, Order, Policy, Tenant, Time};
use daybook_platform::{Health, Shutdown};
use daybook_policies::POLICIES;
use metrics::{counter, describe_counter};
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};

use super::{
    Gathered,
    orders::{Cause, Command, Desk, Outcome},
    rejections, sql,
};

/// How long before what is gathered an entry is answered: longer than an append takes, and than owners' clocks differ.
const SETTLED: i64 = 2_000;

/// How often it is looked whether there is something to answer.
const LOOK: Duration = Duration::from_millis(250);

/// The longest pause before a command without an outcome is given again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The health check of the answers.
const CHECK: &str = "policies-answers";

/// Commands of policies by what came of them.
const OUTCOMES: &str = "daybook_policy_commands_total";

/// The task that answers.
pub struct Answerer(#[expect(dead_code, reason = "the task ends with the process")] tokio::task::JoinHandle<()>);

impl Answerer {
    /// Starts to answer what is gathered up to the horizon.
    pub fn start(pool: PgPool, desk: Desk, horizon: Arc<AtomicI64>, shutdown: Shutdown, health: Health) -> Self {
        health.require(CHECK);
        describe_counter!(OUTCOMES, "Commands of policies that have an outcome");
        rejections::describe();
        Self(tokio::spawn(Answering { pool, desk, horizon, shutdown, health, memories: HashMap::new() }.work()))
    }
}

struct Answering {
    pool: PgPool,
    desk: Desk,
    horizon: Arc<AtomicI64>,
    shutdown: Shutdown,
    health: Health,
    memories: HashMap<(&'static str, Tenant), Memory>,
}

impl Answering {
    async fn work(mut self) {
        loop {
            // Whatever another process did meanwhile, it did on the tables.
            self.memories.clear();
            if let Err(reason) = self.lead().await {
                tracing::warn!(reason, "policies are not answered; it is tried again");
                self.health.set(CHECK, Err(reason));
            }
            if self.shutdown.or(tokio::time::sleep(LONGEST_PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// Answers as long as the connection lasts; ends well where another process leads or this one is asked to stop.
    async fn lead(&mut self) -> Result<(), String> {
        let mut connection = self.pool.acquire().await.map_err(failed)?.detach();
        let leads = sqlx::query(sql::LEAD).fetch_one(&mut connection).await.and_then(|row| row.try_get(0));
        self.health.set(CHECK, Ok(()));
        if !leads.map_err(failed)? {
            return Ok(());
        }
        while !self.shutdown.is_requested() {
            let mut answered = self.retry(&mut connection).await?;
            for policy in POLICIES {
                answered |= self.next(*policy, &mut connection).await?;
            }
            if answered {
                continue;
            }
            rejections::count(&mut connection).await.map_err(failed)?;
            if self.shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
                break;
            }
        }
        connection.close().await.map_err(failed)
    }

    /// Answers the policy's next entry; false where there is none.
    async fn next(&mut self, policy: &'static dyn Policy, connection: &mut PgConnection) -> Result<bool, String> {
        let until = (self.horizon.load(Ordering::Acquire) - SETTLED) * 1_000;
        let next = sqlx::query(sql::NEXT).bind(policy.name()).bind(until).fetch_optional(&mut *connection).await;
        let Some(row) = next.map_err(failed)? else { return Ok(false) };
        let entry = Waiting::read(&row).map_err(failed)?;
        let at = (policy.name(), entry.tenant);
        let memory = match self.memories.entry(at) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(recall(at, connection).await.map_err(failed)?),
        };
        let mut orders = Vec::new();
        for gathered in &entry.events {
            let (kind, event) = daybook_contents::event(&gathered.event)
                .ok_or_else(|| format!("{} heard {}, which this program does not know", at.0, gathered.event))?;
            let (tenant, time, id) = (entry.tenant, Time(entry.time), gathered.id);
            let heard = Heard { tenant, kind, id, event, body: gathered.body.clone(), time };
            let answer = policy.react(memory, &heard).map_err(|error| format!("{}: {error}", at.0))?;
            orders.extend(answer);
        }
        let changed = memory.take_changed();
        let cause = Cause {
            policy: at.0.to_owned(),
            context: entry.context.clone(),
            tenant: entry.tenant,
            book_number: entry.book_number,
            step: 0,
            depth: entry.depth + 1,
            is_retry: false,
        };
        if !orders.is_empty() && !self.carry_out(orders, cause, connection).await? {
            return Ok(false);
        }
        let mut transaction = connection.begin().await.map_err(failed)?;
        for (key, row) in changed {
            let done = match row {
                Some(row) => sqlx::query(sql::REMEMBER).bind(at.0).bind(at.1).bind(key).bind(row),
                None => sqlx::query(sql::FORGET).bind(at.0).bind(at.1).bind(key),
            };
            done.execute(&mut *transaction).await.map_err(failed)?;
        }
        let done = sqlx::query(sql::ANSWERED)
            .bind(at.0)
            .bind(entry.time)
            .bind(&entry.context)
            .bind(entry.partition)
            .bind(entry.number);
        let done = done.execute(&mut *transaction).await.map_err(failed)?;
        if done.rows_affected() != 1 {
            return Err(format!("{}: another process has answered in between", at.0));
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Gives the orders of an answer, one after the other; false where the process is asked to stop before the last.
    async fn carry_out(&self, orders: Vec<Order>, cause: Cause, connection: &mut PgConnection) -> Result<bool, String> {
        // A step that was rejected has its outcome: only a retry gives it again, or it could be done by both.
        let rejected = rejections::steps(connection, &cause).await.map_err(failed)?;
        for (step, order) in (0..).zip(orders) {
            if rejected.contains(&step) {
                continue;
            }
            let command = Command::of(order, Cause { step, ..cause.clone() });
            let Some(outcome) = self.give(&command).await else { return Ok(false) };
            // At once: when the next step is done, the book says of this one that it is.
            if let Outcome::Rejected { code, message } = &outcome {
                rejections::keep(connection, &command, code, message).await.map_err(failed)?;
            }
        }
        Ok(true)
    }

    /// Gives the next rejected command that somebody asks for once more; false where there is none.
    async fn retry(&self, connection: &mut PgConnection) -> Result<bool, String> {
        let Some((id, command)) = rejections::asked(connection).await.map_err(failed)? else { return Ok(false) };
        let Some(outcome) = self.give(&command).await else { return Ok(false) };
        rejections::settle(connection, id, &outcome).await.map_err(failed)?;
        Ok(true)
    }

    /// Gives a command until it has an outcome; none where the process is asked to stop before.
    async fn give(&self, command: &Command) -> Option<Outcome> {
        let mut pause = Duration::from_millis(100);
        loop {
            match self.shutdown.or(self.desk.give(command)).await? {
                Ok(outcome) => {
                    self.health.set(CHECK, Ok(()));
                    tell(command, &outcome);
                    return Some(outcome);
                }
                Err(reason) => self.health.set(CHECK, Err(reason)),
            }
            self.shutdown.or(tokio::time::sleep(pause)).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Counts an outcome, and logs a rejection.
fn tell(Command { cause, tenant, name, .. }: &Command, outcome: &Outcome) {
    let label = match outcome {
        Outcome::Done => "done",
        Outcome::Rejected { code, message } => {
            tracing::warn!(policy = cause.policy, %tenant, command = name, code, message, "a policy's command was rejected");
            "rejected"
        }
    };
    counter!(OUTCOMES, "policy" => cause.policy.clone(), "outcome" => label).increment(1);
}

/// What a policy remembers of a tenant.
async fn recall(at: (&str, Tenant), connection: &mut PgConnection) -> Result<Memory, sqlx::Error> {
    let rows = sqlx::query(sql::MEMORY).bind(at.0).bind(at.1).fetch_all(connection).await?;
    let rows = rows.into_iter().map(|row| Ok((row.try_get("key")?, row.try_get("row")?)));
    Ok(Memory::of(rows.collect::<Result<Vec<_>, sqlx::Error>>()?))
}

/// An entry that waits for its answer.
struct Waiting {
    time: i64,
    context: String,
    partition: i32,
    number: i64,
    tenant: Tenant,
    book_number: i64,
    depth: i64,
    events: Vec<Gathered>,
}

impl Waiting {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let sqlx::types::Json(events) = row.try_get("events")?;
        Ok(Self {
            time: row.try_get("time")?,
            context: row.try_get("context")?,
            partition: row.try_get("partition")?,
            number: row.try_get("number")?,
            tenant: row.try_get("tenant")?,
            book_number: row.try_get("book_number")?,
            depth: row.try_get("depth")?,
            events,
        })
    }
}

fn failed(error: sqlx::Error) -> String {
    crate::postgres::error::words(&error)
}
