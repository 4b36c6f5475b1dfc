//! Follows the journals into the search index.

use std::process::ExitCode;

use daybook_platform::sections::{Kafka, Opensearch, Ops, Postgres, Sealing, Telemetry, Vault as Keys};
use daybook_projectors::{
    search::{self, Options, SearchSink, store::Store},
    service::{self, Common},
    settings::{Journal, Projector},
};
use daybook_vault::Vault;
use serde::{Deserialize, Serialize};

/// `[search]`: the indexes that this projector makes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Search {
    /// Copies of each index beside the first: none on a single node, at least one on a cluster.
    replicas: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    kafka: Kafka,
    journal: Journal,
    projector: Projector,
    opensearch: Opensearch,
    search: Search,
    sealing: Sealing,
    vault: Keys,
    postgres: Postgres,
    ops: Ops,
    telemetry: Telemetry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            journal: Journal::default(),
            projector: Projector::at_pace(1_000),
            opensearch: Opensearch::default(),
            search: Search::default(),
            sealing: Sealing::default(),
            vault: Keys::default(),
            postgres: Postgres { user: "daybook_owner".into(), ..Postgres::default() },
            ops: Ops { listen: "127.0.0.1:18023".into() },
            telemetry: Telemetry { service: "daybook-projector-search".into(), ..Telemetry::default() },
        }
    }
}

impl Common for Settings {
    fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    fn journal(&self) -> &Journal {
        &self.journal
    }

    fn projector(&self) -> &Projector {
        &self.projector
    }

    fn ops(&self) -> &Ops {
        &self.ops
    }

    fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    service::run::<Settings, SearchSink>(
        |_| true,
        async |settings, surroundings| {
            let vault = Vault::of_settings(&settings.sealing, &settings.vault, &settings.postgres);
            let vault = vault.map_err(|error| error.to_string())?;
            let store = Store::new(&settings.opensearch.url).map_err(|error| format!("opensearch.url: {error}"))?;
            let options = Options {
                sink: settings.projector.sink_name(search::NAME),
                prefix: settings.projector.prefix.clone(),
                replicas: settings.search.replicas,
                vault,
                journal: surroundings.journal.clone(),
                partitions: surroundings.partitions.clone(),
                bounds: settings.projector.build_bounds(),
            };
            Ok(SearchSink::new(store, options, surroundings.shutdown.clone()))
        },
    )
    .await
}
