//! Our journal: the tickets of one partition, folded in memory as an owner holds them, on a Kafka of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daybook_journal::topics::{Topic, check, ensure};
use daybook_journal::{Admitted, Decision, Machine, Owner, Poison, Settings, Standing};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::clients::{Failure, Store};
use crate::ticket::{Codec, Note, Noted, Refusal, Ticket};

/// How long an owner may take to serve, and a topic to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything is one book: the hardest case, since a book is decided in order.
const BOOK: u128 = 1;

/// The tickets of a partition.
#[derive(Default)]
struct Tickets {
    codec: Codec,
    /// With what was decided and is not admitted yet.
    tickets: HashMap<String, Ticket>,
    /// What was before each of those, in order.
    pending: VecDeque<(String, Option<Ticket>)>,
    latest: i64,
}

impl Tickets {
    fn apply(&mut self, event: &Noted) -> Option<Ticket> {
        let before = self.tickets.get(&event.ticket).copied();
        self.tickets.insert(event.ticket.clone(), before.unwrap_or_default().evolve(event));
        before
    }
}

impl Machine for Tickets {
    type Command = Note;
    type Answer = Result<i64, Refusal>;

    fn queue(_: &Note) -> u128 {
        BOOK
    }

    fn weight(note: &Note) -> usize {
        size_of::<Note>() + note.ticket.len()
    }

    fn decide(&mut self, note: &Note, _: u64, now_micros: i64) -> Decision<Self::Answer> {
        let ticket = self.tickets.get(&note.ticket).copied().unwrap_or_default();
        match ticket.decide(note) {
            Ok(event) => {
                self.latest = now_micros;
                let before = self.apply(&event);
                let value = self.codec.encode(&event);
                self.pending.push_back((event.ticket, before));
                Decision::Append { value, traceparent: None, answer: Ok(event.version) }
            }
            Err(refusal) => Decision::Answer(Err(refusal)),
        }
    }

    fn barrier(&mut self, _: u64, now_micros: i64) -> Vec<u8> {
        self.latest = now_micros;
        Vec::new()
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        if entry.value.is_empty() {
            // A barrier says nothing.
        } else if entry.own {
            self.pending.pop_front();
        } else {
            let event = self.codec.decode(&entry.value).map_err(|error| Poison(error.to_string()))?;
            self.apply(&event);
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some((ticket, before)) = self.pending.pop_back() {
            match before {
                Some(before) => self.tickets.insert(ticket, before),
                None => self.tickets.remove(&ticket),
            };
        }
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Note, message: String) -> Self::Answer {
        panic!("the rule of a note never panics: {message}")
    }
}

/// An owner of one partition.
pub struct Journal {
    owner: Owner<Tickets>,
}

impl Store for Journal {
    async fn note(&self, _: usize, note: Note) -> Result<(), Failure> {
        self.owner.submit(0, note).await?.answer?;
        Ok(())
    }
}

/// Whether a broker makes a record durable before it acknowledges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It does, by `flush.messages=1`.
    Fsync,
    /// It leaves that to the operating system, as Kafka does by default.
    NoFsync,
}

/// The name of a context that no earlier cell had.
///
/// # Errors
/// The clock stands before 1970.
pub fn fresh_context() -> Result<String, Failure> {
    Ok(format!("bench{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis()))
}

/// How this process takes part: on a development cluster, with the limits that every owner has.
pub fn settings(brokers: &str) -> Settings {
    Settings { development: true, ..Settings::new(brokers, "bench") }
}

/// Begins a journal of tickets with a topic of its own, and waits until its owner serves.
///
/// # Errors
/// Kafka cannot be reached, or the owner does not come to serve.
pub async fn begin(brokers: &str, context: String, durability: Durability) -> Result<Arc<Journal>, Failure> {
    Ok(Arc::new(Journal { owner: open(&settings(brokers), &context, durability, Tickets::default).await? }))
}

/// Ends a journal of tickets.
///
/// # Errors
/// A client still holds it, or Kafka does not delete the topics.
pub async fn end(brokers: &str, journal: Arc<Journal>) -> Result<(), Failure> {
    close(brokers, Arc::into_inner(journal).ok_or("a client still holds the journal")?.owner).await
}

/// Makes the topics of a context with one partition, and waits until an owner serves it.
///
/// # Errors
/// Kafka cannot be reached, or the owner does not come to serve.
pub async fn open<M: Machine + Send + 'static>(
    settings: &Settings,
    context: &str,
    durability: Durability,
    make: impl Fn() -> M + Send + Sync + 'static,
) -> Result<Owner<M>, Failure> {
    let (journal, owners) = (Topic::journal(context, 1), Topic::owners(context, 1));
    if durability == Durability::Fsync {
        // The journal's own making knows nothing of it: a cluster with replicas does not need it.
        let topic = NewTopic::new(&journal.name, 1, TopicReplication::Fixed(1))
            .set("flush.messages", "1")
            .set("cleanup.policy", "delete")
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1")
            .set("message.timestamp.type", "LogAppendTime");
        let made = admin(&settings.brokers)?.create_topics(&[topic], &AdminOptions::new()).await?;
        made.into_iter().collect::<Result<Vec<_>, _>>().map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    ensure(settings, &[journal.clone(), owners], 1).await?;
    check(settings, &[journal]).await?;
    let (settings, context) = (settings.clone(), context.to_owned());
    let opened =
        tokio::task::spawn_blocking(move || Owner::open(&settings, &context, move |_| make()).map_err(Failure::from));
    let owner = opened.await??;
    let serves = async {
        while !owner.status().iter().all(|partition| partition.standing == Standing::Serving) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, serves)
        .await
        .map_err(|_| format!("the owner does not serve: {:?}", owner.status()))?;
    Ok(owner)
}

/// Ends an owner and forgets its topics, so that their files are not there when another store is measured.
///
/// # Errors
/// The journal has void records, or Kafka does not delete the topics.
pub async fn close<M: Machine + Send + 'static>(brokers: &str, owner: Owner<M>) -> Result<(), Failure> {
    let topic = owner.topic().to_string();
    let status = owner.status();
    tokio::task::spawn_blocking(move || owner.shutdown(PATIENCE)).await?;
    if status.iter().any(|partition| partition.voids > 0) {
        return Err(format!("{topic} has void records, though nobody else claims it: {status:?}").into());
    }
    let owners = topic.replacen("journal.", "owners.", 1);
    let deleted = admin(brokers)?.delete_topics(&[&topic, &owners], &AdminOptions::new()).await?;
    deleted.into_iter().collect::<Result<Vec<_>, _>>().map_err(|(topic, code)| format!("{topic}: {code}"))?;
    Ok(())
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, Failure> {
    Ok(ClientConfig::new().set("bootstrap.servers", brokers).create()?)
}
