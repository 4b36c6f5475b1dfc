//! The process of the command API.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use daybook_command_api::{
    engine::Engine,
    routes::{Api, routes},
    settings::Settings,
    start::{CHECK, start},
};
use daybook_platform::{Authenticator, Health, Shutdown, edge, metrics, ops, serve, settings, telemetry};
use daybook_schemas::sealing::Sealer;

/// How often the standing of the journals is looked at for `/health/ready`.
const LOOK: Duration = Duration::from_millis(250);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daybook-command-api: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let settings: Settings = settings::load()?;
    let telemetry = telemetry::start(&settings.telemetry)?;
    tracing::info!(settings = settings::summary(&settings), "starting");
    let metrics = metrics::install()?;
    let health = Health::new();
    health.require(CHECK);
    let shutdown = Shutdown::on_signals()?;
    let sealer = Arc::new(sealer(&settings)?);
    let authenticator = Arc::new(Authenticator::new(&settings.auth).await?);
    let engine = Arc::new(OnceLock::new());

    let api = Api { engine: engine.clone(), authenticator };
    let router = edge::guard(routes(api).merge(ops::routes(&health, &metrics)), &settings.http);
    let listener = serve::bind(&settings.http.listen).await?;
    let serving = serve::serve(listener, router, &settings.http, &health, &shutdown);
    let working = work(&settings, sealer, &engine, &health, &shutdown);
    let ((), worked) = tokio::join!(serving, working);

    if let Some(engine) = Arc::into_inner(engine).and_then(OnceLock::into_inner) {
        engine.shutdown(Duration::from_millis(settings.command_api.drain_ms)).await;
    }
    telemetry.stop().await;
    worked
}

fn sealer(settings: &Settings) -> Result<Sealer, Failure> {
    let Some(key) = &settings.sealing.key else {
        return Err("settings: sealing.key is required: name its file in DAYBOOK_SEALING_KEY_FILE".into());
    };
    Ok(Sealer::from_hex(key.expose())?)
}

/// Opens the engine, then keeps `/health/ready` true to how the journals stand.
async fn work(
    settings: &Settings,
    sealer: Arc<Sealer>,
    engine: &OnceLock<Engine>,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let opened = match start(settings, sealer, health, shutdown).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(()),
        Err(error) => {
            shutdown.request();
            return Err(error.into());
        }
    };
    // Facts of one journal are needed to decide in another: serve when all are read to the end.
    while let Some(obstacle) = opened.obstacle() {
        health.set(CHECK, Err(obstacle));
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            opened.shutdown(Duration::ZERO).await;
            return Ok(());
        }
    }
    let engine = engine.get_or_init(|| opened);
    loop {
        health.set(CHECK, engine.obstacle().map_or(Ok(()), Err));
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            return Ok(());
        }
    }
}
