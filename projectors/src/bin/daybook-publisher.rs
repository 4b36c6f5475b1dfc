//! Publishes the events of public contexts for other systems.

use std::{process::ExitCode, time::Duration};

use daybook_platform::sections::{Kafka, Ops, Registry as RegistrySection, Telemetry};
use daybook_projectors::{
    publisher::{self, Publisher},
    service::{self, Common},
    settings::{Journal, Projector},
};
use daybook_schemas::registry::Registry;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    kafka: Kafka,
    journal: Journal,
    projector: Projector,
    registry: RegistrySection,
    ops: Ops,
    telemetry: Telemetry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            journal: Journal::default(),
            projector: Projector::at_pace(50),
            registry: RegistrySection::default(),
            ops: Ops { listen: "127.0.0.1:18024".into() },
            telemetry: Telemetry { service: "daybook-publisher".into(), ..Telemetry::default() },
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
    service::run::<Settings, Publisher>(publisher::is_public, async |settings, surroundings| {
        let registry = Registry::new(&settings.registry.url).map_err(|error| format!("registry.url: {error}"))?;
        surroundings.health.require("registry");
        let forms = loop {
            match publisher::register(&registry).await {
                Ok(forms) => break forms,
                Err(error) => surroundings.health.set("registry", Err(error.to_string())),
            }
            if surroundings.shutdown.or(tokio::time::sleep(Duration::from_secs(2))).await.is_none() {
                return Err("asked to stop before the schema registry answered".to_owned());
            }
        };
        surroundings.health.set("registry", Ok(()));
        Ok(Publisher::new(surroundings.journal.clone(), surroundings.partitions.clone(), forms))
    })
    .await
}
