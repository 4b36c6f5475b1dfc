//! Follows the journals into Postgres.

use std::process::ExitCode;

use daybook_platform::sections::{Kafka, Ops, Postgres, Telemetry};
use daybook_projectors::{
    postgres::{self, Options, PostgresSink},
    service::{self, Common},
    settings::{Journal, Projector},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    kafka: Kafka,
    journal: Journal,
    projector: Projector,
    postgres: Postgres,
    ops: Ops,
    telemetry: Telemetry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            journal: Journal::default(),
            projector: Projector::at_pace(25),
            postgres: Postgres { user: "daybook_owner".into(), ..Postgres::default() },
            ops: Ops { listen: "127.0.0.1:18021".into() },
            telemetry: Telemetry { service: "daybook-projector-postgres".into(), ..Telemetry::default() },
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
    service::run::<Settings, PostgresSink>(
        |_| true,
        async |settings, surroundings| {
            let pool = postgres::pool(&settings.postgres).map_err(|error| format!("postgres.url: {error}"))?;
            let options = Options {
                sink: settings.projector.sink_name(postgres::NAME),
                reader: settings.projector.reader.clone(),
                journal: surroundings.journal.clone(),
                partitions: surroundings.partitions.clone(),
                bounds: settings.projector.build_bounds(),
            };
            Ok(PostgresSink::new(pool, options, surroundings.shutdown.clone()))
        },
    )
    .await
}
