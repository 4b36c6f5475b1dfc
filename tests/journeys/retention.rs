//! Retention: what is over is forgotten by itself when the organisation has kept it for long enough.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::system::{Caller, System, Tenant, eventually, fresh};

/// What is over is forgotten when the time is over for which the organisation keeps it; all else stays.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn what_was_over_for_long_enough_is_forgotten() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "retention").await;
    let of = tenant.id.to_string();
    let importer = Caller::with_roles(&system, &of, Uuid::new_v4(), &["importer"]).await;
    let held = tenant.admin.give("users", json!({ "name": "Hal", "email": "hal@retention.example" })).await.id;
    let hold = json!({ "matter": "inquiry-8", "reason": "The court asked for it" });
    tenant.admin.give(&format!("users/{held}/place_hold"), hold).await;
    let word = fresh("over");
    let ended = async |caller: Uuid, since: Option<&str>, commands: usize| {
        let ask = |path: &str, body: Json| match since {
            Some(at) => importer.post(path, body).header("Daybook-Occurred-At", at),
            None => tenant.agent.post(path, body),
        };
        let report =
            json!({ "short_description": word, "caller": caller, "channel": "phone", "impact": 2, "urgency": 2 });
        let id = ask("incidents", report).accepted().await.id;
        let to_the_end = [
            ("assign", json!({ "group": tenant.desk, "assignee": tenant.agent.user })),
            ("resolve", json!({ "resolution_code": "fixed", "resolution_notes": "Done." })),
            ("close", json!({})),
        ];
        let mut last = None;
        for (command, body) in to_the_end.into_iter().take(commands) {
            last = Some(ask(&format!("incidents/{id}/{command}"), body).accepted().await);
        }
        (id, last.unwrap().position)
    };
    let long_ago = Some("2020-02-03T10:00:00Z");
    let (over, _) = ended(tenant.rita.user, long_ago, 3).await;
    let kept = [
        ended(tenant.rita.user, None, 3).await,
        ended(tenant.rita.user, long_ago, 2).await,
        ended(held, long_ago, 3).await,
    ];
    for (_, position) in &kept {
        tenant.agent.read(&format!("search?q={word}"), position).await;
    }

    let settings = json!({
        "locale": "en", "time_zone": "Europe/Paris", "base_currency": "EUR", "fiscal_year_start": 1, "week_start": 1,
        "retention_days": { "incident.Incident": 365 },
    });
    tenant.admin.give(&format!("organizations/{of}/set_settings"), settings).await;
    let over_text = over.to_string();
    let certificate = eventually("what is over is forgotten everywhere", 120, async || {
        let said = system.daybook(&["subject", "certificate", &over_text, "--tenant", &of]).await?;
        let certificate: Json = serde_json::from_str(said.trim()).map_err(|error| error.to_string())?;
        let places = ["destroyed_at", "caches_at", "postgres_at", "search_at", "sign_in_at"];
        if places.iter().all(|place| certificate[place].is_string()) { Ok(certificate) } else { Err(said) }
    })
    .await;
    assert_eq!(certificate["position"], "retention", "{certificate}");
    let shown = tenant.agent.get(&format!("incidents/{over}")).answered().await;
    assert_eq!((&shown["short_description"], &shown["status"]), (&Json::Null, &json!("closed")), "{shown}");
    assert!(shown["number"].is_string(), "{shown}");
    for (id, _) in kept {
        let shown = tenant.agent.get(&format!("incidents/{id}")).answered().await;
        assert_eq!(shown["short_description"], word.as_str(), "{shown}");
    }
    let found = tenant.agent.get(&format!("search?q={word}")).answered().await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(3), "{found}");
}
