//! The journal as an event store of [cqrs-es](cqrs_es): a program that used another store changes how it makes its own.
//!
//! ```no_run
//! # use cqrs_es::{CqrsFramework, doc::{MyAggregate, MyService}};
//! # use daybook_journal::{Settings, cqrs::{Journal, JournalStore, journal_cqrs}};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Journal::open(&Settings::new("127.0.0.1:9092", "bank"), "bank").await?;
//! let cqrs = journal_cqrs::<MyAggregate>(&journal, vec![], MyService);
//! // The same by hand, as with any other store:
//! let cqrs = CqrsFramework::new(JournalStore::<MyAggregate>::new(&journal), vec![], MyService);
//! # Ok(()) }
//! ```
//!
//! Every commit is one entry: its events stand together or not at all. It is appended only if the aggregate has as many events
//! as the program had seen, else the answer is [`AggregateConflict`](AggregateError::AggregateConflict). It returns when
//! the log has confirmed it. All events are held in memory; they are read from the log when the journal is opened.

mod streams;

use std::collections::HashMap;
use std::error::Error;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cqrs_es::{
    Aggregate, AggregateContext, AggregateError, CqrsFramework, DomainEvent, EventEnvelope, EventStore, Query,
};

use crate::error::JournalError;
use crate::owner::{Owner, Refused, Standing};
use crate::settings::Settings;
use streams::{Answer, Append, Held, Page, Recorded, Stream, Streams};

/// How long a journal may take to be read to its end.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked whether it has been.
const LOOK: Duration = Duration::from_millis(5);

/// How long a commit waits for this process to own the partition: longer than the group takes to say who should.
const OWNED: Duration = Duration::from_secs(15);

/// How often it tries.
const AGAIN: Duration = Duration::from_millis(50);

/// A journal of the events of any number of kinds of aggregates, opened once in a process. Clones are the same journal.
#[derive(Clone)]
pub struct Journal(Arc<Opened>);

struct Opened {
    owner: Owner<Streams>,
    held: Held,
}

impl Journal {
    /// Opens `journal.<context>` and waits until it is read to its end. The topics are made by
    /// [`topics::ensure`](crate::topics::ensure).
    ///
    /// # Errors
    /// Kafka cannot be reached, the topics are not there, or the log cannot be read.
    pub async fn open(settings: &Settings, context: &str) -> Result<Journal, JournalError> {
        let held = Held::default();
        let (settings, context, shared) = (settings.clone(), context.to_owned(), held.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let owner = Owner::open(&settings, &context, |_| Streams::new(shared.clone()))?;
            let begun = Instant::now();
            while owner.status().iter().any(|partition| partition.standing == Standing::CatchingUp) {
                if begun.elapsed() > PATIENCE {
                    let seconds = PATIENCE.as_secs();
                    return Err(JournalError::Unread { topic: owner.topic().to_string(), seconds });
                }
                std::thread::sleep(LOOK);
            }
            Ok(owner)
        });
        let aborted = |error: tokio::task::JoinError| JournalError::Aborted { reason: error.to_string() };
        Ok(Journal(Arc::new(Opened { owner: opening.await.map_err(aborted)??, held })))
    }
}

/// The framework on a journal, as `postgres_es::postgres_cqrs` makes it on Postgres.
pub fn journal_cqrs<A: Aggregate + 'static>(
    journal: &Journal,
    queries: Vec<Box<dyn Query<A>>>,
    services: A::Services,
) -> CqrsFramework<A, JournalStore<A>> {
    CqrsFramework::new(JournalStore::new(journal), queries, services)
}

/// The event store of one kind of aggregate.
pub struct JournalStore<A> {
    journal: Journal,
    kind: PhantomData<fn() -> A>,
}

impl<A: Aggregate> JournalStore<A> {
    /// The store on this journal.
    pub fn new(journal: &Journal) -> Self {
        Self { journal: journal.clone(), kind: PhantomData }
    }

    fn envelopes(&self, stream: &Stream) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let mut envelopes = Vec::new();
        for page in self.journal.0.held.pages(stream) {
            for (sequence, event) in (page.first..).zip(&page.events) {
                let payload = serde_json::from_value(event.payload.clone());
                envelopes.push(EventEnvelope {
                    aggregate_id: stream.id.clone(),
                    sequence,
                    payload: payload.map_err(|error| AggregateError::DeserializationError(error.into()))?,
                    metadata: page.metadata.clone(),
                });
            }
        }
        Ok(envelopes)
    }
}

/// An aggregate as the log has it, with what a commit of its next events must find unchanged.
pub struct Loaded<A> {
    stream: Stream,
    aggregate: A,
    /// How many events made it.
    length: usize,
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

impl<A: Aggregate> EventStore<A> for JournalStore<A> {
    type AC = Loaded<A>;

    async fn load_events(&self, aggregate_id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        self.envelopes(&Stream::new(A::TYPE, aggregate_id))
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let stream = Stream::new(A::TYPE, aggregate_id);
        let mut loaded = Loaded { aggregate: A::default(), length: 0, stream };
        for envelope in self.envelopes(&loaded.stream)? {
            loaded.length = envelope.sequence;
            loaded.aggregate.apply(envelope.payload);
        }
        Ok(loaded)
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let Loaded { stream, length, .. } = context;
        let mut recorded = Vec::with_capacity(events.len());
        for event in &events {
            let payload = serde_json::to_value(event).map_err(|error| AggregateError::UnexpectedError(error.into()))?;
            recorded.push(Recorded { event_type: event.event_type(), event_version: event.event_version(), payload });
        }
        let aggregate_id = stream.id.clone();
        let owner = &self.journal.0.owner;
        let partition = stream.partition(owner.partitions());
        let page = Page { stream, first: length + 1, time: 0, metadata: metadata.clone(), events: recorded };
        let begun = Instant::now();
        let answered = loop {
            match owner.submit(partition, Append(page.clone())).await {
                Err(Refused::NotServing { .. }) if begun.elapsed() < OWNED => tokio::time::sleep(AGAIN).await,
                answered => break answered.map_err(said)?,
            }
        };
        match answered.answer {
            Answer::Appended => {}
            Answer::Conflict => return Err(AggregateError::AggregateConflict),
            Answer::Failed(reason) => return Err(AggregateError::UnexpectedError(reason.into())),
        }
        let envelope = |(sequence, payload)| EventEnvelope {
            aggregate_id: aggregate_id.clone(),
            sequence,
            payload,
            metadata: metadata.clone(),
        };
        Ok((length + 1..).zip(events).map(envelope).collect())
    }
}

/// A refusal in the terms of the framework. What changed nothing and may be sent again is a conflict: programs know what
/// to do then.
fn said<E: Error>(refused: Refused) -> AggregateError<E> {
    match refused {
        Refused::Void => AggregateError::AggregateConflict,
        Refused::Overloaded { .. } | Refused::NotServing { .. } => {
            AggregateError::DatabaseConnectionError(Box::new(refused))
        }
        Refused::Undecided => AggregateError::UnexpectedError(Box::new(refused)),
    }
}
