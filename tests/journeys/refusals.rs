//! Refusals: whatever is wrong with a request is said clearly, by status, code and field; and nothing of it is written.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Answer, Ask, Caller, System, Tenant, fresh, journal::Journal, organization};

/// What is wrong, the request, and what must be answered: status, code, the fields that are named.
type Case = (&'static str, Ask, u16, &'static str, &'static [&'static str]);

/// Sends every request and says of all at once which were answered otherwise.
async fn check(cases: Vec<Case>) -> Vec<(&'static str, Answer)> {
    let mut wrong = Vec::new();
    let mut answers = Vec::new();
    for (what, ask, status, code, fields) in cases {
        let answer = ask.send().await;
        if (answer.status, answer.code(), answer.fields().as_slice()) != (status, code, fields) {
            wrong.push(format!("{what}: expected {status} {code} {fields:?}, got {answer:?}"));
        } else {
            answer.refused(status, code);
        }
        answers.push((what, answer));
    }
    assert!(wrong.is_empty(), "{} answers are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    answers
}

/// The answer to that case.
fn of<'a>(answers: &'a [(&'static str, Answer)], what: &str) -> &'a Answer {
    &answers.iter().find(|(case, _)| *case == what).unwrap().1
}

/// The tenant's entries in the journals, and the version of an incident: what must be the same before and after.
async fn written(tenant: &Tenant, incident: Uuid) -> (Vec<String>, u64) {
    let mut positions = Vec::new();
    for topic in ["journal.incident", "journal.cmdb", "journal.identity"] {
        let journal = Journal::read(&tenant.system, topic).await;
        positions.extend(journal.of(tenant.id).iter().map(|entry| entry.position.clone()));
    }
    // A comment at a stale version tells the version without changing it.
    let told = tenant.agent.post(&format!("incidents/{incident}/add_comment"), comment()).if_match(4_711).send().await;
    let told = told.refused(412, "STALE_VERSION").message().to_owned();
    let version = told.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty() && *word != "4711");
    (positions, version.unwrap_or_else(|| panic!("no version in {told}")).parse().unwrap())
}

fn comment() -> Json {
    json!({ "body": "Any news?", "visibility": "public" })
}

/// The same report with some fields otherwise; `null` takes one away.
fn but(report: Json, changes: Json) -> Json {
    let (Json::Object(mut report), Json::Object(changes)) = (report, changes) else { panic!("objects") };
    for (name, value) in changes {
        match value {
            Json::Null => drop(report.remove(&name)),
            value => drop(report.insert(name, value)),
        }
    }
    Json::Object(report)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_command_that_is_wrong_is_refused_and_leaves_nothing() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "refusals").await;
    let other = Tenant::begin(&system, "refusals").await;
    let (agent, rita) = (&tenant.agent, &tenant.rita);
    let id = tenant.incident("The printer smokes").await.id;
    tenant.assign(id).await;
    let fresh_one = tenant.incident("The lift is stuck").await.id;
    let foreign = other.incident("Of somebody else").await.id;
    let ci = json!({ "name": fresh("printer"), "ci_type": "server", "environment": "production" });
    tenant.admin.give("cmdb/cis", ci.clone()).await;
    let before = written(&tenant, id).await;

    let report = |changes| agent.post("incidents", but(tenant.report("No network"), changes));
    let tell = |command: &str, body| agent.post(&format!("incidents/{id}/{command}"), body);
    let words = |length| "a".repeat(length);
    let nobody = Uuid::new_v4();
    let invalid = "VALIDATION_ERROR";
    let answers = check(vec![
        ("unknown field", report(json!({ "colour": "red" })), 400, invalid, &["colour"]),
        ("missing field", report(json!({ "caller": null })), 400, invalid, &["caller"]),
        ("wrong type", report(json!({ "impact": "high" })), 400, invalid, &["impact"]),
        ("a number for a text", report(json!({ "short_description": 5 })), 400, invalid, &["short_description"]),
        ("a text for a list", report(json!({ "cis": "all" })), 400, invalid, &["cis"]),
        ("title too long", report(json!({ "short_description": words(161) })), 400, invalid, &["short_description"]),
        ("an empty title", report(json!({ "short_description": "  " })), 400, invalid, &["short_description"]),
        ("a title of two lines", report(json!({ "short_description": "a\nb" })), 400, invalid, &["short_description"]),
        ("a zero byte", report(json!({ "description": "a\u{0}b" })), 400, invalid, &["description"]),
        ("no such channel", report(json!({ "channel": "pigeon" })), 400, invalid, &["channel"]),
        ("out of range", report(json!({ "impact": 4 })), 400, invalid, &["impact"]),
        ("no id", report(json!({ "cis": ["printer"] })), 400, invalid, &["cis[0]"]),
        (
            "all at once",
            report(json!({ "caller": "rita", "impact": 0, "colour": 1 })),
            400,
            invalid,
            &["colour", "caller", "impact"],
        ),
        ("a list as body", agent.post("incidents", json!([])), 400, invalid, &["body"]),
        ("no JSON", agent.post("incidents", json!({})).body("{\"caller\":"), 400, invalid, &[]),
        ("nothing but depth", agent.post("incidents", json!({})).body("[".repeat(100_000)), 400, invalid, &[]),
        (
            "not said to be JSON",
            report(json!({})).header("Content-Type", "text/plain"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            &[],
        ),
        (
            "a control character in a name",
            tenant
                .admin
                .post("cmdb/cis", but(ci.clone(), json!({ "name": fresh("p"), "attributes": { "a\u{0}b": "c" } }))),
            400,
            invalid,
            &["attributes"],
        ),
        (
            "illegal transition",
            agent.post(&format!("incidents/{fresh_one}/start"), json!({})),
            409,
            "INVALID_TRANSITION",
            &["allowed"],
        ),
        ("unknown id", agent.post(&format!("incidents/{nobody}/start"), json!({})), 404, "NOT_FOUND", &[]),
        ("no id at all", agent.post("incidents/17/start", json!({})), 404, "NOT_FOUND", &[]),
        ("other tenant's id", agent.post(&format!("incidents/{foreign}/start"), json!({})), 404, "NOT_FOUND", &[]),
        (
            "other tenant's incident as parent",
            tell("set_parent", json!({ "parent": foreign })),
            422,
            "UNKNOWN_INCIDENT",
            &["parent"],
        ),
        (
            "other tenant itself",
            tenant.admin.post(&format!("organizations/{}/update", other.id), json!({ "name": "Mine" })),
            404,
            "NOT_FOUND",
            &[],
        ),
        ("unknown command", tell("explode", json!({})), 404, "NOT_FOUND", &[]),
        ("the creating command again", tell("report", tenant.report("Again")), 404, "NOT_FOUND", &[]),
        ("unknown path", agent.post("incident", json!({})), 404, "NOT_FOUND", &[]),
        (
            "no permission",
            rita.post(&format!("incidents/{id}/assign"), json!({ "group": tenant.desk })),
            403,
            "FORBIDDEN",
            &[],
        ),
        (
            "no permission for what happened when",
            report(json!({})).header("Daybook-Occurred-At", "2020-01-01T00:00:00Z"),
            403,
            "FORBIDDEN",
            &[],
        ),
        (
            "only the platform begins tenants",
            tenant.admin.post("organizations", organization("mine")),
            403,
            "FORBIDDEN",
            &[],
        ),
        ("stale If-Match", tell("start", json!({})).if_match(1), 412, "STALE_VERSION", &[]),
        ("no version", tell("start", json!({})).header("If-Match", "two"), 400, invalid, &["If-Match"]),
        ("a key with blanks", tell("start", json!({})).key("a b"), 400, invalid, &["Idempotency-Key"]),
        ("a key too long", tell("start", json!({})).key(&words(129)), 400, invalid, &["Idempotency-Key"]),
        ("10 MB body", report(json!({ "description": words(10 << 20) })), 413, "BODY_TOO_LARGE", &[]),
        ("an unknown caller", report(json!({ "caller": nobody })), 422, "UNKNOWN_USER", &["caller"]),
        ("a caller of another tenant", report(json!({ "caller": other.rita.user })), 422, "UNKNOWN_USER", &["caller"]),
        (
            "an assignee out of the group",
            tell("assign", json!({ "group": tenant.desk, "assignee": rita.user })),
            422,
            "NOT_A_MEMBER",
            &["assignee"],
        ),
        ("a name that is taken", tenant.admin.post("cmdb/cis", ci), 409, "NOT_UNIQUE", &["name"]),
        ("a change of nothing", agent.patch(&format!("incidents/{id}"), json!({})), 400, invalid, &["body"]),
        (
            "a change of what cannot be",
            agent.patch(&format!("incidents/{id}"), json!({ "number": "INC1" })),
            400,
            invalid,
            &["number"],
        ),
        (
            "a change half allowed",
            agent.patch(&format!("incidents/{id}"), json!({ "category": "x", "status": "closed" })),
            409,
            "INVALID_TRANSITION",
            &["allowed"],
        ),
    ])
    .await;

    let illegal = of(&answers, "illegal transition");
    for allowed in ["assign", "cancel", "categorise"] {
        assert!(illegal.body.to_string().contains(allowed), "{allowed} is allowed and not named: {illegal:?}");
    }
    assert!(!illegal.body.to_string().contains("resolve"), "{illegal:?}");
    let (strange, unknown) = (of(&answers, "other tenant's id"), of(&answers, "unknown id"));
    let without_id = |answer: &Answer, id: Uuid| answer.message().replace(&id.to_string(), "");
    assert_eq!(without_id(strange, foreign), without_id(unknown, nobody), "the two must look the same");
    assert!(of(&answers, "no permission").message().contains("incident:assign"));
    assert!(of(&answers, "unknown field").body.to_string().contains("short_description"), "the known fields are told");
    assert_eq!(written(&tenant, id).await, before, "something was written");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn who_is_not_believed_is_told_why_and_does_nothing() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "refusals").await;
    let short =
        Caller::with(&system, &tenant.id.to_string(), tenant.agent.user, &["--role", "agent", "--lifetime", "1s"])
            .await;
    let expires = Instant::now() + Duration::from_secs(8); // the clocks of issuer and service may differ by five
    let id = tenant.incident("The printer smokes").await.id;
    let before = written(&tenant, id).await;

    // The same claims, signed by somebody else under the issuer's own key id.
    let folder = system.state().join(fresh("forger-"));
    system.daybook(&["issuer", "init", folder.to_str().unwrap()]).await.unwrap();
    let forger = system.clone().with("DAYBOOK_CLI_ISSUER", folder.to_str().unwrap());
    let forged = Caller::with_roles(&forger, &tenant.id.to_string(), tenant.agent.user, &["agent"]).await;
    let parts: Vec<&str> = tenant.agent.token().split('.').collect();
    let borrowed_key = format!("{}.{}", parts[0], forged.token().split_once('.').unwrap().1);
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]); // {"alg":"none"}
    let (first, rest) = parts[2].split_at(1);
    let altered = format!("{}.{}.{}{rest}", parts[0], parts[1], if first == "A" { "B" } else { "A" });

    let post = |caller: &Caller| caller.post("incidents", tenant.report("From nobody"));
    let showing = |token: &str| post(&tenant.agent.showing(token));
    let nobody = "UNAUTHENTICATED";
    tokio::time::sleep_until(expires.into()).await;
    let mut cases: Vec<Case> = vec![
        ("no token", post(&tenant.agent).without("Authorization"), 401, nobody, &[]),
        ("no bearer", post(&tenant.agent).header("Authorization", "Basic YTpi"), 401, nobody, &[]),
        ("no JWT", showing("abc"), 401, nobody, &[]),
        ("expired token", post(&short), 401, nobody, &[]),
        ("wrong signature", showing(&altered), 401, nobody, &[]),
        ("signature of another", showing(&borrowed_key), 401, nobody, &[]),
        ("key of another", showing(forged.token()), 401, nobody, &[]),
        ("not signed", showing(&unsigned), 401, nobody, &[]),
        ("a token too long", showing(&"a".repeat(20_000)), 401, nobody, &[]),
    ];
    cases.push((
        "no token for a question",
        tenant.agent.get(&format!("incidents/{id}")).without("Authorization"),
        401,
        nobody,
        &[],
    ));
    cases.push(("expired token for a question", short.get(&format!("incidents/{id}")), 401, nobody, &[]));
    let answers = check(cases).await;
    for (what, answer) in &answers {
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}: {answer:?}");
    }
    assert!(of(&answers, "expired token").message().contains("expired"));
    assert!(of(&answers, "wrong signature").message().contains("signature"));

    // A tenant that is stopped takes no commands, and still shows what it has.
    let platform = Caller::with_roles(&system, "platform", Uuid::new_v4(), &["platform"]).await;
    platform.give(&format!("organizations/{}/suspend", tenant.id), json!({ "reason": "Unpaid" })).await;
    tokio::time::sleep(Duration::from_millis(500)).await; // the fact gets round
    post(&tenant.agent).send().await.refused(403, "TENANT_SUSPENDED");
    platform.give(&format!("organizations/{}/resume", tenant.id), json!({ "reason": "Paid" })).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(written(&tenant, id).await, before, "something was written");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_key_belongs_to_one_request() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "refusals").await;
    let key = fresh("key-");
    let first = tenant.agent.post("incidents", tenant.report("The printer smokes")).key(&key);
    let receipt = first.accepted().await;
    let id = receipt.id;
    let before = written(&tenant, id).await;

    let colleague = tenant.admin.give("users", json!({ "name": "Jon", "email": "jon@desk.example" })).await.id;
    let colleague = Caller::with_roles(&system, &tenant.id.to_string(), colleague, &["agent"]).await;
    let reused = "IDEMPOTENCY_KEY_REUSED";
    let field: &[&str] = &["Idempotency-Key"];
    check(vec![
        ("another body", tenant.agent.post("incidents", tenant.report("It burns")).key(&key), 422, reused, field),
        ("another command", tenant.assign_ask(id).key(&key), 422, reused, field),
        ("another version", first.clone().if_match(3), 422, reused, field),
        (
            "another actor",
            colleague.post("incidents", tenant.report("The printer smokes")).key(&key),
            422,
            reused,
            field,
        ),
    ])
    .await;
    let again = first.send().await;
    assert_eq!((again.status, again.receipt()), (201, receipt), "the same request has the same answer");
    assert_eq!(again.header("idempotency-key"), key);
    let after = written(&tenant, id).await;
    // Jon has been registered meanwhile, nothing else.
    assert_eq!((after.0.len(), after.1), (before.0.len() + 1, before.1));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_question_that_is_wrong_is_told_what_would_be_right() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "refusals").await;
    let other = Tenant::begin(&system, "refusals").await;
    let mut last = tenant.incident("The printer smokes").await;
    for title in ["The lift is stuck", "No network"] {
        last = tenant.incident(title).await;
    }
    let id = last.id;
    let foreign = other.incident("Of somebody else").await;
    let page = tenant.agent.read("incidents?status=new&limit=1", &last.position).await;
    let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("no next page: {page}")).to_owned();
    other.agent.read("incidents", &foreign.position).await;
    let end = cursor.len() - 1;
    let altered = format!("{}{}", &cursor[..end], if cursor.ends_with('A') { 'B' } else { 'A' });

    let invalid = "VALIDATION_ERROR";
    let get = |path: &str| tenant.agent.get(path);
    let answers = check(vec![
        ("unknown filter field", get("incidents?colour=red"), 400, invalid, &["colour"]),
        ("no such value", get("incidents?status=broken"), 400, invalid, &["status"]),
        ("a filter that is no id", get("incidents?caller=rita"), 400, invalid, &["caller"]),
        (
            "personal data are no filter",
            get("incidents?short_description=printer"),
            400,
            invalid,
            &["short_description"],
        ),
        ("unknown sort field", get("incidents?sort=colour"), 400, invalid, &["sort"]),
        ("unknown field to show", get("incidents?fields=colour"), 400, invalid, &["fields"]),
        ("too many", get("incidents?limit=201"), 400, invalid, &["limit"]),
        ("a limit that is no number", get("incidents?limit=some"), 400, invalid, &["limit"]),
        ("invalid cursor", get("incidents?cursor=abc"), 400, invalid, &["cursor"]),
        ("altered cursor", get(&format!("incidents?status=new&limit=1&cursor={altered}")), 400, invalid, &["cursor"]),
        (
            "cursor of other filters",
            get(&format!("incidents?status=closed&cursor={cursor}")),
            400,
            invalid,
            &["cursor"],
        ),
        (
            "cursor of another tenant",
            other.agent.get(&format!("incidents?status=new&limit=1&cursor={cursor}")),
            400,
            invalid,
            &["cursor"],
        ),
        ("no position", get("incidents").position("journal.incident/0"), 400, invalid, &["Daybook-Position"]),
        ("no time", get(&format!("incidents/{id}?as_of=yesterday")), 400, invalid, &["as_of"]),
        ("unknown parameter", get(&format!("incidents/{id}?colour=red")), 400, invalid, &["colour"]),
        ("unknown id", get(&format!("incidents/{}", Uuid::new_v4())), 404, "NOT_FOUND", &[]),
        ("no id", get("incidents/17"), 404, "NOT_FOUND", &[]),
        ("other tenant's id", get(&format!("incidents/{}", foreign.id)), 404, "NOT_FOUND", &[]),
        ("other tenant's timeline", get(&format!("incidents/{}/timeline", foreign.id)), 404, "NOT_FOUND", &[]),
        ("other tenant's actions", get(&format!("incidents/{}/actions", foreign.id)), 404, "NOT_FOUND", &[]),
        (
            "other tenant's past",
            get(&format!("incidents/{}?as_of=2099-01-01T00:00:00Z", foreign.id)),
            404,
            "NOT_FOUND",
            &[],
        ),
        ("other tenant itself", tenant.admin.get(&format!("organizations/{}", other.id)), 404, "NOT_FOUND", &[]),
        ("unknown path", get("incident"), 404, "NOT_FOUND", &[]),
        ("no permission", tenant.rita.get("cmdb/cis"), 403, "FORBIDDEN", &[]),
    ])
    .await;
    let unknown = of(&answers, "unknown filter field");
    assert!(unknown.body.to_string().contains("priority"), "the filters there are must be told: {unknown:?}");
    assert!(of(&answers, "no permission").message().contains("ci:read"));

    // Nobody sees a row of another tenant, however they ask.
    for path in ["incidents", "incidents?sort=-number", "incidents/queue", "search?q=somebody"] {
        let found = tenant.agent.get(path).answered().await;
        assert!(!found.to_string().contains(&foreign.id.to_string()), "{path}: {found}");
    }
}
