//! The event store of cqrs-es on a real Kafka.

use std::collections::HashMap;
use std::convert::Infallible;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, AggregateContext, AggregateError, DomainEvent, EventStore};
use daybook_journal::cqrs::{Journal, JournalStore, journal_cqrs};
use serde::{Deserialize, Serialize};

use crate::{fresh_context, runtime, settings};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counter {
    sum: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Added(u64);

impl DomainEvent for Added {
    fn event_type(&self) -> String {
        "Added".into()
    }

    fn event_version(&self) -> String {
        "1.0".into()
    }
}

impl Aggregate for Counter {
    const TYPE: &'static str = "counter";
    type Command = Vec<u64>;
    type Event = Added;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, command: Vec<u64>, (): &(), sink: &EventSink<Self>) -> Result<(), Infallible> {
        for n in command {
            sink.write(Added(n), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, Added(n): Added) {
        self.sum += n;
    }
}

#[test]
fn a_commit_on_what_is_not_the_latest_is_a_conflict() {
    let context = fresh_context(2);
    runtime().block_on(async {
        let journal = Journal::open(&settings(), &context).await.unwrap();
        let store = JournalStore::<Counter>::new(&journal);
        let (one, other) = (store.load_aggregate("a").await.unwrap(), store.load_aggregate("a").await.unwrap());
        let metadata = HashMap::from([("who".to_owned(), "rita".to_owned())]);
        let committed = store.commit(vec![Added(1), Added(2)], one, metadata.clone()).await.unwrap();
        assert_eq!(committed.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
        let conflict = store.commit(vec![Added(3)], other, HashMap::new()).await;
        assert!(matches!(conflict, Err(AggregateError::AggregateConflict)), "{conflict:?}");
        assert!(
            store.commit(vec![], store.load_aggregate("b").await.unwrap(), HashMap::new()).await.unwrap().is_empty()
        );

        let mut loaded = store.load_aggregate("a").await.unwrap();
        assert_eq!(loaded.aggregate().sum, 3);
        let events = store.load_events("a").await.unwrap();
        assert_eq!(events.iter().map(|event| event.payload.clone()).collect::<Vec<_>>(), [Added(1), Added(2)]);
        assert_eq!(events[1].metadata, metadata);
        assert!(store.load_events("b").await.unwrap().is_empty());
    });
}

#[test]
fn nothing_is_lost_between_clients_that_contend_and_after_a_restart() {
    let context = fresh_context(2);
    let runtime = runtime();
    let sums = |journal: &Journal| {
        let store = JournalStore::<Counter>::new(journal);
        let sum = async |id: &str| store.load_aggregate(id).await.unwrap().aggregate().sum;
        runtime.block_on(async { [sum("a").await, sum("b").await, sum("c").await] })
    };
    let journal = runtime.block_on(Journal::open(&settings(), &context)).unwrap();
    let clients: Vec<_> = (0..12_u64)
        .map(|client| {
            let cqrs = journal_cqrs::<Counter>(&journal, vec![], ());
            runtime.spawn(async move {
                let id = ["a", "b", "c"][client as usize % 3];
                for _ in 0..20 {
                    // Two events or none: a commit is one entry.
                    while let Err(error) = cqrs.execute(id, vec![1, 10]).await {
                        assert!(matches!(error, AggregateError::AggregateConflict), "{error:?}");
                    }
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| runtime.block_on(client).unwrap());
    assert_eq!(sums(&journal), [4 * 20 * 11; 3]);
    drop(journal);
    let journal = runtime.block_on(Journal::open(&settings(), &context)).unwrap();
    assert_eq!(sums(&journal), [4 * 20 * 11; 3]);
}
