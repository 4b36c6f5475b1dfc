//! The process of sign-in.

use std::{process::ExitCode, sync::Arc, time::Duration};

use daybook_platform::{
    Authenticator, Health, Limits, Shutdown, abroad::Abroad, edge, metrics, ops, serve, settings, telemetry, trail,
};
use daybook_sign_in::{
    app::{App, Parts},
    desk::Desk,
    endings::Shown,
    federation::issuer::Issuers,
    keys::{KEPT, Keys},
    mail::Mailer,
    passkeys::Party,
    passwords::{Hasher, Rules, breached::Breached},
    routes::routes,
    scim::asker::Questions,
    sealed::Safe,
    settings::Settings,
    store::{Fault, Store},
};
use daybook_vault::{
    Vault, erasure,
    erasure::{Open, Place},
    is_unmade,
};

/// How often the store is asked whether it is there, and the keys are read: so soon all instances sign with the same.
const LOOK: Duration = Duration::from_secs(2);

/// How often what has run out is forgotten.
const TIDY: u32 = 600;

/// How long after its keys were destroyed somebody is forgotten here: whatever was on its way then has ended.
const SETTLED: Duration = Duration::from_secs(30);

/// The checks in `/health/ready`.
const CHECKS: [&str; 2] = ["postgres", "signing-keys"];

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daybook-sign-in: {error}");
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
    CHECKS.iter().for_each(|check| health.require(check));
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

/// The parts, as the settings say. Nothing of it waits for Postgres or the command API.
async fn open(settings: &Settings) -> Result<App, Failure> {
    let (own, auth) = (&settings.sign_in, &settings.auth);
    let key = own.key.as_ref().ok_or("settings: sign_in.key is required: name its file in DAYBOOK_SIGN_IN_KEY_FILE")?;
    let store = Arc::new(Store::open(&settings.postgres, Safe::from_hex(key.expose())?)?);
    let keys = Keys::new(store.clone(), auth, own);
    let breached = own.breached_file.as_deref().map(Breached::open).transpose();
    let breached = breached.map_err(|error| format!("sign_in.breached_file: {error}"))?;
    let endings = Arc::new(Shown::new(store.clone()));
    Ok(App::new(Parts {
        desk: Desk::new(&own.command_url, keys.clone())?,
        hasher: Hasher::new(own)
            .map_err(|error| format!("sign_in.argon2_memory_kib, sign_in.argon2_passes: {error}"))?,
        rules: Rules::new(breached),
        party: Party::new(own)?,
        mailer: Mailer::new(own)?,
        vault: Vault::of_settings(&settings.sealing, &settings.vault, &settings.postgres)?,
        issuers: Issuers::new(Abroad::new(&own.provider_networks)?),
        questions: Questions::new(&own.query_url)?,
        authenticator: Arc::new(Authenticator::new(auth).await?.watching(endings)),
        settings: own.clone(),
        store,
        keys,
    }))
}

/// Keeps the keys as they are to be, and `/health/ready` true to the store.
async fn watch(app: &App, health: &Health, shutdown: &Shutdown) {
    let reason = |fault: Fault| fault.to_string();
    let mut is_prepared = false;
    for turn in 0_u32.. {
        if !is_prepared {
            is_prepared = match app.store.prepare().await {
                Ok(()) => true,
                Err(fault) => {
                    health.set(CHECKS[0], Err(reason(fault)));
                    false
                }
            };
        }
        if is_prepared {
            health.set(CHECKS[0], app.store.ping().await.map_err(reason));
            health.set(CHECKS[1], app.keys.renew().await.map_err(reason));
            if let Err(error) = forget(app).await {
                tracing::warn!(%error, "who was erased is not forgotten yet");
            }
            if turn % TIDY == 0 {
                for tidied in [app.store.tidy(KEPT).await, app.store.tidy_federation().await] {
                    if let Err(fault) = tidied {
                        tracing::warn!(%fault, "what has run out is not forgotten yet");
                    }
                }
            }
        }
        if shutdown.or(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

/// Forgets who was erased, and certifies it.
async fn forget(app: &App) -> Result<(), Failure> {
    let open = match erasure::open(app.store.pool(), SETTLED).await {
        // The vault is made by the command API.
        Err(error) if is_unmade(&error) => return Ok(()),
        open => open?,
    };
    for Open { tenant, subject, settled, in_sign_in, .. } in open {
        if in_sign_in {
            app.store.forget(tenant, subject).await?;
            app.mailer.forget(subject)?;
            if settled {
                erasure::certify(app.store.pool(), tenant, subject, Place::SignIn).await?;
            }
        }
    }
    Ok(())
}
