//! Follows the journals into ClickHouse.

use std::process::ExitCode;

use daybook_platform::sections::{Clickhouse, Kafka, Ops, Telemetry};
use daybook_projectors::{
    clickhouse::{self, ClickhouseSink},
    service::{self, Common},
    settings::{Journal, Projector},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    kafka: Kafka,
    journal: Journal,
    projector: Projector,
    clickhouse: Clickhouse,
    ops: Ops,
    telemetry: Telemetry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            journal: Journal::default(),
            projector: Projector::at_pace(1_000),
            clickhouse: Clickhouse { user: "daybook_projector".into(), ..Clickhouse::default() },
            ops: Ops { listen: "127.0.0.1:18022".into() },
            telemetry: Telemetry { service: "daybook-projector-clickhouse".into(), ..Telemetry::default() },
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
    service::run::<Settings, ClickhouseSink>(
        |_| true,
        async |settings, _| {
            let client = clickhouse::client(&settings.clickhouse);
            let sink = settings.projector.sink_name(clickhouse::NAME);
            Ok(ClickhouseSink::new(
                client,
                settings.clickhouse.database.clone(),
                sink,
                settings.projector.prefix.clone(),
            ))
        },
    )
    .await
}
