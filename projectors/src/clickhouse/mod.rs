//! The ClickHouse sink: events, the facts of incidents, and daily figures that follow from them, each counted once.
//!
//! ClickHouse has no transactions, so a batch is *announced* before any of its rows: its number, where it starts and where it
//! ends. Whoever goes on, after an error, a restart or in another instance, stores exactly that batch again first. Its
//! inserts carry the same tokens, so what is there already is not stored twice, nor counted twice in dependent views.

pub mod ddl;
mod facts;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};

use clickhouse::{Client, Row, RowOwned, RowWrite};
use daybook_journal::Checkpoint;
use daybook_platform::sections;
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use uuid::Uuid;

use crate::{
    batch::{Batch, ParkedBook, Progress},
    gauges::now_millis,
    sink::{Partition, Sink, SinkError, Standing},
};
use rows::{Announcement, Id, Parked, Reached};

/// The name under which progress is kept, unless the settings say another.
pub const NAME: &str = "clickhouse";

/// How many announcements are kept.
const SLOTS: u64 = 64;

/// A client whose connections do not wait to fill packets: an insert takes 3 ms, not 40.
pub fn client(settings: &sections::Clickhouse) -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(std::time::Duration::from_secs(60)));
    connector.set_connect_timeout(Some(std::time::Duration::from_secs(5)));
    let http = HttpClient::builder(TokioExecutor::new())
        // Below the server's own limit, so that no request meets a connection about to be closed.
        .pool_idle_timeout(std::time::Duration::from_secs(2))
        .build(connector);
    let mut client = Client::with_http_client(http).with_url(&settings.url).with_user(&settings.user);
    if let Some(password) = &settings.password {
        client = client.with_password(password.expose());
    }
    client
}

/// The ClickHouse sink.
pub struct ClickhouseSink {
    client: Client,
    database: String,
    sink: &'static str,
    prefix: String,
    /// Tells this instance's announcements from those of others.
    instance: Uuid,
    /// The number of the next batch.
    seq: u64,
    /// The last announced batch, while it is not certain that all its rows are there.
    pending: Option<Announcement>,
    reached: BTreeMap<Partition, Checkpoint>,
}

impl ClickhouseSink {
    /// A sink in that database; `prefix` stands before the names of its tables.
    pub fn new(client: Client, database: String, sink: &'static str, prefix: String) -> Self {
        let (seq, pending, reached) = (1, None, BTreeMap::new());
        let client = client.with_database(&database);
        Self { client, database, sink, prefix, instance: Uuid::new_v4(), seq, pending, reached }
    }

    fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        let create = format!("CREATE DATABASE IF NOT EXISTS {}", self.database);
        self.client.clone().with_database("").query(&create).execute().await.map_err(away)?;
        // First, since what feeds a table has to find its columns.
        if self.is_before_domains("incident_daily").await? {
            for statement in ddl::domains(&self.prefix) {
                self.client.query(&statement).execute().await.map_err(away)?;
            }
        }
        for statement in ddl::tables(&self.prefix) {
            self.client.query(&statement).execute().await.map_err(away)?;
        }
        if self.is_before_domains("incident_daily_feed").await? {
            self.client.query(&ddl::feed_domains(&self.prefix)).execute().await.map_err(away)?;
        }
        self.client.clear_cached_metadata().await;
        self.guard().await
    }

    /// Whether that table is there as releases before domains made it.
    async fn is_before_domains(&self, table: &str) -> Result<bool, SinkError> {
        let query = self.client.query(ddl::BEFORE_DOMAINS).bind(&self.database).bind(self.table(table));
        let tables: u64 = query.fetch_one().await.map_err(away)?;
        Ok(tables > 0)
    }

    /// Sees to it that query-api's user reads one tenant's rows only: by a policy of the server's configuration, or, where
    /// there is none and SQL may make one, by its own. Without one nothing is projected.
    async fn guard(&self) -> Result<(), SinkError> {
        let guarded: u64 =
            self.client.query(ddl::POLICIES).bind(ddl::READER).bind(&self.database).fetch_one().await.map_err(away)?;
        if guarded > 0 {
            return Ok(());
        }
        for statement in ddl::policies(&self.database) {
            self.client.query(&statement).execute().await.map_err(|error| {
                SinkError::Unavailable(format!(
                    "ClickHouse has no row policy for {}, and none can be made: {error}",
                    ddl::READER
                ))
            })?;
        }
        Ok(())
    }

    async fn last(&self) -> Result<Option<Announcement>, SinkError> {
        let select = format!("SELECT ?fields FROM {} WHERE sink = ? ORDER BY seq DESC LIMIT 1", self.table("batches"));
        self.client.query(&select).bind(self.sink).fetch_optional().await.map_err(away)
    }

    async fn parked(&self) -> Result<Vec<ParkedBook>, SinkError> {
        let select = format!("SELECT ?fields FROM {} FINAL WHERE sink = ? AND parked = 1", self.table("parked"));
        let rows: Vec<Parked> = self.client.query(&select).bind(self.sink).fetch_all().await.map_err(away)?;
        let books = rows.into_iter().map(|row| ParkedBook {
            topic: row.topic.into(),
            partition: row.partition,
            tenant: row.tenant.0,
            first: row.first_number,
            reason: row.reason,
        });
        Ok(books.collect())
    }

    async fn insert<T>(&self, table: &str, token: Option<String>, rows: &[T]) -> Result<(), SinkError>
    where
        T: RowOwned + RowWrite + for<'a> Row<Value<'a> = T>,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let insert = self.client.insert::<T>(&self.table(table)).await.map_err(away)?;
        let mut insert =
            insert.with_timeouts(Some(std::time::Duration::from_secs(30)), Some(std::time::Duration::from_secs(120)));
        if let Some(token) = token {
            insert = insert
                .with_setting("insert_deduplicate", "1")
                .with_setting("insert_deduplication_token", token)
                // A retry must also reach a view that the first attempt did not reach, and no other.
                .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
                // One insert is one block, so that one token is one part.
                .with_setting("max_insert_block_size", "10000000")
                .with_setting("min_insert_block_size_rows", "10000000")
                .with_setting("min_insert_block_size_bytes", "1000000000")
                .with_setting("max_insert_threads", "1");
        }
        for row in rows {
            insert.write(row).await.map_err(away)?;
        }
        insert.end().await.map_err(away)
    }

    /// Announces the batch that is next. Where another instance was first, its announcement is the one that counts.
    async fn announce(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let Progress::Journal { advances, .. } = &batch.progress else { return Ok(()) };
        let mut announcement = Announcement {
            tenant: Id(daybook_kernel::PLATFORM),
            domain: ddl::WHOLE.to_owned(),
            sink: self.sink.to_owned(),
            slot: u8::try_from(self.seq % SLOTS).unwrap_or(0),
            seq: self.seq,
            instance: Id(self.instance),
            topics: Vec::new(),
            partitions: Vec::new(),
            befores: Vec::new(),
            afters: Vec::new(),
            at: now_millis(),
        };
        let mut after = self.reached.clone();
        for advance in advances {
            after.insert((advance.topic.clone(), advance.partition), advance.to);
        }
        for (partition, to) in &after {
            announcement.topics.push(partition.0.to_string());
            announcement.partitions.push(partition.1);
            announcement.befores.push(self.reached.get(partition).map_or_else(String::new, ToString::to_string));
            announcement.afters.push(to.to_string());
        }
        let token = format!("{}-{}", self.sink, self.seq);
        self.insert("batches", Some(token), std::slice::from_ref(&announcement)).await?;
        let counts = self.last().await?;
        if !counts.is_some_and(|last| last.seq == self.seq && last.instance == announcement.instance) {
            return Err(SinkError::Overtaken(format!("another instance has announced batch {}", self.seq)));
        }
        self.pending = Some(announcement);
        Ok(())
    }

    async fn store(&mut self, batch: &Batch) -> Result<(), SinkError> {
        match &batch.progress {
            Progress::Journal { parked, .. } => {
                if self.pending.is_none() {
                    for book in parked {
                        self.mark(book, true).await?;
                    }
                    self.announce(batch).await?;
                }
                let token = format!("{}-{}", self.sink, self.seq);
                self.rows(batch, &token).await?;
                self.reach(batch).await?;
                if let Some(stored) = self.pending.take() {
                    self.reached = after(&stored)?;
                }
                self.seq += 1;
            }
            Progress::Book { book, next } => {
                // Each entry by itself: a book that is read again may be cut otherwise the next time.
                for entry in &batch.entries {
                    let token = format!("{}-book-{}", self.sink, entry.position);
                    self.rows_of(std::slice::from_ref(entry), &token).await?;
                }
                self.mark(&ParkedBook { first: next.unwrap_or(book.first), ..book.clone() }, next.is_some()).await?;
            }
        }
        Ok(())
    }

    async fn rows(&self, batch: &Batch, token: &str) -> Result<(), SinkError> {
        self.rows_of(&batch.entries, token).await
    }

    async fn rows_of(&self, entries: &[crate::batch::Entry], token: &str) -> Result<(), SinkError> {
        let facts = facts::facts(&self.client, &self.table("incident_facts"), entries).await?;
        let domains: HashMap<Uuid, &str> = facts.iter().map(|fact| (fact.id.0, &*fact.domain)).collect();
        let events: Vec<_> = entries.iter().flat_map(|entry| rows::events(entry, &domains)).collect();
        self.insert("events", Some(format!("{token}-events")), &events).await?;
        self.insert("incident_facts", Some(format!("{token}-facts")), &facts).await
    }

    async fn mark(&self, book: &ParkedBook, parked: bool) -> Result<(), SinkError> {
        let row = Parked {
            tenant: Id(book.tenant),
            domain: ddl::WHOLE.to_owned(),
            sink: self.sink.to_owned(),
            topic: book.topic.to_string(),
            partition: book.partition,
            first_number: book.first,
            reason: book.reason.clone(),
            parked: u8::from(parked),
            at: now_millis() * 1_000,
        };
        self.insert("parked", None, &[row]).await
    }

    /// Tells those who wait for a position. It may be told again.
    async fn reach(&self, batch: &Batch) -> Result<(), SinkError> {
        let Progress::Journal { advances, .. } = &batch.progress else { return Ok(()) };
        let rows: Vec<Reached> = advances
            .iter()
            .map(|advance| Reached {
                tenant: Id(daybook_kernel::PLATFORM),
                domain: ddl::WHOLE.to_owned(),
                sink: self.sink.to_owned(),
                topic: advance.topic.to_string(),
                partition: advance.partition,
                number: advance.to.number,
                updated_at: now_millis(),
            })
            .collect();
        self.insert("checkpoints", None, &rows).await
    }
}

