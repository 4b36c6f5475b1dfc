//! The Postgres sink on a real Postgres: what it stores, once each, whatever happens on the way.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::time::Duration;

use daybook_kernel::Tenant;
use daybook_projectors::{
    follow::Bounds,
    postgres::{self, Options, PostgresSink, sql, tables::Tables},
    view::Family,
};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Row};
use uuid::Uuid;
use world::{Running, World, assigned, created, resolved, secret_beside, until};

/// A database of the test's own.
struct Database {
    world: World,
    pool: PgPool,
}

impl Database {
    async fn new(name: &str) -> Database {
        let world = World::new(name).await;
        let admin = postgres::pool(&world.stack.postgres).unwrap();
        let database = format!("test_{}", world.apart);
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
        let mut settings = world.stack.postgres.clone();
        let (server, _) = settings.url.rsplit_once('/').unwrap();
        settings.url = format!("{server}/{database}");
        Database { pool: postgres::pool(&settings).unwrap(), world }
    }

    fn start(&self) -> Running {
        self.start_as("postgres")
    }

    fn start_as(&self, sink: &'static str) -> Running {
        let shutdown = daybook_platform::Shutdown::new();
        let options = Options {
            sink,
            reader: "daybook_app".into(),
            journal: self.world.journal.clone(),
            partitions: self.world.partitions(),
            bounds: Bounds { entries: 500, bytes: 1 << 20, pace: Duration::ZERO },
        };
        self.world.run(PostgresSink::new(self.pool.clone(), options, shutdown), Duration::ZERO)
    }

    async fn count(&self, sql: &str) -> i64 {
        // A table that is not there yet holds nothing.
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap_or(-1)
    }

    async fn expect(&self, sql: &str, expected: i64) {
        until(&format!("{sql} gives {expected}"), || async { self.count(sql).await == expected }).await;
    }

    async fn doc(&self, id: Uuid) -> (i64, Json) {
        let row = sqlx::query("SELECT version, doc FROM incident.incidents WHERE id = $1")
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        (row.get(0), row.get(1))
    }

