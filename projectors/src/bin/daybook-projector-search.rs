//! Follows the journals into the search index.

use std::{process::ExitCode, sync::Arc};

use daybook_platform::sections::{Kafka, Opensearch, Ops, Sealing, Telemetry};
use daybook_projectors::{
    search::{self, Options, SearchSink, store::Store},
    service::{self, Common},
    settings::{Journal, Projector},
};
use daybook_schemas::{Sealer, hex::unhex};
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
            let key =
                settings.sealing.key.as_ref().ok_or("sealing.key is not given: name its file by sealing.key_file")?;
            let key = unhex(key.expose().trim()).and_then(|key| <[u8; 32]>::try_from(key).ok());
            let key = key.ok_or("sealing.key must be 64 hexadecimal digits")?;
            let store = Store::new(&settings.opensearch.url).map_err(|error| format!("opensearch.url: {error}"))?;
            let options = Options {
                sink: settings.projector.sink_name(search::NAME),
                prefix: settings.projector.prefix.clone(),
                replicas: settings.search.replicas,
                sealer: Arc::new(Sealer::new(&key)),
                journal: surroundings.journal.clone(),
                partitions: surroundings.partitions.clone(),
                bounds: settings.projector.build_bounds(),
            };
            Ok(SearchSink::new(store, options, surroundings.shutdown.clone()))
        },
    )
    .await
}
