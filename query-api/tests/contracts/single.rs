//! One aggregate: its tag, its actions.

use uuid::Uuid;

use crate::system::{Asker, System};
use crate::tickets::{put, ticket};

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_tag_saves_the_answer() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let ticket = ticket(1);
    put(&system.owner, tenant, std::slice::from_ref(&ticket), 1).await;
    let asker = Asker::of(tenant);
    let path = format!("/incidents/{}", ticket.id);
    let answer = system.get(&asker, &path).await;
    assert_eq!((answer.status.as_u16(), answer.headers["etag"].to_str().unwrap()), (200, "\"1\""));
    assert_eq!(answer.body["short_description"], "the printer 1 is on fire");
    assert_eq!(answer.body["opened_at"], "2023-11-14T22:13:21Z");
    let again = system.get_with(&asker, &path, &[("if-none-match", "\"1\"")]).await;
    assert_eq!((again.status.as_u16(), again.body.is_null()), (304, true));
    let changed = system.get_with(&asker, &path, &[("if-none-match", "\"0\"")]).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn actions_are_what_status_and_permissions_allow() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let ticket = ticket(1);
    put(&system.owner, tenant, std::slice::from_ref(&ticket), 1).await;
    let path = format!("/incidents/{}/actions", ticket.id);
    let names = |answer: &crate::system::Answer| -> Vec<String> {
        answer.body["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action["command"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = names(&system.get(&Asker::of(tenant), &path).await);
    assert!(all.contains(&"assign".to_owned()) && !all.contains(&"start".to_owned()), "{all:?}");
    let some = system.get(&Asker::who_may(tenant, &["incident:read", "incident:assign"]), &path).await;
    assert_eq!(names(&some), ["assign"]);
    let assign = &some.body["actions"][0];
    assert!(assign["href"].as_str().unwrap().ends_with(&format!("/api/v1/incidents/{}/assign", ticket.id)));
    assert_eq!(some.body["status"], "new");
}
