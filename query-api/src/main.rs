//! The process of the query API.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use daybook_platform::{
    Authenticator, Health, Limits, Shutdown, edge, metrics, ops, serve, settings, telemetry, trail,
};
use daybook_query_api::app::{App, Parts, Tides};
use daybook_query_api::endings::Shown;
use daybook_query_api::history::Reader;
use daybook_query_api::routes::routes;
use daybook_query_api::settings::Settings;
use daybook_query_api::standings::Standings;
use daybook_query_api::stores::{Fault, Store, clickhouse::Clickhouse, opensearch::Opensearch, postgres::Postgres};
use daybook_vault::Vault;

/// How often the stores are asked whether they are there, for `/health/ready`.
const LOOK: Duration = Duration::from_secs(1);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daybook-query-api: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let settings: Settings = settings::load()?;
    let telemetry = telemetry::start(&settings.telemetry)?;
    tracing::info!(settings = settings::summary(&settings), "starting");
    trail::start(&settings.trail, &settings.telemetry.service)?;
    let metrics = metrics::install()?;
    let health = Health::new();
    health.require(Store::Postgres.name());
    let shutdown = Shutdown::on_signals()?;

    let app = open(&settings).await?;
    let limits = Limits::new(&settings.limits)?;
    let routes = routes(app.clone()).merge(ops::routes(&health, &metrics));
    let router = edge::limited(routes, &settings.http, &limits);
    let listener = serve::bind(&settings.http).await?;
    let serving = serve::serve(listener, router, &settings.http, &health, &shutdown);
    tokio::join!(serving, watch(&app, &health, &shutdown));
    trail::stop();
    telemetry.stop().await;
    Ok(())
}

/// The parts, as the settings say. Nothing of it waits for a store: whoever asks while one is away is told so.
async fn open(settings: &Settings) -> Result<App, Failure> {
    let vault = Vault::of_settings(&settings.sealing, &settings.vault, &settings.postgres)?;
    let prefix = &settings.query_api.prefix;
    let postgres = Postgres::open(&settings.postgres)?;
    let shown = Arc::new(Shown::new(postgres.clone()));
    let authenticator = Arc::new(Authenticator::new(&settings.auth).await?.watching(shown));
    let clickhouse = Clickhouse::open(&settings.clickhouse, prefix);
    let opensearch = Opensearch::open(&settings.opensearch, prefix)?;
    let tides =
        Tides::watch(&postgres, &clickhouse, &opensearch, Duration::from_millis(settings.query_api.position_wait_ms));
    Ok(App::new(Parts {
        authenticator,
        standings: Standings::default(),
        vault,
        history: Reader::default(),
        postgres,
        clickhouse,
        opensearch,
        tides,
        settings: settings.query_api.clone(),
    }))
}

/// Keeps `/health/ready` true to the stores. Without Postgres nothing can be answered; without one of the others most can,
/// and the rest is answered 503, so it is noted and does not make this process unready.
async fn watch(app: &App, health: &Health, shutdown: &Shutdown) {
    let reason = |fault: Fault| fault.to_string();
    loop {
        health.set(Store::Postgres.name(), app.postgres.ping().await.map_err(reason));
        health.note(Store::Clickhouse.name(), app.clickhouse.ping().await.err().map(reason));
        health.note(Store::Opensearch.name(), app.opensearch.ping().await.err().map(reason));
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}
