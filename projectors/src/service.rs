//! The life of a projector process, the same for every sink.

use std::{process::ExitCode, sync::Arc};

use daybook_contents::BoundedContext;
use daybook_journal::topics::{self, Topic};
use daybook_platform::{
    Health, Shutdown, metrics, ops,
    sections::{Kafka, Ops, Telemetry},
    settings, telemetry,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    engine::Engine,
    gauges,
    settings::{Journal, Projector},
    sink::{Partition, Sink},
};

/// What the settings of every projector hold.
pub trait Common {
    /// The brokers.
    fn kafka(&self) -> &Kafka;
    /// The journals.
    fn journal(&self) -> &Journal;
    /// How the journals are followed.
    fn projector(&self) -> &Projector;
    /// Health and metrics.
    fn ops(&self) -> &Ops;
    /// Logs and traces.
    fn telemetry(&self) -> &Telemetry;
}

/// What a sink is made with.
pub struct Surroundings {
    /// How the journals are reached.
    pub journal: daybook_journal::Settings,
    /// Every partition that is followed.
    pub partitions: Vec<Partition>,
    /// The wish that this process stops.
    pub shutdown: Shutdown,
    /// What this process says of itself.
    pub health: Health,
}

/// Runs a projector until it is asked to stop.
pub async fn run<T, S>(
    follows: fn(&BoundedContext) -> bool,
    make: impl AsyncFnOnce(&T, &Surroundings) -> Result<S, String>,
) -> ExitCode
where
    T: Common + Default + Serialize + DeserializeOwned,
    S: Sink,
{
    let settings: T = match settings::load() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let running = match telemetry::start(settings.telemetry()) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let ended = live(&settings, follows, make).await;
    if let Err(error) = &ended {
        tracing::error!(error, "cannot go on");
    }
    running.stop().await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn live<T, S>(
    settings: &T,
    follows: fn(&BoundedContext) -> bool,
    make: impl AsyncFnOnce(&T, &Surroundings) -> Result<S, String>,
) -> Result<(), String>
where
    T: Common + Default + Serialize + DeserializeOwned,
    S: Sink,
{
    tracing::info!(settings = settings::summary(settings), "starting");
    let metrics = metrics::install().map_err(|error| error.to_string())?;
    gauges::describe();
    let health = Health::new();
    let shutdown = Shutdown::on_signals().map_err(|error| error.to_string())?;
    let served = ops::serve(settings.ops(), &health, &metrics, &shutdown).await.map_err(|error| error.to_string())?;

    let mut journal =
        daybook_journal::Settings::new(settings.kafka().brokers.clone(), settings.telemetry().service.clone());
    journal.development = settings.kafka().development;
    journal.gather = settings.projector().gather();
    let contexts: Vec<&BoundedContext> = daybook_contents::CONTEXTS.iter().filter(|context| follows(context)).collect();
    let topics: Vec<Topic> =
        contexts.iter().map(|context| Topic::journal(context.name, settings.journal().partitions)).collect();
    health.require("topics");
    while let Err(error) = topics::check(&journal, &topics).await {
        health.set("topics", Err(error.to_string()));
        if shutdown.or(tokio::time::sleep(std::time::Duration::from_secs(1))).await.is_none() {
            return Ok(());
        }
    }
    health.set("topics", Ok(()));

    let partitions = topics.iter().flat_map(|topic| {
        let name: Arc<str> = topic.name.as_str().into();
        (0..topic.partitions).map(move |partition| (Arc::clone(&name), partition))
    });
    let surroundings =
        Surroundings { journal, partitions: partitions.collect(), shutdown: shutdown.clone(), health: health.clone() };
    let sink = match make(settings, &surroundings).await {
        Ok(sink) => sink,
        Err(_) if shutdown.is_requested() => return Ok(()),
        Err(error) => return Err(error),
    };
    let Surroundings { journal, partitions, .. } = surroundings;
    let engine = Engine::new(sink, journal, partitions, settings.projector().bounds(), health, shutdown.clone());
    if let Err(stopped) = engine.run().await {
        // It stays up and unready, so that operators see why; to end would only have it started again.
        tracing::error!(%stopped, "STOPPED: this projector follows no journal any more; see docs/runbooks/cut-journal.md");
        shutdown.requested().await;
    }
    let _ = served.await;
    Ok(())
}
