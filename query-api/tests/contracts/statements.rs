//! Every statement of ours is one that the real schema understands.

use std::sync::Arc;

use daybook_authority::{By, Filter as Records, Held, Moment, Principal, Standing};
use daybook_contents::permissions::built_in;
use daybook_facts::user;
use daybook_kernel::Time;
use daybook_query_api::app::Scope;
use daybook_query_api::cmdb::{impact, items as cis};
use daybook_query_api::freshness::source;
use daybook_query_api::history::{SCHEMA, event};
use daybook_query_api::list::columns::columns;
use daybook_query_api::list::filter::{Filter, Test};
use daybook_query_api::list::order::Order;
use daybook_query_api::list::statement::{Begin, Page, Statement};
use daybook_query_api::list::{LIVE_VERSION, Listed, view};
use daybook_query_api::{endings, get, items, members, standings};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};
use uuid::Uuid;

use crate::system::System;

/// The constant ones.
const CONSTANT: &[&str] = &[
    LIVE_VERSION,
    SCHEMA,
    event::BEFORE,
    event::AFTER,
    event::BACKWARDS,
    source::REACHED,
    cis::EDGES,
    cis::EDGES_OF,
    cis::ITEMS,
    impact::OPEN_INCIDENTS,
    standings::USER,
    standings::GROUPS,
    standings::ROLES,
    standings::POLICIES,
    endings::ENDED,
];

/// The records for somebody of a domain who may read what is their own, and their group's.
fn somebody() -> Records {
    let held = |name: &str, domain: Option<&str>| Held {
        by: By::BuiltIn(built_in::named(name).unwrap()),
        through: None,
        domain: domain.map(str::to_owned),
        until: None,
    };
    let standing = Standing {
        status: user::Status::Active,
        domain: Some("health".into()),
        groups: [Uuid::nil()].into(),
        held: vec![held("End User", None), held("Agent", Some("health"))],
        policies: Arc::new([]),
    };
    let principal =
        Principal { user: Uuid::nil(), tenant: Uuid::nil(), standing: Some(Arc::new(standing)), token: None };
    Records::of(&principal, "incident:read", Moment::at(Time(0)))
}

/// What that person reads of a kind.
fn scope() -> Scope {
    Scope { tenant: Uuid::nil(), only: None, rows: somebody(), clear: somebody(), domain: Some("health".into()) }
}

/// Every form that the list of every kind can take: each filter, each order, each place to begin.
fn lists() -> Vec<String> {
    let mut all = Vec::new();
    for listed in Listed::all() {
        let (view, family, columns) = (listed.view(), view(listed.kind), columns(listed.shape()));
        let tests = |form: &str| {
            [Test::AnyOf(vec![form.into()]), Test::AtLeast(form.into()), Test::AtMost(form.into()), Test::Absent(true)]
        };
        let filters: Vec<_> =
            columns.iter().flat_map(|column| tests("1").map(|test| Filter { column: *column, test })).collect();
        for column in columns.iter().filter(|column| column.sort) {
            for descending in [false, true] {
                let order = Order { columns: vec![*column], descending };
                let key = [Some("1".to_owned())];
                for begin in [
                    Begin::Start,
                    Begin::After(&key, Uuid::nil()),
                    Begin::After(&[None], Uuid::nil()),
                    Begin::Absent,
                    Begin::Present,
                ] {
                    let page = Page {
                        view: &view,
                        family: &family,
                        tenant: Uuid::nil(),
                        kind: listed.kind,
                        rows: &somebody(),
                        clear: &somebody(),
                        filters: &filters,
                        only: Some(Uuid::nil()),
                        order: &order,
                        begin,
                        limit: 1,
                    };
                    all.push(Statement::page(&page).sql);
                }
            }
        }
    }
    all
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn the_schema_understands_every_statement() {
    let system = System::open().await;
    let of_kinds = daybook_contents::kinds().flat_map(|kind| {
        let of_logs = items::logs(kind)
            .flat_map(move |(field, _)| [true, false].map(|down| items::statement(kind, field.name, down)));
        std::iter::once(get::statement(kind, &scope(), Uuid::nil()).sql).chain(of_logs)
    });
    let users = daybook_contents::kind("identity.User").unwrap();
    let of_members = members::statement(users, &scope(), &[Uuid::nil()]).sql;
    let all: Vec<String> =
        CONSTANT.iter().map(|sql| (*sql).to_owned()).chain(of_kinds).chain([of_members]).chain(lists()).collect();
    assert!(all.len() > 60, "only {}", all.len());
    let mut connection = system.owner.acquire().await.unwrap();
    for sql in all {
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}\n{}", prepared.err().unwrap());
    }
}
