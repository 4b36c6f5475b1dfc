//! Search: words, misspelled ones too, facets and pages; and nobody else's documents.

use daybook_platform::settings;
use daybook_query_api::settings::Settings;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Asker, System};

/// Puts documents into the search index as its projector does, and has them seen.
async fn put(tenant: Uuid, texts: &[(&str, &str, &str)]) -> Vec<Uuid> {
    let settings: Settings = settings::load().unwrap();
    let url = settings.opensearch.url.trim_end_matches('/');
    let client = reqwest::Client::new();
    let mut ids = Vec::new();
    for (n, (text, status, priority)) in texts.iter().enumerate() {
        let id = Uuid::now_v7();
        let document = json!({
            "tenant": tenant, "id": id, "type": "incident.Incident", "version": 1, "number": format!("INC{:07}", n + 1),
            "short_description": text, "status": status, "priority": priority, "_state": { "secret": "sealed" },
        });
        let path = format!("{url}/incident-incidents/_doc/{tenant}:{id}?refresh=true");
        let sent = client.put(path).json(&document).send().await.unwrap();
        assert!(sent.status().is_success(), "{}", sent.text().await.unwrap());
        ids.push(id);
    }
    ids
}

fn counts(facet: &Json) -> Vec<(&str, i64)> {
    facet
        .as_array()
        .unwrap()
        .iter()
        .map(|count| (count["value"].as_str().unwrap(), count["count"].as_i64().unwrap()))
        .collect()
}

const TEXTS: [(&str, &str, &str); 4] = [
    ("The printer in room 4 is on fire", "new", "1-critical"),
    ("Printer out of paper <b>again</b>", "resolved", "4-low"),
    ("Mail server does not answer", "new", "2-high"),
    ("Wireless drops in room 4", "closed", "4-low"),
];

#[tokio::test]
#[ignore = "needs the running system"]
async fn words_are_found_also_misspelled_and_marked() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let ids = put(tenant, &TEXTS).await;
    let asker = Asker::of(tenant);
    let exact = system.get(&asker, "/search?q=printer&type=incident").await;
    assert_eq!(exact.status, 200, "{}", exact.body);
    assert_eq!(exact.body["total"], json!({ "value": 2, "is_exact": true }));
    let fuzzy = system.get(&asker, "/search?q=pirnter%20fire").await;
    assert_eq!(fuzzy.ids(), ids[..1]);
    let marked = system.get(&asker, "/search?q=paper").await;
    let hit = &marked.body["items"][0];
    assert_eq!(
        hit["highlights"]["short_description"][0],
        "Printer out of <em>paper</em> &lt;b&gt;again&lt;&#x2F;b&gt;"
    );
    assert!(hit["fields"].get("_state").is_none() && hit["fields"].get("tenant").is_none());
    assert_eq!((&hit["type"], &hit["fields"]["status"]), (&json!("incident.Incident"), &json!("resolved")));
    let number = system.get(&asker, "/search?q=INC0000003").await;
    assert_eq!(number.ids(), ids[2..3], "another number is another thing");
    let phrase = system.get(&asker, "/search?q=room%204%20is").await;
    assert_eq!(phrase.ids(), ids[..1]);
    let nothing = system.get(&asker, "/search?q=mail%20-%20server").await;
    assert_eq!(nothing.ids(), ids[2..3], "a dash asks for nothing");
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn a_facet_narrows_what_is_found_and_counts_what_could_be() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    put(tenant, &TEXTS).await;
    let asker = Asker::of(tenant);
    let all = system.get(&asker, "/search?type=incident").await;
    assert_eq!(counts(&all.body["facets"]["status"]), [("new", 2), ("closed", 1), ("resolved", 1)]);
    let narrowed = system.get(&asker, "/search?type=incident&status=new").await;
    assert_eq!(narrowed.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        counts(&narrowed.body["facets"]["status"]),
        [("new", 2), ("closed", 1), ("resolved", 1)],
        "what else could be chosen"
    );
    assert_eq!(counts(&narrowed.body["facets"]["priority"]), [("1-critical", 1), ("2-high", 1)], "of what is chosen");
    let refused = system.get(&asker, "/search?colour=red").await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["error"]["details"][0]["field"].as_str().unwrap()),
        (400, "colour")
    );
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn pages_join_and_a_cursor_belongs_to_its_search() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let mut ids = put(tenant, &[TEXTS[0]; 7]).await;
    let asker = Asker::of(tenant);
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = system.get(&asker, &format!("/search?q=printer&limit=3{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        found.extend(page.ids());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    let other = system.get(&asker, &format!("/search?q=mail&limit=3{cursor}")).await;
    assert_eq!(other.status, 400);
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn suggestions_begin_as_said_and_nobody_elses_are_found() {
    let (system, tenant) = (System::open().await, Uuid::now_v7());
    let ids = put(tenant, &TEXTS).await;
    let asker = Asker::of(tenant);
    let suggested = system.get(&asker, "/search/suggest?q=wirel").await;
    assert_eq!(suggested.ids(), ids[3..]);
    assert_eq!(suggested.body["items"][0]["title"], "Wireless drops in room 4");
    let stranger = Asker::of(Uuid::now_v7());
    for path in ["/search?q=printer", "/search", "/search/suggest?q=prin"] {
        let answer = system.get(&stranger, path).await;
        assert_eq!(answer.body["items"], json!([]), "{path}");
    }
    let unread = system.get(&Asker::who_may(tenant, &["ci:read"]), "/search?q=printer&type=incident").await;
    assert_eq!((unread.status.as_u16(), unread.code()), (403, "FORBIDDEN"));
}