    async fn end(self, running: Running) {
        running.stop().await;
        self.pool.close().await;
        let admin = postgres::pool(&self.world.stack.postgres).unwrap();
        let drop = format!("DROP DATABASE test_{} WITH (FORCE)", self.world.apart);
        admin.execute(AssertSqlSafe(drop)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_is_seen_in_every_table_and_by_its_tenant_alone() {
    let database = Database::new("rows").await;
    let running = database.start();
    let (tenant, group) = (Uuid::new_v4(), Uuid::new_v4());
    let (id, _) = database.world.report(tenant, 1, "The printer is on fire").await;
    let comment = json!({ "id": Uuid::now_v7(), "body": "Which one?", "visibility": "public", "author": Uuid::nil(), "written_at": "2026-11-21T09:00:00Z" });
    let comment = fitting("incident.comment_added", comment);
    database
        .world
        .write(tenant, vec![("incident.assigned", id, 2, assigned(group)), ("incident.comment_added", id, 3, comment)])
        .await;
    database.expect("SELECT count(*) FROM incident.incidents WHERE version = 3", 1).await;
    database.expect("SELECT count(*) FROM incident.incidents_comments WHERE item = 1", 1).await;
    database.expect("SELECT count(*) FROM daybook.entries", 3).await;
    database
        .expect(&format!("SELECT count(*) FROM incident.queue WHERE priority = '2-high' AND \"group\" = '{group}'"), 1)
        .await;
    let (_, doc) = database.doc(id).await;
    assert!(doc["short_description"]["sealed"].is_object(), "personal data stays sealed: {doc}");
    assert_eq!(doc["status"], "assigned");
    assert_eq!(doc["comments"], 1);

    let rows = seen_by_reader(&database, Some(tenant)).await;
    assert_eq!(rows, [1, 1, 1, 3], "incidents, comments, queue, entries");
    assert_eq!(seen_by_reader(&database, Some(Uuid::new_v4())).await, [0, 0, 0, 0]);
    assert_eq!(seen_by_reader(&database, None).await, [0, 0, 0, 0]);

    database.world.write(tenant, vec![("incident.resolved", id, 4, resolved())]).await;
    database.expect("SELECT count(*) FROM incident.queue", 0).await;
    database.end(running).await;
}

/// Leaves out of a body what the event does not declare.
fn fitting(event: &str, body: Json) -> Json {
    let (kind, index) = daybook_contents::event(event).unwrap();
    let fields = kind.events()[index].body.fields;
    let Json::Object(body) = body else { panic!() };
    Json::Object(body.into_iter().filter(|(name, _)| fields.iter().any(|field| field.name == name)).collect())
}

/// How many rows query-api's role sees.
async fn seen_by_reader(database: &Database, tenant: Option<Tenant>) -> Vec<i64> {
    let mut settings = database.world.stack.postgres.clone();
    settings.user = "daybook_app".into();
    settings.password = Some(secret_beside(settings.password_file.as_deref(), "postgres-app"));
    let (server, _) = settings.url.rsplit_once('/').unwrap();
    settings.url = format!("{server}/test_{}", database.world.apart);
    let pool = postgres::pool(&settings).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    if let Some(tenant) = tenant {
        sqlx::query("SELECT set_config('daybook.tenant', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    for table in ["incident.incidents", "incident.incidents_comments", "incident.queue", "daybook.entries"] {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        seen.push(count.fetch_one(&mut *transaction).await.unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_can_be_prepared() {
    let database = Database::new("prepare").await;
    let running = database.start();
    database.expect("SELECT count(*) FROM daybook.views WHERE state = 'live'", Family::all().len() as i64).await;
    let mut connection = database.pool.acquire().await.unwrap();
    for statement in sql::ALL {
        connection
            .prepare(sqlx::SqlSafeStr::into_sql_str(*statement))
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    for family in Family::all() {
        let tables = Tables::new(&family, &family.version(0));
        let views = std::iter::once(&tables.main).chain(&tables.specials);
        let of_views = views.flat_map(|table| [&table.load, &table.upsert, &table.remove]);
        for statement in of_views.chain(tables.logs.iter().map(|(_, log)| &log.insert)) {
            prepare(&mut connection, statement).await;
        }
    }
    drop(connection);
    database.end(running).await;
}

async fn prepare(connection: &mut PgConnection, statement: &str) {
    let statement = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(statement.to_owned()));
    if let Err(error) = connection.prepare(statement).await {
        panic!("{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_parks_one_book_until_it_can() {
    let database = Database::new("parked").await;
    let running = database.start();
    let (good, bad) = same_partition();
    let (first, _) = database.world.report(bad, 1, "before").await;
    let mut later = database.world.event(bad, "incident.created", Uuid::now_v7(), 1, &created(2, "of another release"));
    // The same bytes under a schema text nobody has shown yet: one blank more.
    let text = daybook_schemas::Catalogue::ours()
        .texts()
        .find(|schema| schema.subject == "incident.created")
        .unwrap()
        .text
        .to_owned();
    let text = format!("{text} {}", " ".repeat(usize::try_from(Uuid::new_v4().as_u128() % 10_000).unwrap()));
    later.schema = daybook_schemas::fingerprint(&text);
    let position = database.world.write_raw(bad, vec![later]).await;
    database.world.write(bad, vec![("incident.assigned", first, 2, assigned(Uuid::new_v4()))]).await;
    database.world.report(good, 1, "goes on").await;

    database.expect(&format!("SELECT count(*) FROM incident.incidents WHERE tenant = '{good}'"), 1).await;
    database
        .expect(
            &format!("SELECT first_number FROM daybook.parked WHERE tenant = '{bad}'"),
            position.number.cast_signed(),
        )
        .await;
    database.expect(&format!("SELECT max(version) FROM incident.incidents WHERE tenant = '{bad}'"), 1).await;
    assert!(running.health.is_ready(), "a parked book keeps nobody else waiting");

    let mut shelf = daybook_journal::Shelf::new(&database.world.journal, "schemas");
    let item = (later_key(&text), text.into_bytes());
    tokio::task::spawn_blocking(move || shelf.put(&[item], Duration::from_secs(10)).unwrap()).await.unwrap();
    sqlx::query("UPDATE daybook.parked SET retry = true").execute(&database.pool).await.unwrap();
    database.expect("SELECT count(*) FROM daybook.parked", 0).await;
    database.expect(&format!("SELECT count(*) FROM incident.incidents WHERE tenant = '{bad}'"), 2).await;
    database.expect(&format!("SELECT max(version) FROM incident.incidents WHERE tenant = '{bad}'"), 2).await;
    database.expect("SELECT count(*) FROM daybook.entries", 4).await;
    database.end(running).await;
}

fn later_key(text: &str) -> Vec<u8> {
    daybook_schemas::fingerprint(text).to_vec()
}

/// Two tenants in one partition.
fn same_partition() -> (Tenant, Tenant) {
    let partition = |tenant: &Tenant| daybook_journal::partition_of(tenant.as_bytes(), world::PARTITIONS);
    let one = Uuid::new_v4();
    let other = std::iter::repeat_with(Uuid::new_v4).find(|other| partition(other) == partition(&one)).unwrap();
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_does_not_fit_its_aggregate_parks_its_book() {
    let database = Database::new("gap").await;
    let running = database.start();
    let (good, bad) = same_partition();
    let (id, _) = database.world.report(bad, 1, "one").await;
    database.world.write(bad, vec![("incident.assigned", id, 5, assigned(Uuid::new_v4()))]).await;
    database.world.report(good, 1, "goes on").await;
    database.expect(&format!("SELECT count(*) FROM incident.incidents WHERE tenant = '{good}'"), 1).await;
    database.expect("SELECT count(*) FROM daybook.parked WHERE reason LIKE '%version 1 is there%'", 1).await;
    running.stop().await;
    let running = database.start();
    database.world.report(good, 2, "goes on").await;
    database.expect(&format!("SELECT count(*) FROM incident.incidents WHERE tenant = '{good}'"), 2).await;
    database.expect("SELECT count(*) FROM daybook.parked", 1).await;
    database.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_and_a_kill_store_each_event_once() {
    let database = Database::new("twice").await;
    let (one, other) = (database.start(), database.start());
    let tenants: Vec<Tenant> = (0..4).map(|_| Uuid::new_v4()).collect();
    let mut incidents = Vec::new();
    for number in 1..=100 {
        for tenant in &tenants {
            incidents.push((*tenant, database.world.report(*tenant, number, "again").await.0));
        }
        if number == 50 {
            break;
        }
    }
    one.kill().await;
    for (tenant, id) in &incidents {
        database.world.write(*tenant, vec![("incident.assigned", *id, 2, assigned(Uuid::new_v4()))]).await;
    }
    database.expect("SELECT count(*) FROM incident.incidents WHERE version = 2", 200).await;
    database.expect("SELECT count(*) FROM daybook.entries", 400).await;
    database.expect("SELECT count(*) FROM daybook.parked", 0).await;
    database.end(other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_other_bytes_stops_the_sink() {
    let database = Database::new("cut").await;
    let running = database.start();
    database.world.report(Uuid::new_v4(), 1, "one").await;
    database.expect("SELECT count(*) FROM incident.incidents", 1).await;
    running.stop().await;
    sqlx::query("UPDATE daybook.checkpoints SET checkpoint = overlay(checkpoint placing repeat('0', 64) from length(checkpoint) - 63)")
        .execute(&database.pool)
        .await
        .unwrap();
    let running = database.start();
    let stopped = running.task.await.unwrap().unwrap_err().to_string();
    assert!(stopped.contains("cannot be followed"), "{stopped}");
    assert!(!running.health.is_ready());
    let running = database.start_as("another");
    database.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_built_again_while_it_is_followed_and_taken_back() {
    let database = Database::new("build").await;
    let running = database.start();
    let tenant = Uuid::new_v4();
    let mut ids = Vec::new();
    for number in 1..=50 {
        ids.push(database.world.report(tenant, number, "old").await.0);
    }
    database.expect("SELECT count(*) FROM incident.incidents", 50).await;
    // A row that no event explains: the next version has it as the journal says.
    sqlx::query("UPDATE incident.incidents SET doc = jsonb_set(doc, '{status}', '\"closed\"') WHERE id = $1")
        .bind(ids[0])
        .execute(&database.pool)
        .await
        .unwrap();
    let live = "SELECT generation::bigint FROM daybook.views WHERE view = 'incident.incidents' AND state = 'live'";
    sqlx::query("INSERT INTO daybook.rebuilds (view) VALUES ('incident.incidents')")
        .execute(&database.pool)
        .await
        .unwrap();
    for number in 51..=80 {
        database.world.report(tenant, number, "meanwhile").await;
    }
    database.expect(live, 1).await;
    database.expect("SELECT count(*) FROM daybook.rebuilds WHERE state = 'done'", 1).await;
    database
        .expect("SELECT rows_different FROM daybook.views WHERE state = 'live' AND view = 'incident.incidents'", 1)
        .await;
    database.expect("SELECT rows_only_old + rows_only_new FROM daybook.views WHERE state = 'live' AND view = 'incident.incidents'", 0).await;
    database.expect("SELECT count(*) FROM incident.incidents", 80).await;
    assert_eq!(database.doc(ids[0]).await.1["status"], "new");
    database.world.write(tenant, vec![("incident.resolved", ids[1], 2, resolved())]).await;
    database.expect("SELECT count(*) FROM incident.queue", 79).await;

    sqlx::query("INSERT INTO daybook.rebuilds (view, action) VALUES ('incident.incidents', 'back')")
        .execute(&database.pool)
        .await
        .unwrap();
    database.expect(live, 0).await;
    database.expect("SELECT count(*) FROM incident.queue", 79).await;
    database.expect("SELECT count(*) FROM incident.incidents", 80).await;
    assert_eq!(database.doc(ids[0]).await.1["status"], "closed", "the version before, as it was");
    database.world.report(tenant, 81, "after").await;
    database.expect("SELECT count(*) FROM incident.incidents", 81).await;

    sqlx::query("INSERT INTO daybook.rebuilds (view) VALUES ('incident.nothing')")
        .execute(&database.pool)
        .await
        .unwrap();
    database
        .expect("SELECT count(*) FROM daybook.rebuilds WHERE state = 'failed' AND message LIKE 'there is no view%'", 1)
        .await;
    database.end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_release_builds_its_version_beside_the_live_one() {
    let database = Database::new("release").await;
    let running = database.start();
    let tenant = Uuid::new_v4();
    for number in 1..=20 {
        database.world.report(tenant, number, "old").await;
    }
    database.expect("SELECT count(*) FROM incident.incidents", 20).await;
    running.stop().await;
    // As if the live view had been made by another release.
    sqlx::query("UPDATE daybook.views SET declaration = 'of another release' WHERE view = 'incident.incidents'")
        .execute(&database.pool)
        .await
        .unwrap();
    sqlx::query("UPDATE daybook.views SET version = repeat('0', 64) WHERE view = 'incident.incidents'")
        .execute(&database.pool)
        .await
        .unwrap();
    for statement in [
        "ALTER TABLE incident.incidents_%s RENAME TO incidents_00000000",
        "ALTER TABLE incident.queue_%s RENAME TO queue_00000000",
    ] {
        let version =
            &Family::all().into_iter().find(|family| family.name() == "incident.incidents").unwrap().declaration[..8];
        database.pool.execute(AssertSqlSafe(statement.replace("%s", version))).await.unwrap();
    }
    sqlx::query("UPDATE daybook.views SET tables = '{incident.incidents_00000000,incident.queue_00000000}' WHERE view = 'incident.incidents'")
        .execute(&database.pool)
        .await
        .unwrap();
    let running = database.start();
    database.world.report(tenant, 21, "new").await;
    database
        .expect("SELECT count(*) FROM daybook.views WHERE view = 'incident.incidents' AND state = 'retired'", 1)
        .await;
    database.expect("SELECT count(*) FROM incident.incidents", 21).await;
    database.expect("SELECT count(*) FROM daybook.entries", 21).await;
    database.end(running).await;
}
