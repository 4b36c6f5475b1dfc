//! The engine: the owners of all contexts in this process, and the way of a command to the owner of its book.

use std::{collections::HashMap, sync::Arc, time::Duration};

use daybook_contents::{BoundedContext, CONTEXTS};
use daybook_journal::{Answered, JournalError, Owner, Refused, Settings, Standing, partition_of};
use daybook_kernel::Kind;
use daybook_schemas::sealing::Sealer;
use tokio::task::spawn_blocking;

use crate::{
    command::{Answer, Command},
    machine::{BooksMachine, Shared},
};

/// The owners of all contexts, and what the edge needs beside them.
pub struct Engine {
    owners: HashMap<&'static str, Owner<BooksMachine>>,
    /// Seals personal data before anything is decided.
    pub sealer: Arc<Sealer>,
}

impl Engine {
    /// Opens the journal of every context. They are served once they are read to the end and claimed.
    ///
    /// # Errors
    /// Kafka cannot be reached, or a journal is not as it should be.
    pub async fn open(settings: &Settings, shared: &Shared, sealer: Arc<Sealer>) -> Result<Self, JournalError> {
        let mut owners = HashMap::new();
        for context in CONTEXTS {
            let (settings, shared) = (settings.clone(), shared.clone());
            let opening = spawn_blocking(move || {
                Owner::open(&settings, context.name, |partition| BooksMachine::new(context, partition, shared.clone()))
            });
            let owner = opening.await.expect("opening a journal does not panic")?;
            owners.insert(context.name, owner);
        }
        Ok(Self { owners, sealer })
    }

    /// Gives a command to the owner of its book and waits until the journal has confirmed the outcome.
    ///
    /// # Errors
    /// When it was not decided, or not confirmed. To drop the future cancels nothing.
    pub async fn give(&self, kind: &dyn Kind, command: Command) -> Result<Answered<Answer>, Refused> {
        let Some(owner) = self.owners.get(kind.meta().context) else {
            return Err(Refused::NotServing { retry_after: Duration::from_secs(1) });
        };
        let partition = partition_of(command.tenant.as_bytes(), owner.partitions());
        owner.submit(partition, command).await
    }

    /// What keeps this process from taking every command, if anything does.
    pub fn obstacle(&self) -> Option<String> {
        self.owners.values().find_map(|owner| {
            owner.status().into_iter().find_map(|status| match status.standing {
                Standing::Serving if !status.stalled => None,
                Standing::Serving => {
                    Some(format!("{}/{} is stalled: its entries are not read back", owner.topic(), status.partition))
                }
                standing => Some(format!("{}/{} is not served: {standing:?}", owner.topic(), status.partition)),
            })
        })
    }

    /// Takes no more commands and ends those under way.
    pub async fn shutdown(self, patience: Duration) {
        let stopping = self.owners.into_values().map(|owner| spawn_blocking(move || owner.shutdown(patience)));
        for stopped in stopping.collect::<Vec<_>>() {
            // A panic there has been logged; the other owners still end in order.
            drop(stopped.await);
        }
    }
}

/// The context of a kind.
pub fn context_of(kind: &dyn Kind) -> &'static BoundedContext {
    daybook_contents::context(kind.meta().context).expect("every kind stands in its context")
}
