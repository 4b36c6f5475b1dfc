//! postgres-es: the framework cqrs-es on Postgres, used as its documentation says. Its events are JSON.

use std::sync::Arc;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::{PostgresCqrs, default_postgress_pool, postgres_cqrs};

use crate::clients::{Failure, Store};
use crate::ticket::{Note, Noted, Refusal, Ticket};

/// The table of events, from postgres-es' own `init.sql`.
const EVENTS: &str = "
CREATE TABLE IF NOT EXISTS events (
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";

impl DomainEvent for Noted {
    fn event_type(&self) -> String {
        "Noted".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Aggregate for Ticket {
    const TYPE: &'static str = "ticket";
    type Command = Note;
    type Event = Noted;
    type Error = Refusal;
    type Services = ();

    async fn handle(&mut self, note: Note, (): &(), sink: &EventSink<Self>) -> Result<(), Refusal> {
        let event = self.decide(&note)?;
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Noted) {
        *self = self.evolve(&event);
    }
}

/// The framework with its own pool of ten connections.
pub struct PostgresEs {
    cqrs: PostgresCqrs<Ticket>,
}

/// Connects, and makes the table where it is not there.
///
/// # Errors
/// Postgres refuses the table, or does not make what it commits durable.
pub async fn begin(url: &str) -> Result<Arc<PostgresEs>, Failure> {
    let pool = default_postgress_pool(url).await;
    sqlx::query(EVENTS).execute(&pool).await?;
    for setting in ["fsync", "synchronous_commit"] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&pool).await?;
        if value != "on" {
            return Err(format!("Postgres has {setting}={value}: what it answers would not be durable").into());
        }
    }
    Ok(Arc::new(PostgresEs { cqrs: postgres_cqrs(pool, Vec::new(), ()) }))
}

impl Store for PostgresEs {
    async fn note(&self, _: usize, note: Note) -> Result<(), Failure> {
        let ticket = note.ticket.clone();
        self.cqrs.execute(&ticket, note).await?;
        Ok(())
    }
}
