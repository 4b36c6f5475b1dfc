//! How soon what was acknowledged can be seen in each store: reports are sampled, and each store is asked for them with its
//! own query language until it has them. The time counts from the answer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use clap::ValueEnum;
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::{Value as Json, json};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::fault::Fault;
use crate::rebuild;
use crate::settings::Settings;

/// Every which report is followed: all would make the stores busy with being asked.
const EVERY: u64 = 10;

/// How long what was acknowledged may take to be seen before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// A store that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// The default view in Postgres.
    Postgres,
    /// The events in ClickHouse.
    Clickhouse,
    /// The search index.
    Opensearch,
}

impl Store {
    /// How often it is asked: what is seen sooner counts as this.
    pub fn pause(self) -> Duration {
        match self {
            Self::Postgres => Duration::from_millis(20),
            Self::Clickhouse | Self::Opensearch => Duration::from_millis(250),
        }
    }

    /// Its name in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Clickhouse => "clickhouse",
            Self::Opensearch => "opensearch",
        }
    }
}

/// The sampled reports, followed into each store.
pub struct Samples {
    tenants: Vec<Uuid>,
    offered: Cell<u64>,
    over: Cell<bool>,
    follows: Vec<Follow>,
}

/// What is followed into one store.
struct Follow {
    store: Store,
    waiting: RefCell<HashMap<Uuid, Instant>>,
}

/// How fresh a store was.
pub struct Freshness {
    /// Which store.
    pub store: Store,
    /// From the answer until it was seen, in microseconds.
    pub seen: Histogram<u64>,
    /// Never seen.
    pub lost: u64,
}

impl Freshness {
    /// The time within which that share was seen, in milliseconds.
    pub fn millis(&self, quantile: f64) -> f64 {
        self.seen.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

impl Samples {
    /// Nothing yet, of these tenants, to be followed into these stores.
    pub fn of(tenants: Vec<Uuid>, stores: &[Store]) -> Self {
        let follow = |store: &Store| Follow { store: *store, waiting: RefCell::default() };
        Self { tenants, offered: Cell::new(0), over: Cell::new(false), follows: stores.iter().map(follow).collect() }
    }

    /// A report has just been acknowledged: some of them are followed.
    pub fn offer(&self, incident: Uuid) {
        let offered = self.offered.replace(self.offered.get() + 1);
        if offered.is_multiple_of(EVERY) {
            let now = Instant::now();
            self.follows.iter().for_each(|follow| _ = follow.waiting.borrow_mut().insert(incident, now));
        }
    }

    /// No more reports will come.
    pub fn end(&self) {
        self.over.set(true);
    }

    /// Asks the stores until everything is seen or lost, and there is nothing more to come.
    pub async fn follow(&self, settings: &Settings) -> Result<Vec<Freshness>, Fault> {
        let http = reqwest::Client::builder().tcp_nodelay(true).build();
        let http = &http.expect("a client without TLS or proxies of its own can always be built");
        try_join_all(self.follows.iter().map(|follow| self.follow_into(follow, settings, http))).await
    }

    async fn follow_into(
        &self,
        follow: &Follow,
        settings: &Settings,
        http: &reqwest::Client,
    ) -> Result<Freshness, Fault> {
        let mut postgres = match follow.store {
            Store::Postgres => Some(rebuild::connect(&settings.postgres).await?),
            Store::Clickhouse | Store::Opensearch => None,
        };
        let mut seen = Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are valid");
        loop {
            let asked: Vec<Uuid> = follow.waiting.borrow().keys().copied().collect();
            let found = match (follow.store, &mut postgres) {
                _ if asked.is_empty() => Vec::new(),
                (Store::Postgres, Some(postgres)) => in_postgres(postgres, &self.tenants, &asked).await?,
                (Store::Opensearch, _) => in_opensearch(http, settings, &asked).await?,
                _ => in_clickhouse(http, settings, &self.tenants, &asked).await?,
            };
            {
                let mut waiting = follow.waiting.borrow_mut();
                for since in found.iter().filter_map(|id| waiting.remove(id)) {
                    seen.saturating_record(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
                }
                let lost = waiting.values().all(|since| since.elapsed() > LOST);
                if self.over.get() && lost {
                    return Ok(Freshness { store: follow.store, seen, lost: waiting.len() as u64 });
                }
            }
            sleep(follow.store.pause()).await;
        }
    }
}

async fn in_postgres(postgres: &mut PgConnection, tenants: &[Uuid], asked: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let query = "SELECT id FROM incident.incidents WHERE tenant = ANY($1) AND id = ANY($2)";
    Ok(sqlx::query_scalar(query).bind(tenants).bind(asked).fetch_all(postgres).await?)
}

async fn in_clickhouse(
    http: &reqwest::Client,
    settings: &Settings,
    tenants: &[Uuid],
    asked: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let list = |ids: &[Uuid]| ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
    let query = format!(
        "SELECT DISTINCT aggregate_id FROM events WHERE tenant IN ({}) AND aggregate_id IN ({}) FORMAT TSV",
        list(tenants),
        list(asked)
    );
    let clickhouse = &settings.clickhouse;
    let request = http
        .post(&clickhouse.url)
        .query(&[("database", &clickhouse.database)])
        .header("X-ClickHouse-User", &clickhouse.user)
        .header("X-ClickHouse-Key", clickhouse.password.as_ref().map_or("", |password| password.expose()))
        .body(query);
    let answer = asked_of("clickhouse", request).await?;
    Ok(answer.lines().filter_map(|line| line.parse().ok()).collect())
}

async fn in_opensearch(http: &reqwest::Client, settings: &Settings, asked: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let query = json!({ "size": asked.len(), "_source": false, "query": { "terms": { "id": asked } } });
    let url = format!("{}/incident-incidents/_search", settings.opensearch.url.trim_end_matches('/'));
    let answer: Json =
        serde_json::from_str(&asked_of("opensearch", http.post(url).json(&query)).await?).unwrap_or_default();
    let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
    Ok(hits.iter().filter_map(|hit| hit["_id"].as_str()?.rsplit_once(':')?.1.parse().ok()).collect())
}

/// The text of an answer of a store.
async fn asked_of(store: &str, request: reqwest::RequestBuilder) -> Result<String, Fault> {
    let silent = |error: reqwest::Error| Fault::asked(format!("{store} does not answer: {error}"));
    let response = request.send().await.map_err(silent)?;
    let status = response.status();
    let text = response.text().await.map_err(silent)?;
    match status.is_success() {
        true => Ok(text),
        false => {
            Err(Fault::asked(format!("{store} answered {status}: {}", text.chars().take(300).collect::<String>())))
        }
    }
}
