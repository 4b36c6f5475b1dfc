//! Erases: destroys the keys of who was erased, and sees to it that every store forgets.

use std::process::ExitCode;

use daybook_platform::sections::{Kafka, Ops, Postgres, Telemetry, Vault};
use daybook_projectors::{
    eraser::{self, Eraser},
    postgres,
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
    vault: Vault,
    ops: Ops,
    telemetry: Telemetry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            journal: Journal::default(),
            projector: Projector::at_pace(100),
            postgres: Postgres { user: "daybook_owner".into(), ..Postgres::default() },
            vault: Vault::default(),
            ops: Ops { listen: "127.0.0.1:18029".into() },
            telemetry: Telemetry { service: "daybook-eraser".into(), ..Telemetry::default() },
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
    service::run::<Settings, Eraser>(eraser::is_heard, async |settings, _| {
        let pool = postgres::pool(&settings.postgres).map_err(|error| format!("postgres.url: {error}"))?;
        Ok(Eraser::new(pool, &settings.vault))
    })
    .await
}
