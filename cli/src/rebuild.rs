//! Rebuilding a view: asks the Postgres projector for its next version, or for the one before, and shows how far it is.
//!
//! The projector builds beside the live version and switches by itself; this only writes the request and watches it. Ended
//! early, it takes nothing back: the build goes on.

use std::time::{Duration, Instant};

use clap::Args;
use daybook_platform::sections::Postgres;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tokio::time::sleep;

use crate::fault::Fault;
use crate::progress::Progress;
use crate::settings::Settings;

/// What is asked of a view.
#[derive(Debug, Args)]
pub struct Request {
    /// The view, such as incident.incidents.
    view: String,
    /// Goes back to the version that was live before.
    #[arg(long)]
    back: bool,
}

/// The views there are.
const VIEWS: &str = "SELECT DISTINCT view FROM daybook.views ORDER BY view";

/// What Postgres says where a table does not exist.
pub const NO_TABLE: &str = "42P01";

/// Asks the projector.
const ASK: &str = "INSERT INTO daybook.rebuilds (view, action) VALUES ($1, $2) RETURNING id";

/// What has become of the request.
const REQUEST: &str = "SELECT state, message FROM daybook.rebuilds WHERE id = $1";

/// How far the version is that is being built.
const BUILDING: &str = "SELECT entries_done, entries_total FROM daybook.views WHERE view = $1 AND state = 'building'";

/// The version that is live, and how it differs from the one before.
const LIVE: &str = "
SELECT version, entries_done, rows_only_old, rows_only_new, rows_different
FROM daybook.views WHERE view = $1 AND state = 'live'";

/// How many entries of a journal the default views have applied.
const APPLIED: &str = "
SELECT coalesce(sum(number), 0)::bigint FROM daybook.checkpoints WHERE sink = 'postgres' AND topic = $1";

/// How long nothing must come for a journal to be read to its end.
const QUIET: Duration = Duration::from_secs(3);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the projector may take to notice a request.
const NOTICED: Duration = Duration::from_secs(30);

/// Connects to the store of the default views.
pub async fn connect(settings: &Postgres) -> Result<PgConnection, Fault> {
    let mut options: PgConnectOptions = settings.url.parse()?;
    options = options.username(&settings.user);
    if let Some(password) = &settings.password {
        options = options.password(password.expose());
    }
    Ok(PgConnection::connect_with(&options).await?)
}

/// What became of a request.
#[derive(Debug)]
pub struct Rebuilt {
    version: String,
    /// The entries it was built from.
    pub entries: u64,
    /// How long it took, from the request until it was live.
    pub seconds: f64,
    rows: [i64; 3],
    message: Option<String>,
}

/// Asks for another version of a view, waits until it is live, and prints how it differs.
pub async fn run(request: Request, settings: &Settings) -> Result<(), Fault> {
    let rebuilt = perform(&settings.postgres, &request.view, request.back).await?;
    println!("{} is live in version {} after {:.1} s", request.view, rebuilt.version, rebuilt.seconds);
    if !request.back {
        let [old, new, different] = rebuilt.rows;
        println!("{} entries, {:.0}/s", rebuilt.entries, rebuilt.entries as f64 / rebuilt.seconds.max(0.001));
        println!("rows only in the old version {old}, only in the new one {new}, different {different}");
    }
    if let Some(message) = rebuilt.message {
        println!("{message}");
    }
    Ok(())
}

/// Asks for another version of a view and waits until it is live.
pub async fn perform(settings: &Postgres, view: &str, back: bool) -> Result<Rebuilt, Fault> {
    let mut postgres = connect(settings).await?;
    let views: Vec<String> = match sqlx::query_scalar(VIEWS).fetch_all(&mut postgres).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_TABLE) => {
            return Err(Fault::asked("there are no views yet: the Postgres projector makes them when it first runs"));
        }
        views => views?,
    };
    if !views.iter().any(|known| known == view) {
        return Err(Fault::asked(format!("there is no view {view}; there are {}", views.join(", "))));
    }
    let action = if back { "back" } else { "rebuild" };
    let id: i64 = sqlx::query_scalar(ASK).bind(view).bind(action).fetch_one(&mut postgres).await?;
    eprintln!("asked the Postgres projector: {action} {view}; leaving this early takes nothing back");

    let progress = Progress::of(view, 0);
    let begun = Instant::now();
    let message = loop {
        let row = sqlx::query(REQUEST).bind(id).fetch_one(&mut postgres).await?;
        let (state, message): (String, Option<String>) = (row.try_get("state")?, row.try_get("message")?);
        match state.as_str() {
            "done" => break message,
            "failed" => {
                let reason = message.unwrap_or_else(|| "it says no reason".into());
                return Err(Fault::asked(format!("the projector could not do it ({action} {view}): {reason}")));
            }
            "requested" if begun.elapsed() > NOTICED => {
                let sentence =
                    format!("no Postgres projector took up the request within {} s: is it running?", NOTICED.as_secs());
                return Err(Fault::asked(sentence));
            }
            _ => {}
        }
        if let Some(building) = sqlx::query(BUILDING).bind(view).fetch_optional(&mut postgres).await? {
            let (done, total): (i64, i64) = (building.try_get("entries_done")?, building.try_get("entries_total")?);
            progress.at(done.unsigned_abs(), total.unsigned_abs());
        }
        sleep(PAUSE).await;
    };
    drop(progress);

    let live = sqlx::query(LIVE).bind(view).fetch_one(&mut postgres).await?;
    let (version, entries): (String, i64) = (live.try_get("version")?, live.try_get("entries_done")?);
    let rows = |column: &str| live.try_get::<Option<i64>, _>(column).ok().flatten().unwrap_or(0);
    Ok(Rebuilt {
        version: version.chars().take(8).collect(),
        entries: entries.unsigned_abs(),
        seconds: begun.elapsed().as_secs_f64(),
        rows: ["rows_only_old", "rows_only_new", "rows_different"].map(rows),
        message,
    })
}

/// Waits until the store has caught up with the journal of a view, as far as it can be seen from here: nothing more comes.
/// Says how many entries it has.
pub async fn settled(postgres: &mut PgConnection, view: &str) -> Result<u64, Fault> {
    let topic = format!("journal.{}", view.split('.').next().unwrap_or_default());
    let mut before = -1;
    loop {
        let there: i64 = sqlx::query_scalar(APPLIED).bind(&topic).fetch_one(&mut *postgres).await?;
        if there == before {
            return Ok(there.unsigned_abs());
        }
        before = there;
        sleep(QUIET).await;
    }
}
