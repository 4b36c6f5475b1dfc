//! Lists: filters, order, fields and pages, as rows come and go.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use crate::system::{Answer, Asker, System};
use crate::tickets::{put, ticket};

/// All pages of a list, from the first to the last.
async fn pages(system: &System, asker: &Asker, path: &str) -> Vec<Answer> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = system.get(asker, &format!("{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let next = page.body["next_cursor"].as_str().map(str::to_owned);
        pages.push(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn filters_hold_for_every_row() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let tickets: Vec<_> = (0..60).map(ticket).collect();
    put(&system.owner, tenant, &tickets, 1).await;
    let asker = Asker::of(tenant);
    for (query, expected) in [
        (
            "status=in_progress",
            tickets.iter().filter(|t| t.status == "in_progress").map(|t| t.id).collect::<BTreeSet<_>>(),
        ),
        ("status=in_progress,new", tickets.iter().map(|t| t.id).collect()),
        (
            "status=new&priority=1-critical,2-high",
            tickets.iter().filter(|t| t.status == "new" && t.priority < "3").map(|t| t.id).collect(),
        ),
        ("category.absent=true", tickets.iter().filter(|t| t.category.is_none()).map(|t| t.id).collect()),
        (
            "category=category%20003",
            tickets.iter().filter(|t| t.category.as_deref() == Some("category 003")).map(|t| t.id).collect(),
        ),
        (
            "opened_at.gte=2023-11-14T22:13:50Z&opened_at.lte=2023-11-14T22:13:52Z",
            tickets[30..33].iter().map(|t| t.id).collect(),
        ),
        ("number=INC0000007", BTreeSet::from([tickets[6].id])),
    ] {
        let answer = system.get(&asker, &format!("/incidents?limit=200&{query}")).await;
        assert_eq!(answer.ids().into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    }
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn pages_join_without_gap_or_repeat_in_every_order() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let tickets: Vec<_> = (0..57).map(ticket).collect();
    put(&system.owner, tenant, &tickets, 1).await;
    let asker = Asker::of(tenant);
    for sort in ["created_at", "-created_at", "priority", "-priority", "opened_at", "number", "-number"] {
        let whole = system.get(&asker, &format!("/incidents?limit=200&sort={sort}")).await.ids();
        let pages = pages(&system, &asker, &format!("/incidents?limit=8&sort={sort}")).await;
        assert_eq!(pages.len(), 8, "{sort}");
        let joined: Vec<_> = pages.iter().flat_map(Answer::ids).collect();
        assert_eq!(joined, whole, "{sort}");
        assert_eq!(joined.iter().collect::<HashSet<_>>().len(), 57);
    }
    let newest_first = system.get(&asker, "/incidents?limit=57").await.ids();
    assert_eq!(newest_first, tickets.iter().rev().map(|t| t.id).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn rows_that_come_meanwhile_neither_repeat_nor_hide_others() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let tickets: Vec<_> = (0..30).map(|n| ticket(n * 10)).collect();
    put(&system.owner, tenant, &tickets, 1).await;
    let asker = Asker::of(tenant);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for round in 0..100_u64 {
        let page = system.get(&asker, &format!("/incidents?limit=4&sort=-created_at{cursor}")).await;
        seen.extend(page.ids());
        // One row newer than all, and one between those seen and those to come.
        let more = [ticket(100_000 + round), ticket(300 - round * 40 % 300)];
        put(&system.owner, tenant, &more, 1_000 + round * 2).await;
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "a row was repeated");
    assert!(tickets.iter().all(|ticket| seen.contains(&ticket.id)), "a row was hidden");
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_cursor_belongs_to_its_list_its_tenant_and_its_version_of_the_view() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    put(&system.owner, tenant, &(0..5).map(ticket).collect::<Vec<_>>(), 1).await;
    let asker = Asker::of(tenant);
    let first = system.get(&asker, "/incidents?limit=2&status=new").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();

    let next = system.get(&asker, &format!("/incidents?limit=1&fields=number&status=new&cursor={cursor}")).await;
    assert_eq!(next.status, 200, "how much is shown of each row, and of how many, may change on the way");
    let other = system.get(&asker, &format!("/incidents?limit=2&status=in_progress&cursor={cursor}")).await;
    assert_eq!((other.status.as_u16(), other.code()), (400, "VALIDATION_ERROR"));
    assert_eq!(other.body["error"]["details"][0]["field"], "cursor");
    let foreign =
        system.get(&Asker::of(Uuid::now_v7()), &format!("/incidents?limit=2&status=new&cursor={cursor}")).await;
    assert_eq!(foreign.status, 400);
    let invalid = system.get(&asker, "/incidents?cursor=AAAA").await;
    assert_eq!(invalid.body["error"]["details"][0]["message"], "is none that this service gave to this tenant");
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_row_shows_personal_data_in_clear_and_only_what_is_asked_for() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    put(&system.owner, tenant, &[ticket(1)], 1).await;
    let answer = system.get(&Asker::of(tenant), "/incidents?fields=short_description,status").await;
    let item = answer.body["items"][0].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["id", "version", "status", "short_description"]);
    assert_eq!(item["short_description"], "the printer 1 is on fire");
    let whole = system.get(&Asker::of(tenant), "/incidents").await;
    let shape = daybook_contents::kind("incident.Incident").unwrap().meta().shape;
    let names: Vec<_> = ["id", "version"]
        .into_iter()
        .chain(shape.fields.iter().map(|f| f.name))
        .chain(["created_at", "updated_at"])
        .collect();
    assert_eq!(whole.body["items"][0].as_object().unwrap().keys().collect::<Vec<_>>(), names);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_tenant_sees_its_own_rows_alone() {
    let (system, one, other) = (System::open().await, Uuid::now_v7(), Uuid::now_v7());
    let tickets: Vec<_> = (0..3).map(ticket).collect();
    put(&system.owner, one, &tickets, 1).await;
    assert_eq!(system.get(&Asker::of(one), "/incidents").await.ids().len(), 3);
    assert!(system.get(&Asker::of(other), "/incidents").await.ids().is_empty());
    let foreign = system.get(&Asker::of(other), &format!("/incidents/{}", tickets[0].id)).await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (404, "NOT_FOUND"));
}
