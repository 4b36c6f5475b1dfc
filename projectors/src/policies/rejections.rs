//! What was rejected: a row for each, with all it takes to give the command once more when somebody asks for that.

use std::collections::{HashMap, HashSet};

use daybook_policies::POLICIES;
use metrics::{describe_gauge, gauge};
use sqlx::{PgConnection, Row};

use super::{
    orders::{Cause, Command, Outcome},
    sql,
};

/// Commands that were rejected and are not done yet, by policy.
const OPEN: &str = "daybook_policy_rejections_open";

/// Names what is counted.
pub fn describe() {
    describe_gauge!(
        OPEN,
        "Commands of policies that were rejected and are not done yet: see docs/runbooks/policies.md"
    );
}

/// The steps of the answer to that entry that were rejected before.
pub async fn steps(connection: &mut PgConnection, cause: &Cause) -> Result<HashSet<i32>, sqlx::Error> {
    let rows = sqlx::query(sql::REJECTED_STEPS)
        .bind(&cause.policy)
        .bind(&cause.context)
        .bind(cause.tenant)
        .bind(cause.book_number)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Keeps a command that was rejected; what is kept already stays as it is.
pub async fn keep(
    connection: &mut PgConnection,
    command: &Command,
    code: &str,
    message: &str,
) -> Result<(), sqlx::Error> {
    let Command { cause, tenant, path, id, name, body } = command;
    let rejected = sqlx::query(sql::REJECT)
        .bind(&cause.policy)
        .bind(&cause.context)
        .bind(cause.tenant)
        .bind(cause.book_number)
        .bind(cause.step)
        .bind(cause.depth)
        .bind(tenant)
        .bind(path)
        .bind(id)
        .bind(name)
        .bind(body)
        .bind(code)
        .bind(message);
    rejected.execute(connection).await.map(drop)
}

/// The next command that somebody asks for once more, with the id of its row.
pub async fn asked(connection: &mut PgConnection) -> Result<Option<(i64, Command)>, sqlx::Error> {
    let Some(row) = sqlx::query(sql::ASKED).fetch_optional(connection).await? else { return Ok(None) };
    let cause = Cause {
        policy: row.try_get("policy")?,
        context: row.try_get("context")?,
        tenant: row.try_get("tenant")?,
        book_number: row.try_get("book_number")?,
        step: row.try_get("step")?,
        depth: row.try_get("depth")?,
        is_retry: true,
    };
    let command = Command {
        cause,
        tenant: row.try_get("target")?,
        path: row.try_get("path")?,
        id: row.try_get("aggregate")?,
        name: row.try_get("command")?,
        body: row.try_get("body")?,
    };
    Ok(Some((row.try_get("id")?, command)))
}

/// Keeps what came of it.
pub async fn settle(connection: &mut PgConnection, id: i64, outcome: &Outcome) -> Result<(), sqlx::Error> {
    let settled = match outcome {
        Outcome::Done => sqlx::query(sql::RETRY_DONE).bind(id),
        Outcome::Rejected { code, message } => sqlx::query(sql::RETRY_REJECTED).bind(id).bind(code).bind(message),
    };
    settled.execute(connection).await.map(drop)
}

/// Tells how many are open.
pub async fn count(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(sql::OPEN_REJECTIONS).fetch_all(connection).await?;
    let open = rows.iter().map(|row| Ok((row.try_get("policy")?, row.try_get("open")?)));
    let open: HashMap<String, i64> = open.collect::<Result<_, sqlx::Error>>()?;
    for policy in POLICIES {
        let open = open.get(policy.name()).copied().unwrap_or(0);
        gauge!(OPEN, "policy" => policy.name()).set(open as f64);
    }
    Ok(())
}
