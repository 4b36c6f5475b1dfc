//! Runs the policies: what they hear becomes the commands that follow.

use std::process::ExitCode;

use daybook_platform::sections::{Kafka, Ops, Postgres, Services, Telemetry};
use daybook_projectors::{
    policies::{self, Desk, PolicySink},
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
    policies: policies::Settings,
    services: Services,
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
            policies: policies::Settings::default(),
            services: Services::default(),
            ops: Ops { listen: "127.0.0.1:18025".into() },
            telemetry: Telemetry { service: "daybook-policies".into(), ..Telemetry::default() },
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
    service::run::<Settings, PolicySink>(policies::is_heard, async |settings, surroundings| {
        let pool = postgres::pool(&settings.postgres).map_err(|error| format!("postgres.url: {error}"))?;
        let token =
            settings.policies.token.clone().ok_or("policies.token_file: policies act with a token of their own")?;
        let desk = Desk::new(&settings.policies.command_url, token, &settings.services)
            .map_err(|error| format!("services: {error}"))?;
        Ok(PolicySink::new(pool, desk, surroundings.shutdown.clone(), surroundings.health.clone()))
    })
    .await
}
