//! Answering: what was heard is taken in the order of its times, and each entry's orders are given one after the other.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use daybook_kernel::{Memory, Order, Policy, Tenant, Time};
use daybook_platform::{Health, Shutdown};
use daybook_policies::POLICIES;
use metrics::{counter, describe_counter};
use sqlx::{Connection, PgConnection, PgPool, Row};

use super::{
    heard::{self, Waiting},
    memories::Memories,
    orders::{Cause, Command, Desk, Outcome},
    rejections, sql,
};

/// How long before what is gathered an entry is answered: longer than an append takes, and than owners' clocks differ.
const SETTLED: i64 = 2_000;

/// How often it is looked whether there is something to answer.
const LOOK: Duration = Duration::from_millis(250);

/// The longest pause before a command without an outcome is given again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The step of what is given in place of all that follows lies so far behind the one that was rejected.
const OTHERWISE: i32 = 10_000;

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
        Self(tokio::spawn(Answering { pool, desk, horizon, shutdown, health, memories: Memories::default() }.work()))
    }
}

struct Answering {
    pool: PgPool,
    desk: Desk,
    horizon: Arc<AtomicI64>,
    shutdown: Shutdown,
    health: Health,
    memories: Memories,
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

    /// Answers the policy's next entries, up to the first that has orders; false where there are none.
    async fn next(&mut self, policy: &'static dyn Policy, connection: &mut PgConnection) -> Result<bool, String> {
        let name = policy.name();
        let until = (self.horizon.load(Ordering::Acquire) - SETTLED) * 1_000;
        let mut answered = Vec::new();
        for entry in heard::next(connection, name, until).await.map_err(failed)? {
            let memory = self.memories.of(name, entry.tenant, connection).await.map_err(failed)?;
            let orders = react(policy, memory, &entry)?;
            let has_orders = !orders.is_empty();
            if has_orders && !self.carry_out(orders, cause(policy, &entry), connection).await? {
                return Ok(false);
            }
            answered.push(entry);
            // What was done is stored before anything else is.
            if has_orders {
                break;
            }
        }
        if answered.is_empty() {
            return Ok(false);
        }
        let mut transaction = connection.begin().await.map_err(failed)?;
        let tenants: BTreeSet<Tenant> = answered.iter().map(|entry| entry.tenant).collect();
        self.memories.store(name, tenants.into_iter(), &mut transaction).await.map_err(failed)?;
        let forgotten = heard::forget(&mut transaction, name, &answered).await.map_err(failed)?;
        if forgotten != answered.len() as u64 {
            return Err(format!("{name}: another process has answered in between"));
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Gives the orders of an answer, one after the other; false where the process is asked to stop before the last.
    async fn carry_out(&self, orders: Vec<Order>, cause: Cause, connection: &mut PgConnection) -> Result<bool, String> {
        // A step that was rejected has its outcome: only a retry gives it again, or it could be done by both.
        let rejected = rejections::steps(connection, &cause).await.map_err(failed)?;
        let mut steps: VecDeque<(i32, Order)> = (0..).zip(orders).collect();
        while let Some((step, mut order)) = steps.pop_front() {
            let or_else = order.or_else.take();
            if !rejected.contains(&step) {
                let command = Command::of(order, Cause { step, ..cause.clone() });
                let Some(outcome) = self.give(&command).await else { return Ok(false) };
                let Outcome::Rejected { code, message } = outcome else { continue };
                // At once: when the next step is done, the book says of this one that it is.
                rejections::keep(connection, &command, &code, &message).await.map_err(failed)?;
            }
            if let Some(other) = or_else {
                steps = [(step + OTHERWISE, *other)].into();
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

/// What follows from an entry.
fn react(policy: &dyn Policy, memory: &mut Memory, entry: &Waiting) -> Result<Vec<Order>, String> {
    let name = policy.name();
    let mut orders = Vec::new();
    for gathered in &entry.events {
        let heard = gathered.heard(entry.tenant, Time(entry.time)).map_err(|why| format!("{name} heard {why}"))?;
        orders.extend(policy.react(memory, &heard).map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(orders)
}

/// Why the first command of the answer to an entry is given.
fn cause(policy: &dyn Policy, entry: &Waiting) -> Cause {
    Cause {
        policy: policy.name().to_owned(),
        context: entry.context.clone(),
        tenant: entry.tenant,
        book_number: entry.book_number,
        step: 0,
        depth: entry.depth + 1,
        is_retry: false,
    }
}

fn failed(error: sqlx::Error) -> String {
    crate::postgres::error::words(&error)
}