impl Sink for ClickhouseSink {
    fn name(&self) -> &'static str {
        self.sink
    }

    async fn resume(&mut self) -> Result<Standing, SinkError> {
        self.client.clear_cached_metadata().await;
        self.prepare().await?;
        let last = self.last().await?;
        self.seq = last.as_ref().map_or(1, |last| last.seq);
        self.reached.clear();
        let (mut checkpoints, mut cut) = (HashMap::new(), HashMap::new());
        if let Some(last) = &last {
            for (place, (partition, after)) in after(last)?.into_iter().enumerate() {
                let before = checkpoint(&last.befores[place])?;
                if before != Some(after) {
                    cut.insert(partition.clone(), after.number);
                }
                if let Some(before) = before {
                    checkpoints.insert(partition, before);
                }
            }
            self.reached =
                checkpoints.iter().map(|(partition, at): (&Partition, &Checkpoint)| (partition.clone(), *at)).collect();
        }
        self.pending = last;
        Ok(Standing { checkpoints, parked: self.parked().await?, cut, held: HashSet::new() })
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.store(batch).await
    }
}

/// The checkpoints after an announced batch, in the order in which they are announced.
fn after(announcement: &Announcement) -> Result<BTreeMap<Partition, Checkpoint>, SinkError> {
    let places = announcement.topics.iter().zip(&announcement.partitions).zip(&announcement.afters);
    places
        .map(|((topic, partition), text)| match checkpoint(text)? {
            Some(checkpoint) => Ok(((topic.as_str().into(), *partition), checkpoint)),
            None => Err(SinkError::Stopped(format!(
                "batches: batch {} has no end in {topic}/{partition}",
                announcement.seq
            ))),
        })
        .collect()
}

fn checkpoint(text: &str) -> Result<Option<Checkpoint>, SinkError> {
    match text.is_empty() {
        true => Ok(None),
        false => text.parse().map(Some).map_err(|error| SinkError::Stopped(format!("batches: {error}"))),
    }
}

/// ClickHouse does not answer, or not with what was asked. Nothing here is a tenant's fault, so it is tried again.
fn away(error: clickhouse::error::Error) -> SinkError {
    let text: String = error.to_string().chars().take(400).collect();
    SinkError::Unavailable(format!("ClickHouse: {text}"))
}
