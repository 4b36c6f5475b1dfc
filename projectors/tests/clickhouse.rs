//! The ClickHouse sink on a real ClickHouse: every event once, and every figure right, whatever happens on the way.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::time::Duration;

use clickhouse::Client;
use daybook_projectors::clickhouse::{ClickhouseSink, client, ddl};
use uuid::Uuid;
use world::{Running, World, assigned, created, resolved, secret_beside, until};

/// How long a batch waits for more.
const LINGER: Duration = Duration::from_millis(20);

struct Tables {
    world: World,
    client: Client,
}

impl Tables {
    async fn new(name: &str) -> Tables {
        let world = World::new(name).await;
        let client = client(&world.stack.clickhouse);
        Tables { world, client }
    }

    fn sink(&self) -> ClickhouseSink {
        let database = self.world.stack.clickhouse.database.clone();
        ClickhouseSink::new(self.client.clone(), database, "clickhouse", format!("{}_", self.world.apart))
    }

    fn start(&self) -> Running {
        self.world.run(self.sink(), LINGER)
    }

    /// A number; -1 while its table is not there.
    async fn number(&self, sql: &str) -> i64 {
        let sql = sql.replace("FROM ", &format!("FROM {}.{}_", self.world.stack.clickhouse.database, self.world.apart));
        self.client.query(&format!("SELECT assumeNotNull(toInt64(({sql})))")).fetch_one().await.unwrap_or(-1)
    }

    async fn expect(&self, sql: &str, expected: i64) {
        until(&format!("{sql} gives {expected}"), || async { self.number(sql).await == expected }).await;
    }

