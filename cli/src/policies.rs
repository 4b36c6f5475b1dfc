//! What policies could not get done: the commands of theirs that were rejected, listed and given once more.
//!
//! The runner of policies keeps them in Postgres and gives them; this only writes the wish and watches it. Ended early, it
//! takes nothing back.

use std::io;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::fault::Fault;
use crate::journal::printed::print;
use crate::rebuild::{NO_TABLE, connect};
use crate::settings::Settings;

/// What is asked about policies.
#[derive(Debug, Subcommand)]
pub enum PoliciesCommand {
    /// Lists the commands of policies that were rejected and are not done yet
    Rejected(Listing),
    /// Has rejected commands given once more, and prints what came of it
    Retry(Retry),
}

/// Which rejected commands are listed, and how.
#[derive(Debug, Args)]
pub struct Listing {
    /// Only those of this policy.
    #[arg(long)]
    policy: Option<String>,
    /// As a line of JSON each, with all there is to know.
    #[arg(long)]
    json: bool,
}

/// Which rejected commands are given once more.
#[derive(Debug, Args)]
pub struct Retry {
    /// Their ids, as `rejected` lists them.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// All that are not done yet.
    #[arg(long)]
    all: bool,
    /// With --all: only those of this policy.
    #[arg(long, requires = "all", conflicts_with = "ids")]
    policy: Option<String>,
}

/// Rejected commands: of these ids or else all that are open, of this policy or else of any.
const ROWS: &str = "
SELECT to_jsonb(rejected) FROM (
    SELECT id, policy, context, tenant, book_number, step, depth, target, path, aggregate, command, body, code, message,
        to_char(rejected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS rejected_at,
        to_char(retried_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS retried_at,
        asked_at IS NOT NULL AS is_asked, done_at IS NOT NULL AS is_done
    FROM daybook.policy_rejections
) rejected
WHERE CASE WHEN $1::bigint[] IS NULL THEN NOT is_done ELSE id = ANY($1) END AND ($2::text IS NULL OR policy = $2)
ORDER BY id";

/// Asks the runner to give them once more.
const ASK: &str = "UPDATE daybook.policy_rejections SET asked_at = now() WHERE id = ANY($1) AND done_at IS NULL";

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the runner may take for the next of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command that was rejected.
#[derive(Debug, Serialize, Deserialize)]
struct Rejected {
    id: i64,
    policy: String,
    context: String,
    tenant: Uuid,
    book_number: i64,
    step: i32,
    depth: i64,
    target: Uuid,
    path: String,
    aggregate: Uuid,
    command: String,
    body: serde_json::Value,
    code: String,
    message: String,
    rejected_at: String,
    retried_at: Option<String>,
    is_asked: bool,
    is_done: bool,
}

impl Rejected {
    /// Whether it is done, waits to be given once more, or stands as it was rejected.
    fn state(&self) -> &'static str {
        match self {
            Self { is_done: true, .. } => "done",
            Self { is_asked: true, .. } => "asked for",
            _ => "open",
        }
    }
}

/// Does what is asked about policies.
pub async fn run(command: PoliciesCommand, settings: &Settings) -> Result<(), Fault> {
    let mut postgres = connect(&settings.postgres).await?;
    match command {
        PoliciesCommand::Rejected(Listing { policy, json }) => {
            let found = rows(&mut postgres, None, policy.as_deref()).await?;
            show(&found, json)
        }
        PoliciesCommand::Retry(request) => retry(&request, &mut postgres).await,
    }
}

async fn rows(postgres: &mut PgConnection, ids: Option<&[i64]>, policy: Option<&str>) -> Result<Vec<Rejected>, Fault> {
    match sqlx::query_scalar(ROWS).bind(ids).bind(policy).fetch_all(postgres).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_TABLE) => {
            Err(Fault::asked("no policy has run yet: daybook-policies makes its tables when it first runs"))
        }
        found => Ok(found?.into_iter().map(|Json(rejected)| rejected).collect()),
    }
}

/// Asks the runner, waits until each has an outcome, and prints them.
async fn retry(request: &Retry, postgres: &mut PgConnection) -> Result<(), Fault> {
    let named = (!request.all).then_some(request.ids.as_slice());
    let found = rows(postgres, named, request.policy.as_deref()).await?;
    let ids: Vec<i64> = found.iter().map(|rejected| rejected.id).collect();
    if let Some(unknown) = request.ids.iter().find(|id| !ids.contains(id)) {
        return Err(Fault::asked(format!("no command was rejected under the id {unknown}")));
    }
    sqlx::query(ASK).bind(&ids).execute(&mut *postgres).await?;
    let settled = settled(&ids, postgres).await?;
    show(&settled, false)?;
    match settled.iter().filter(|rejected| !rejected.is_done).count() {
        0 => Ok(()),
        again => Err(Fault::asked(format!("{again} of {} were rejected once more", settled.len()))),
    }
}

/// The rows, once none is asked for any more.
async fn settled(ids: &[i64], postgres: &mut PgConnection) -> Result<Vec<Rejected>, Fault> {
    let (mut before, mut since) = (usize::MAX, Instant::now());
    loop {
        let rows = rows(postgres, Some(ids), None).await?;
        let left = rows.iter().filter(|rejected| rejected.is_asked).count();
        if left == 0 {
            return Ok(rows);
        }
        if left < before {
            (before, since) = (left, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            let patience = PATIENCE.as_secs();
            return Err(Fault::asked(format!(
                "{left} of {} have no outcome, and none came for {patience} s: is daybook-policies ready? They stay asked for",
                rows.len()
            )));
        }
        sleep(PAUSE).await;
    }
}

/// Prints them: a line of JSON each, or a table.
fn show(rejected: &[Rejected], json: bool) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    if json {
        for rejected in rejected {
            print(&mut out, &serde_json::json!(rejected).to_string())?;
        }
        return Ok(());
    }
    if rejected.is_empty() {
        return print(&mut out, "nothing is open");
    }
    let heads = ["ID", "STATE", "POLICY", "BECAUSE OF", "COMMAND", "REJECTED", "RETRIED", "WHY"].map(str::to_owned);
    let lines = rejected.iter().map(|one| {
        let Rejected { context, tenant, book_number, step, path, aggregate, command, code, message, .. } = one;
        [
            one.id.to_string(),
            one.state().to_owned(),
            one.policy.clone(),
            format!("{context}/{tenant}#{book_number}/{step}"),
            format!("{path}/{aggregate}/{command}"),
            one.rejected_at.clone(),
            one.retried_at.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{code}: {message}"),
        ]
    });
    let lines: Vec<_> = std::iter::once(heads).chain(lines).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    for line in &lines {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        print(&mut out, cells.join("  ").trim_end())?;
    }
    Ok(())
}
