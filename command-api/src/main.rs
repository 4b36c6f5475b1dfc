//! The process of the command API.

use std::{
    future::ready,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, header::CONNECTION},
    middleware::map_response,
    response::Response,
};
use daybook_command_api::{
    endings::Folded,
    engine::Engine,
    routes::{Api, routes},
    settings::Settings,
    start::{CHECK, start},
};
use daybook_platform::{
    Authenticator, Health, Limits, Shutdown, edge, metrics, ops, serve, settings, telemetry, trail,
};
use daybook_vault::Vault;
use mimalloc::MiMalloc;
use tokio::time::Instant;

/// How often the standing of the journals is looked at for `/health/ready`.
const LOOK: Duration = Duration::from_millis(250);

/// How long something may be in the way before an instance that was ready is not any more: a partition that passes from one
/// owner to the next has none for some milliseconds, and its commands wait that long.
const IN_PASSING: Duration = Duration::from_secs(1);

/// How long to wait before the vault's tables are looked for again.
const VAULT_AGAIN: Duration = Duration::from_secs(1);

/// How long others may take to claim what this process owns when it ends. Their group needs about a second.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Books are small values by the million that one thread makes and another drops, at which the system's allocator is slow.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    trail::start(&settings.trail, &settings.telemetry.service)?;
    let metrics = metrics::install()?;
    let health = Health::new();
    health.require(CHECK);
    let shutdown = Shutdown::on_signals()?;
    let vault = Vault::of_settings(&settings.sealing, &settings.vault, &settings.postgres)?;
    tokio::spawn(prepared(vault.clone(), settings.vault.reader.clone(), shutdown.clone()));
    let engine = Arc::new(OnceLock::new());
    let folded = Arc::new(Folded::new(engine.clone()));
    let authenticator = Arc::new(Authenticator::new(&settings.auth).await?.watching(folded));

    let api = Api { engine: engine.clone(), authenticator };
    let limits = Limits::new(&settings.limits)?;
    let router = edge::limited(routes(api).merge(ops::routes(&health, &metrics)), &settings.http, &limits);
    let router = parting(router, &shutdown);
    let listener = serve::bind(&settings.http).await?;
    // It goes on serving after the shutdown was asked for, until others have taken over.
    let closing = Shutdown::new();
    let serving = serve::serve(listener, router, &settings.http, &health, &closing);
    let working = async {
        let worked = work(&settings, vault, &engine, &health, &shutdown).await;
        closing.request();
        worked
    };
    let ((), worked) = tokio::join!(serving, working);

    if let Some(engine) = Arc::into_inner(engine).and_then(OnceLock::into_inner) {
        engine.shutdown(Duration::from_millis(settings.command_api.drain_ms)).await;
    }
    trail::stop();
    telemetry.stop().await;
    worked
}

/// Makes the vault's tables as soon as Postgres is there; until then nothing personal is sealed.
async fn prepared(vault: Vault, reader: String, shutdown: Shutdown) {
    while let Err(error) = vault.prepare(&reader).await {
        tracing::warn!(%error, "the vault is waited for");
        if shutdown.or(tokio::time::sleep(VAULT_AGAIN)).await.is_none() {
            return;
        }
    }
}

/// Tells clients that keep connections to come back by another one, which may lead to another instance, as soon as a
/// shutdown is asked for: none of them then has one open that is closed before its next request is read.
fn parting(router: Router, shutdown: &Shutdown) -> Router {
    let shutdown = shutdown.clone();
    router.layer(map_response(move |mut response: Response| {
        if shutdown.is_requested() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        ready(response)
    }))
}

/// Opens the engine, then keeps `/health/ready` true to how the journals stand. At the end leaves to others what it owns.
async fn work(
    settings: &Settings,
    vault: Vault,
    engine: &OnceLock<Engine>,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let opened = match start(settings, vault, health, shutdown).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    while let Some(obstacle) = opened.unread() {
        health.set(CHECK, Err(obstacle));
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            opened.shutdown(Duration::ZERO).await;
            return Ok(());
        }
    }
    let engine = engine.get_or_init(|| opened);
    engine.join();
    let mut held = None;
    loop {
        let now = Instant::now();
        match engine.obstacle() {
            None => {
                held = Some(now);
                health.set(CHECK, Ok(()));
            }
            Some(_) if held.is_some_and(|held| now < held + IN_PASSING) => {}
            Some(obstacle) => health.set(CHECK, Err(obstacle)),
        }
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            break;
        }
    }
    health.set(CHECK, Err("shutting down".to_owned()));
    let noticed = Instant::now() + Duration::from_millis(settings.command_api.notice_ms);
    if engine.hand_over(HAND_OVER).await {
        tokio::time::sleep_until(noticed).await;
    }
    Ok(())
}
