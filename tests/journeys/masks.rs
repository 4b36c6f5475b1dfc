//! Masks: what is personal in a record is for who may see it; to anybody else who may read the record it is nothing, wherever one
//! looks, and not to be found either.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, System, Tenant, eventually, fresh, root};

/// The role that sees everything but what is personal.
const VIEWER: &str = "00000000-0000-8000-8000-000000000005";

/// Somebody with an account who sees everything but what is personal.
pub async fn viewer(tenant: &Tenant) -> Caller {
    let email = format!("{}@view.example", fresh("vera"));
    let vera = tenant.admin.give("users", json!({ "name": "Vera", "email": email })).await.id;
    tenant.first.give(&format!("users/{vera}/assign_role"), json!({ "role": VIEWER })).await;
    Caller::with_roles(&tenant.system, &tenant.id.to_string(), vera, &["admin"]).await
}

/// Whatever somebody is answered by the query API: every list, and of every record in it all that can be asked. The answers that
/// hold the word, and how many answers and records there were, masked ones among them.
pub async fn everything(caller: &Caller, word: &str) -> (Vec<String>, usize, usize) {
    let document = std::fs::read_to_string(root().join("schemas/openapi/query-api.json")).unwrap();
    let document: Json = serde_json::from_str(&document).unwrap();
    let paths: Vec<&str> =
        document["paths"].as_object().unwrap().keys().map(|path| path.trim_start_matches("/api/v1/")).collect();
    let (mut telling, mut answers, mut masked) = (Vec::new(), 0, 0);
    let mut look = async |path: &str| {
        let answer = caller.get(path).send().await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        let text = answer.body.to_string();
        answers += usize::from(answer.status == 200);
        masked += text.matches("\"masked\":true").count();
        if text.contains(word) {
            telling.push(path.to_owned());
        }
        answer.body
    };
    for list in paths.iter().filter(|path| !path.contains('{')) {
        let found = look(list).await;
        let ids = found["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
        let of_one = |path: &&&str| path.strip_prefix(list).is_some_and(|rest| rest.starts_with("/{id}"));
        for id in ids.take(12) {
            for path in paths.iter().filter(of_one) {
                look(&path.replace("{id}", id)).await;
            }
            look(&format!("{list}/{id}?as_of=2100-01-01T00:00:00Z")).await;
        }
    }
    for query in [format!("search?q={word}"), format!("search/suggest?q={word}"), "search?limit=100".to_owned()] {
        look(&query).await;
    }
    (telling, answers, masked)
}

fn texts(items: &Json) -> Vec<(Uuid, Option<&str>)> {
    let of = |item: &'_ Json| item["id"].as_str().unwrap().parse().unwrap();
    let items = items["items"].as_array().unwrap();
    let text = |item| -> Option<&str> {
        let item: &Json = item;
        item["fields"].get("short_description").unwrap_or(&item["short_description"]).as_str()
    };
    let mut texts: Vec<_> = items.iter().map(|item| (of(item), text(item))).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn what_is_personal_is_shown_and_found_as_far_as_it_is_held() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "masks").await;
    let word = fresh("lift");
    let theirs = tenant.incident(&format!("The {word} of others")).await;
    let ours = tenant.incident(&format!("Our {word}")).await;
    tenant.tell(theirs.id, "add_comment", json!({ "body": format!("{word}!"), "visibility": "public" })).await;
    // The number stands in what is personal as well: what is found by it must not be marked there.
    let number = theirs.number.clone().unwrap();
    let again = json!({ "description": format!("{number} is the {word} of others, {number}") });
    tenant.tell(theirs.id, "describe", again).await;
    let vera = viewer(&tenant).await;
    // What the groups of hers have, she sees whole.
    let group = tenant.admin.give("groups", json!({ "name": "Lifts" })).await.id;
    tenant.admin.give(&format!("groups/{group}/add_member"), json!({ "user": vera.user })).await;
    let role = json!({ "name": "Insight", "scope": "org", "reach": "team", "permissions": ["incident:read_personal"] });
    let role = tenant.first.give("roles", role).await.id;
    let given = tenant.first.give(&format!("users/{}/assign_role", vera.user), json!({ "role": role })).await;
    let assigned = tenant.tell(ours.id, "assign", json!({ "group": group })).await;
    tenant.admin.read("users", &given.position).await;
    let position = assigned.position;
    eventually("what is held is seen by readers", 5, async || {
        let answer = vera.get(&format!("incidents/{}", ours.id)).position(&position).send().await;
        let says = format!("Our {word}");
        if answer.body["short_description"] == says.as_str() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;

    let (says, nothing) = (format!("Our {word}"), None);
    let expected = { vec![(theirs.id, nothing), (ours.id, Some(says.as_str()))] };
    for list in ["incidents", "incidents/queue", "search?type=incident"] {
        assert_eq!(texts(&vera.read(list, &position).await), expected, "{list}");
    }
    for list in [format!("search?q={word}"), format!("search/suggest?q={word}")] {
        let found = vera.read(&list, &position).await;
        let ids: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!(ids, [json!(ours.id)], "{list}: {found}");
        assert_eq!(tenant.agent.read(&list, &position).await["items"].as_array().map(Vec::len), Some(2), "{list}");
    }
    // By what is not personal it is found, without a word of the rest.
    let found = vera.read(&format!("search?q={number}%20{number}"), &position).await;
    assert_eq!((texts(&found), &found["items"][0]["masked"]), (vec![(theirs.id, None)], &json!(true)), "{found}");
    assert!(!found.to_string().contains(&word), "{found}");
    for rest in ["", "?as_of=2100-01-01T00:00:00Z", "?fields=short_description", "/comments", "/timeline", "/events"] {
        for (id, is_told) in [(theirs.id, false), (ours.id, true)] {
            let answer = vera.get(&format!("incidents/{id}{rest}")).position(&position).send().await;
            let text = answer.body.to_string();
            assert_eq!(answer.status, 200, "{answer:?}");
            if !(is_told && rest == "/comments") {
                assert_eq!(
                    (text.contains(&word), text.contains("\"masked\":true")),
                    (is_told, !is_told),
                    "{rest}: {text}"
                );
            }
        }
    }
    // A tag of what is shown to one is not that of what is shown to another.
    let tag = vera.get(&format!("incidents/{}", theirs.id)).send().await.header("etag").to_owned();
    let whole = tenant.agent.get(&format!("incidents/{}", theirs.id)).header("If-None-Match", &tag).send().await;
    assert_eq!(whole.status, 200, "{whole:?}");
    let (telling, answers, masked) = everything(&vera, "of others").await;
    assert_eq!(telling, [""; 0]);
    assert!(answers > 40 && masked > 10, "{answers} answers, {masked} masked");

    a_policy_masks(&tenant, &format!("incidents/{}", theirs.id)).await;
}

/// A policy as code.
const POLICY: &str = r#"
@name("Personal with two factors only")
@cases("incident:read_personal if no_second_factor: forbidden; incident:read_personal if second_factor: silent")
forbid (principal, action == Action::"incident:read_personal", resource)
unless { context.second_factor };
"#;

/// A position of the identity journal that readers have to have passed: of something that is done now.
async fn path_position(tenant: &Tenant) -> String {
    tenant.admin.give("groups", json!({ "name": fresh("Group") })).await.position
}

/// What a policy forbids is masked for those who hold it, and told again when it is in force no more.
async fn a_policy_masks(tenant: &Tenant, path: &str) {
    let file = std::env::temp_dir().join(format!("{}.cedar", fresh("policies")));
    std::fs::write(&file, POLICY).unwrap();
    let of = tenant.id.to_string();
    let apply = async || {
        let said = tenant.system.daybook(&["access", "apply", file.to_str().unwrap(), "--tenant", &of]).await;
        said.unwrap_or_else(|said| panic!("{said}"))
    };
    assert_eq!(apply().await.trim(), "Personal with two factors only: in force");
    let is_masked =
        async |position: &str| tenant.agent.read(path, position).await.get("masked").is_some_and(|it| *it == true);
    let found = eventually("the policy is seen", 10, async || {
        let found = tenant.admin.get("access-policies?status=active").send().await.body;
        let policy = found["items"].get(0).cloned();
        policy.ok_or_else(|| found.to_string())
    })
    .await;
    let (policy, position) = (found["id"].as_str().unwrap(), path_position(tenant).await);
    assert!(is_masked(&position).await);
    assert_eq!(apply().await.trim(), "Personal with two factors only: in force as it is");
    std::fs::write(&file, POLICY.replace("unless { context.second_factor }", "when { context.second_factor || true }"))
        .unwrap();
    let refused = tenant.system.daybook(&["access", "check", file.to_str().unwrap()]).await.unwrap_err();
    assert!(refused.contains("cannot be said to every store"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    let why = format!(
        "access/why?permission=incident:read_personal&type=incident&id={}",
        path.trim_start_matches("incidents/")
    );
    let why = tenant.agent.read(&why, &position).await;
    assert_eq!((&why["permitted"], &why["reason"]["code"]), (&json!(false), &json!("POLICY_FORBIDS")), "{why}");
    let retired = tenant.first.give(&format!("access-policies/{policy}/retire"), json!({})).await;
    assert!(!is_masked(&retired.position).await);
}
