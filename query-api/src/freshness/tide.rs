//! The tide: how far a store has come in the journals, and waiting until it has come far enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::Position;
use crate::stores::{Fault, Store};

/// How far a store has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The number of the last entry applied, by context and partition.
    pub marks: HashMap<(String, i32), u64>,
    /// The books that stand still.
    pub parked: Vec<Parked>,
}

/// A book that a projector could not go on with: its rows are those before this entry until an operator has seen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The context.
    pub context: String,
    /// The partition.
    pub partition: i32,
    /// The tenant.
    pub tenant: Tenant,
    /// The first entry not applied.
    pub first: u64,
}

/// Where it is kept how far a store has come.
pub trait Source: Send + Sync + 'static {
    /// Reads it.
    ///
    /// # Errors
    /// When the store is away.
    fn read(&self) -> impl Future<Output = Result<Reached, Fault>> + Send;
}

/// What is known of how far a store has come. Clones share it.
#[derive(Debug, Clone)]
pub struct Tide {
    store: Store,
    /// `None` where the last reading failed; the reason is in the log.
    known: Arc<watch::Sender<Option<Reached>>>,
    waiting: Arc<Waiting>,
    /// How long a request waits at most.
    patience: Duration,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: AtomicUsize,
    begun: Notify,
}

/// One request that waits, for as long as it lives.
struct Place<'a>(&'a Waiting);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Tide {
    /// Watches a store: `every` so often while somebody waits, for at most `patience` each. Must be called in a tokio runtime.
    pub fn watch(store: Store, source: impl Source, every: Duration, patience: Duration) -> Self {
        let tide = Self { store, known: Arc::new(watch::Sender::new(None)), waiting: Arc::default(), patience };
        let (known, waiting) = (tide.known.clone(), tide.waiting.clone());
        tokio::spawn(async move {
            loop {
                waiting.begun.notified().await;
                while waiting.requests.load(Ordering::Acquire) > 0 {
                    let read = source.read().await;
                    if let Err(fault) = &read {
                        tracing::warn!(%store, %fault, "cannot see how far the store is");
                    }
                    known.send_replace(read.ok());
                    tokio::time::sleep(every).await;
                }
            }
        });
        tide
    }

    /// Waits until the store has passed all of the positions, as far as they say anything of that tenant.
    ///
    /// # Errors
    /// 503 that names the store, when it has not come so far in time, cannot be asked, or stands still with that tenant.
    pub async fn passed(&self, tenant: Tenant, positions: &[Position]) -> Result<(), ApiError> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut known = self.known.subscribe();
        if known.borrow_and_update().as_ref().is_some_and(|reached| reached.missing(positions).is_none()) {
            return self.not_parked(tenant, positions);
        }
        self.waiting.requests.fetch_add(1, Ordering::AcqRel);
        let _place = Place(&self.waiting);
        self.waiting.begun.notify_one();

        let began = Instant::now();
        let mut missing = None;
        let came = timeout_at(began + self.patience, async {
            // The poller lives as long as the process, so the channel stays open.
            while known.changed().await.is_ok() {
                match known.borrow_and_update().as_ref().map(|reached| reached.missing(positions)) {
                    None => return Err(self.away()),
                    Some(None) => break,
                    Some(Some(position)) => missing = Some(position.to_string()),
                }
            }
            Ok(())
        })
        .await;
        metrics::histogram!("position_wait_seconds", "store" => self.store.name())
            .record(began.elapsed().as_secs_f64());
        match came {
            Ok(Ok(())) => self.not_parked(tenant, positions),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(match missing {
                Some(position) => {
                    let patience = self.patience.as_millis();
                    let message = format!("{} is behind: it has not seen {position} within {patience} ms", self.store);
                    ApiError::unavailable(message, Duration::from_secs(1))
                }
                // Nobody could say how far it is.
                None => self.away(),
            }),
        }
    }

    fn away(&self) -> ApiError {
        ApiError::unavailable(format!("{} is not available at present", self.store), Duration::from_secs(2))
    }

    fn not_parked(&self, tenant: Tenant, positions: &[Position]) -> Result<(), ApiError> {
        let known = self.known.borrow();
        let parked = known.iter().flat_map(|reached| &reached.parked).find(|parked| {
            parked.tenant == tenant
                && positions
                    .iter()
                    .any(|p| p.context == parked.context && p.partition == parked.partition && p.number >= parked.first)
        });
        match parked {
            None => Ok(()),
            Some(Parked { context, partition, first, .. }) => {
                let message = format!(
                    "{} stands still at journal.{context}/{partition}#{first} until an operator has seen to it",
                    self.store
                );
                Err(ApiError::unavailable(message, Duration::from_secs(60)))
            }
        }
    }
}

impl Reached {
    /// The first of the positions that is not passed yet.
    fn missing<'a>(&self, positions: &'a [Position]) -> Option<&'a Position> {
        positions.iter().find(|position| {
            let mark = self.marks.get(&(position.context.to_owned(), position.partition)).copied().unwrap_or(0);
            mark < position.number
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[derive(Clone, Default)]
    struct Rising {
        reads: Arc<AtomicU64>,
        parked: Vec<Parked>,
    }

    impl Source for Rising {
        async fn read(&self) -> Result<Reached, Fault> {
            let mark = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Reached { marks: HashMap::from([(("incident".to_owned(), 3), mark)]), parked: self.parked.clone() })
        }
    }

    fn at(number: u64) -> Vec<Position> {
        vec![Position { context: "incident", partition: 3, number }]
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_only_asked_while_somebody_waits() {
        let source = Rising::default();
        let tide = Tide::watch(Store::Postgres, source.clone(), Duration::from_millis(5), Duration::from_secs(3));
        tide.passed(Tenant::nil(), &[]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(source.reads.load(Ordering::SeqCst), 0);
        let all = futures::future::join_all((0..50).map(|_| {
            let tide = tide.clone();
            async move { tide.passed(Tenant::nil(), &at(7)).await.unwrap() }
        }));
        all.await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let reads = source.reads.load(Ordering::SeqCst);
        assert!((7..=9).contains(&reads), "{reads}");
        tide.passed(Tenant::nil(), &at(7)).await.unwrap();
        assert_eq!(source.reads.load(Ordering::SeqCst), reads);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_what_is_behind() {
        let tide =
            Tide::watch(Store::Clickhouse, Rising::default(), Duration::from_millis(100), Duration::from_millis(250));
        let error = tide.passed(Tenant::nil(), &at(1000)).await.unwrap_err();
        assert_eq!(error.message, "clickhouse is behind: it has not seen journal.incident/3#1000 within 250 ms");
        assert!(error.status == 503 && error.retry_after.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_parked_book_is_no_answer() {
        let tenant = Tenant::from_u128(9);
        let parked = vec![Parked { context: "incident".into(), partition: 3, tenant, first: 2 }];
        let source = Rising { parked, ..Rising::default() };
        let tide = Tide::watch(Store::Postgres, source, Duration::from_millis(5), Duration::from_secs(3));
        tide.passed(tenant, &at(1)).await.unwrap();
        let error = tide.passed(tenant, &at(2)).await.unwrap_err();
        assert_eq!(error.message, "postgres stands still at journal.incident/3#2 until an operator has seen to it");
        tide.passed(Tenant::from_u128(10), &at(5)).await.unwrap();
    }
}