    async fn end(self, running: Running) {
        running.stop().await;
        let database = &self.world.stack.clickhouse.database;
        for table in
            ["incident_daily_feed", "incident_daily", "incident_facts", "events", "parked", "checkpoints", "batches"]
        {
            let drop = format!("DROP TABLE IF EXISTS {database}.{}_{table}", self.world.apart);
            self.client.query(&drop).execute().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_follow_from_facts() {
    let tables = Tables::new("facts").await;
    let running = tables.start();
    let (tenant, one, other) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let world = &tables.world;
    let (first, _) = world.report(tenant, 1, "unmistakable").await;
    let (second, _) = world.report(tenant, 2, "unmistakable").await;
    world.write(tenant, vec![("incident.assigned", first, 2, assigned(one))]).await;
    world.write(tenant, vec![("incident.assigned", second, 2, assigned(one))]).await;
    world.write(tenant, vec![("incident.assigned", second, 3, assigned(other))]).await;
    world.write(tenant, vec![("incident.resolved", first, 3, resolved())]).await;
    tables.expect("SELECT count() FROM events", 6).await;
    tables.expect("SELECT count() FROM incident_facts", 6).await;
    let daily = |what: &str, of: &str| format!("SELECT sum({what}) FROM incident_daily WHERE {of}");
    tables.expect(&daily("opened", "day = '2026-11-20' AND category = 'network'"), 2).await;
    tables.expect(&daily("resolved", &format!("day = '2026-11-21' AND `group` = '{one}'")), 1).await;
    tables.expect(&daily("backlog", "1"), 1).await;
    tables.expect(&daily("backlog", &format!("`group` = '{one}'")), 0).await;
    tables.expect(&daily("backlog", &format!("`group` = '{other}'")), 1).await;
    tables.expect("SELECT countIf(data LIKE '%unmistakable%') FROM events", 0).await;
    tables.expect("SELECT max(number) > 0 FROM checkpoints", 1).await;
    tables.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_changes_no_figure() {
    let tables = Tables::new("kill").await;
    let tenants: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
    let group = Uuid::new_v4();
    let mut running = tables.start();
    let mut ids = Vec::new();
    for number in 1..=30 {
        for tenant in &tenants {
            ids.push((*tenant, tables.world.report(*tenant, number, "again").await.0));
        }
        if number % 6 == 0 {
            running.kill().await;
            running = tables.start();
        }
    }
    for (place, (tenant, id)) in ids.iter().enumerate() {
        tables
            .world
            .write(
                *tenant,
                vec![("incident.assigned", *id, 2, assigned(group)), ("incident.resolved", *id, 3, resolved())],
            )
            .await;
        if place % 30 == 0 {
            running.kill().await;
            running = tables.start();
        }
    }
    tables.expect("SELECT count() FROM events", 360).await;
    tables.expect("SELECT uniqExact(aggregate_id, version) FROM events", 360).await;
    tables.expect("SELECT count() FROM incident_facts", 360).await;
    tables.expect("SELECT sum(opened) FROM incident_daily", 120).await;
    tables.expect("SELECT sum(resolved) FROM incident_daily", 120).await;
    tables.expect("SELECT sum(backlog) FROM incident_daily", 0).await;
    tables.expect("SELECT sum(backlog) FROM incident_daily WHERE day = '2026-11-20'", 120).await;
    tables.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_count_each_event_once() {
    let tables = Tables::new("two").await;
    let (one, other) = (tables.start(), tables.start());
    for number in 1..=120 {
        tables.world.report(Uuid::new_v4(), number, "again").await;
    }
    tables.expect("SELECT count() FROM events", 120).await;
    tables.expect("SELECT sum(opened) FROM incident_daily", 120).await;
    one.stop().await;
    for number in 1..=20 {
        tables.world.report(Uuid::new_v4(), number, "again").await;
    }
    tables.expect("SELECT count() FROM events", 140).await;
    tables.expect("SELECT sum(backlog) FROM incident_daily", 140).await;
    tables.end(other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_book_waits_and_others_are_counted() {
    let tables = Tables::new("park").await;
    let running = tables.start();
    let bad = Uuid::new_v4();
    let mut unknown = tables.world.event(bad, "incident.created", Uuid::now_v7(), 1, &created(1, "of another release"));
    unknown.schema = [9; 32];
    tables.world.write_raw(bad, vec![unknown]).await;
    tables.world.report(bad, 2, "waits").await;
    tables.world.report(Uuid::new_v4(), 1, "goes on").await;
    tables.expect("SELECT count() FROM parked FINAL WHERE parked = 1", 1).await;
    tables.expect("SELECT count() FROM events", 1).await;
    running.stop().await;
    let running = tables.start();
    tables.world.report(Uuid::new_v4(), 1, "goes on").await;
    tables.expect("SELECT count() FROM events", 2).await;
    tables.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_apis_user_reads_the_tenant_it_names_and_no_other() {
    let tables = Tables::new("policy").await;
    let running = tables.start();
    let tenant = Uuid::new_v4();
    tables.world.report(tenant, 1, "mine").await;
    tables.world.report(Uuid::new_v4(), 1, "not mine").await;
    for (number, domain) in [(2, "health"), (3, "justice")] {
        let mut body = created(number, "of a domain");
        body["domain"] = domain.into();
        let id = Uuid::now_v7();
        tables.world.write(tenant, vec![("incident.created", id, 1, body)]).await;
        tables.world.write(tenant, vec![("incident.assigned", id, 2, assigned(Uuid::new_v4()))]).await;
    }
    tables.expect("SELECT count() FROM events", 6).await;
    tables.expect("SELECT count() FROM incident_facts", 6).await;
    let mut settings = tables.world.stack.clickhouse.clone();
    settings.user = "daybook_query".into();
    settings.password = Some(secret_beside(settings.password_file.as_deref(), "clickhouse-query"));
    let reader = client(&settings);
    // Of the tenant all; of a domain what is of it, and of the whole organisation; whatever is said behind it, no more.
    let whose = [("", 5_u64), (" health", 3), (" nowhere", 1), (" ", 1), (" health justice", 1), (" *", 1)];
    for table in ["events", "incident_facts", "incident_daily"] {
        let by = if table == "incident_daily" { "sum(opened) * 2 - (sum(opened) > 0)" } else { "count()" };
        let count = format!("SELECT toUInt64({by}) FROM {}.{}_{table}", settings.database, tables.world.apart);
        for (domain, rows) in whose {
            let whose = format!("{tenant}{domain}");
            let seen: u64 = reader.query(&count).with_setting("log_comment", whose).fetch_one().await.unwrap();
            assert_eq!(seen, rows, "{table} for {domain:?}");
        }
        assert!(reader.query(&count).fetch_one::<u64>().await.is_err(), "{table} is read without naming a tenant");
    }
    tables.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_release_before_domains_are_given_them_and_old_rows_are_of_none() {
    let tables = Tables::new("older").await;
    let database = tables.world.stack.clickhouse.database.clone();
    let client = tables.client.clone().with_database(&database);
    let prefix = format!("{}_", tables.world.apart);
    for statement in ddl::tables(&prefix) {
        let before = statement.replace("domain LowCardinality(String),", "").replace(", domain", "");
        assert!(!before.contains("domain"), "{before}");
        client.query(&before).execute().await.unwrap();
    }
    let (tenant, old) = (Uuid::new_v4(), Uuid::now_v7());
    let fact = format!(
        "INSERT INTO {prefix}incident_facts (tenant, id, version, fact, at, status, is_open) VALUES ('{tenant}', '{old}', 1, 'created', now64(), 'new', 1)"
    );
    client.query(&fact).execute().await.unwrap();
    let running = tables.start();
    let mut body = created(2, "of a domain");
    body["domain"] = "health".into();
    tables.world.write(tenant, vec![("incident.created", Uuid::now_v7(), 1, body)]).await;
    tables.world.write(tenant, vec![("incident.assigned", old, 2, assigned(Uuid::new_v4()))]).await;
    tables.expect("SELECT count() FROM events", 2).await;
    for (domain, rows) in [("", 2), ("health", 1), ("*", 0)] {
        tables.expect(&format!("SELECT count() FROM incident_facts WHERE domain = '{domain}'"), rows).await;
    }
    for (domain, opened) in [("", 1), ("health", 1)] {
        tables.expect(&format!("SELECT sum(opened) FROM incident_daily WHERE domain = '{domain}'"), opened).await;
    }
    tables.end(running).await;
}
