//! The tables of the runner of policies on a real Postgres: every statement can be prepared, and a rejection is kept once.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::collections::HashSet;

use daybook_projectors::{
    policies::{Cause, Command, Outcome, rejections, sql},
    postgres::{self, sql as tables},
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, PgPool, Row};
use uuid::Uuid;
use world::Stack;

/// A database of the test's own, with the tables as the runner makes them: twice.
struct Database {
    admin: PgPool,
    name: String,
    pool: PgPool,
}

impl Database {
    async fn new() -> Self {
        let mut settings = daybook_platform::settings::load::<Stack>().unwrap().postgres;
        let admin = postgres::pool(&settings).unwrap();
        let name = format!("test_policies{}", &Uuid::new_v4().simple().to_string()[..8]);
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (server, _) = settings.url.rsplit_once('/').unwrap();
        settings.url = format!("{server}/{name}");
        let pool = postgres::pool(&settings).unwrap();
        for statement in [tables::SCHEMA, sql::SCHEMA, sql::SCHEMA] {
            sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        }
        Self { admin, name, pool }
    }

    async fn end(self) {
        self.pool.close().await;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.execute(AssertSqlSafe(drop)).await.unwrap();
    }
}

/// The command at that place of an answer.
fn command(step: i32) -> Command {
    Command {
        cause: Cause {
            policy: "leaver".into(),
            context: "identity".into(),
            tenant: Uuid::from_u128(0x7e),
            book_number: 4711,
            step,
            depth: 2,
            is_retry: false,
        },
        tenant: Uuid::from_u128(0x7f),
        path: "incidents".into(),
        id: Uuid::from_u128(0x1c),
        name: "assign".into(),
        body: json!({ "group": Uuid::from_u128(0xd), "instead_of": Uuid::from_u128(0xa) }),
    }
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let database = Database::new().await;
    let mut connection = database.pool.acquire().await.unwrap();
    for statement in sql::ALL {
        let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*statement)).await;
        prepared.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    drop(connection);
    database.end().await;
}

#[tokio::test]
async fn a_rejection_is_kept_once_with_all_it_takes_to_give_it_again() {
    let database = Database::new().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let wanted = command(1);
    assert_eq!(rejections::steps(&mut connection, &wanted.cause).await.unwrap(), HashSet::new());
    for code in ["FIRST", "AGAIN"] {
        rejections::keep(&mut connection, &wanted, code, "no").await.unwrap();
    }
    rejections::keep(&mut connection, &command(3), "OTHER", "no").await.unwrap();
    let rows = sqlx::query("SELECT step, code FROM daybook.policy_rejections ORDER BY step");
    let rows: Vec<(i32, String)> =
        rows.map(|row: sqlx::postgres::PgRow| (row.get(0), row.get(1))).fetch_all(&mut *connection).await.unwrap();
    assert_eq!(rows, [(1, "FIRST".to_owned()), (3, "OTHER".to_owned())]);
    assert_eq!(rejections::steps(&mut connection, &wanted.cause).await.unwrap(), HashSet::from([1, 3]));
    let elsewhere = Cause { book_number: 4712, ..wanted.cause.clone() };
    assert_eq!(rejections::steps(&mut connection, &elsewhere).await.unwrap(), HashSet::new());

    // Nothing is given once more before somebody asks for it.
    assert_eq!(rejections::asked(&mut connection).await.unwrap(), None);
    let ask = "UPDATE daybook.policy_rejections SET asked_at = now() WHERE step = 1";
    connection.execute(ask).await.unwrap();
    let (id, asked) = rejections::asked(&mut connection).await.unwrap().unwrap();
    assert_eq!(asked, Command { cause: Cause { is_retry: true, ..wanted.cause.clone() }, ..wanted.clone() });

    let again = Outcome::Rejected { code: "STILL".into(), message: "no".into() };
    rejections::settle(&mut connection, id, &again).await.unwrap();
    assert_eq!(rejections::asked(&mut connection).await.unwrap(), None, "it is asked for once");
    let last = "SELECT code || ' ' || (retried_at IS NOT NULL) || ' ' || (done_at IS NOT NULL)
        FROM daybook.policy_rejections WHERE step = 1";
    assert_eq!(text(&mut connection, last).await, "STILL true false");

    connection.execute(ask).await.unwrap();
    rejections::settle(&mut connection, id, &Outcome::Done).await.unwrap();
    assert_eq!(text(&mut connection, last).await, "STILL true true");
    connection.execute(ask).await.unwrap();
    assert_eq!(rejections::asked(&mut connection).await.unwrap(), None, "what is done is not given again");
    assert_eq!(rejections::steps(&mut connection, &wanted.cause).await.unwrap(), HashSet::from([1, 3]));
    drop(connection);
    database.end().await;
}

async fn text(connection: &mut sqlx::PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}
