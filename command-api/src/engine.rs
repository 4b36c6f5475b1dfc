//! The engine: the owners of all contexts in this process, and how they stand.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_contents::CONTEXTS;
use daybook_journal::{JournalError, Owner, Settings, Standing, partition_of};
use daybook_kernel::{Kind, Tenant};
use daybook_platform::ApiError;
use daybook_vault::Vault;
use tokio::task::spawn_blocking;

use crate::{
    facts::FactTable,
    forward::{Forwarder, Next},
    machine::{BooksMachine, Shared},
    store::Store,
};

/// How often it is looked whether others have taken over, and how often whether there are any.
const LOOK: Duration = Duration::from_millis(25);
const COUNT: Duration = Duration::from_millis(250);

/// The owners of all contexts, and what the edge needs beside them.
pub struct Engine {
    owners: HashMap<&'static str, Arc<Owner<BooksMachine>>>,
    /// Seals personal data before anything is decided.
    pub vault: Vault,
    /// Sends requests to other instances.
    pub forwarder: Arc<Forwarder>,
    /// What contexts let each other know.
    pub facts: FactTable,
    store: Store,
}

/// Where a book stands.
pub struct Place<'a> {
    /// The owner of its context's journal in this process.
    pub owner: &'a Owner<BooksMachine>,
    /// The context.
    pub context: &'static str,
    /// The partition of the journal.
    pub partition: i32,
}

impl Engine {
    /// Opens the journal of every context and follows them; nothing is claimed before [`join`](Self::join).
    ///
    /// # Errors
    /// Kafka cannot be reached, or a journal is not as it should be.
    pub async fn open(
        settings: &Settings,
        shared: &Shared,
        vault: Vault,
        forwarder: Arc<Forwarder>,
    ) -> Result<Self, JournalError> {
        let mut owners = HashMap::new();
        for context in CONTEXTS {
            let (settings, shared) = (settings.clone(), shared.clone());
            let opening = spawn_blocking(move || {
                Owner::follow(&settings, context.name, |partition| {
                    BooksMachine::new(context, partition, shared.clone())
                })
            });
            let owner = opening.await.expect("opening a journal does not panic")?;
            owners.insert(context.name, Arc::new(owner));
        }
        Ok(Self { owners, vault, forwarder, facts: shared.facts.clone(), store: shared.store.clone() })
    }

    /// Takes part in owning the journals. Facts of one are needed to decide in another, and others forward to whoever has
    /// claimed: so not before all are read.
    ///
    /// What an earlier life of this process owned is claimed at once: the group holds a killed member for alive for a while.
    pub fn join(&self) {
        for owner in self.owners.values() {
            owner.join();
            for partition in 0..owner.partitions() {
                let known = owner.ownership(partition).unwrap_or_default();
                if self.forwarder.next(&known) == Next::Contend {
                    owner.contend(partition, known.term);
                }
            }
        }
    }

    /// Where a tenant's book of that kind stands.
    ///
    /// # Errors
    /// 503: there is no such journal here.
    pub fn place(&self, kind: &dyn Kind, tenant: Tenant) -> Result<Place<'_>, ApiError> {
        let context = kind.meta().context;
        let owner = self
            .owners
            .get(context)
            .ok_or_else(|| ApiError::unavailable(format!("{context} is not served here"), Duration::from_secs(1)))?;
        Ok(Place { owner, context, partition: partition_of(tenant.as_bytes(), owner.partitions()) })
    }

    /// What has not been read to its end yet, or never will be, if anything.
    pub fn unread(&self) -> Option<String> {
        self.find(|_, standing| matches!(standing, Standing::CatchingUp | Standing::Halted(_) | Standing::Stopped))
    }

    /// What keeps this process from having every command decided, here or elsewhere, if anything does.
    pub fn obstacle(&self) -> Option<String> {
        let stalled = self.owners.values().find_map(|owner| {
            let stalled = owner.status().into_iter().find(|status| status.stalled)?;
            Some(format!("{}/{} is stalled: its entries are not read back", owner.topic(), stalled.partition))
        });
        let is_known = |next: &Next, standing: &Standing| *standing == Standing::Serving || *next == Next::Forward;
        stalled.or_else(|| self.unread()).or_else(|| self.find(|next, standing| !is_known(next, standing)))
    }

    fn find(&self, is_one: impl Fn(&Next, &Standing) -> bool) -> Option<String> {
        self.owners.values().find_map(|owner| {
            owner.status().into_iter().find_map(|status| {
                let known = owner.ownership(status.partition)?;
                let place = format!("{}/{}", owner.topic(), status.partition);
                match (self.forwarder.next(&known), status.standing) {
                    (next, standing) if !is_one(&next, &standing) => None,
                    (Next::Unlisted, _) => {
                        Some(format!("{place} is owned at {}, which command_api.peers does not list", known.url))
                    }
                    (_, standing) => Some(format!("{place} is not served: {standing:?}")),
                }
            })
        })
    }

    /// Leaves to others what this process owns, serving on until they have claimed it, for at most `patience`. Tells
    /// whether there were others.
    pub async fn hand_over(&self, patience: Duration) -> bool {
        self.owners.values().for_each(|owner| owner.retire());
        let begun = Instant::now();
        // To leave the groups takes a moment.
        let mut count = begun + COUNT / 2;
        while begun.elapsed() < patience {
            let owning: Vec<_> = self.owners.values().filter(|owner| !owner.has_retired()).cloned().collect();
            if owning.is_empty() {
                return true;
            }
            if Instant::now() < count {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            count = Instant::now() + COUNT;
            let looking = owning.into_iter().map(|owner| spawn_blocking(move || owner.members()));
            let mut alone = true;
            for members in looking.collect::<Vec<_>>() {
                // Kafka being away is no sign of being alone, and no reason to wait for others either.
                alone &= !matches!(members.await, Ok(Ok(members)) if members > 0);
            }
            if alone {
                return false;
            }
        }
        tracing::warn!("others have not taken over everything in time");
        true
    }

    /// Takes no more commands and ends those under way.
    pub async fn shutdown(self, patience: Duration) {
        let owners = self.owners.into_values().filter_map(Arc::into_inner);
        let stopping = owners.map(|owner| spawn_blocking(move || owner.shutdown(patience)));
        for stopped in stopping.collect::<Vec<_>>() {
            // A panic there has been logged; the other owners still end in order.
            drop(stopped.await);
        }
        // Dropped, it would wait for what it puts in order in the background, which nobody needs any more.
        std::mem::forget(self.store);
    }
}
