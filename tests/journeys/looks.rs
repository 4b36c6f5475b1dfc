//! Looks: an operator and an auditor look into the journals with the tool, and find there what was done, and that it is whole.

use serde_json::Value as Json;

use crate::system::{System, Tenant};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn the_journals_can_be_looked_into() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "looks").await;
    let receipt = tenant.incident("The printer smokes").await;
    let assigned = tenant.assign(receipt.id).await;
    let (of, id) = (tenant.id.to_string(), receipt.id.to_string());
    let look = async |arguments: &[&str]| {
        let arguments: Vec<&str> = ["journal"].iter().chain(arguments).copied().collect();
        system.daybook(&arguments).await
    };

    let shown: Json = serde_json::from_str(&look(&["show", &receipt.position]).await.unwrap()).unwrap();
    assert_eq!((shown["tenant"].as_str(), shown["position"].as_str()), (Some(&*of), Some(&*receipt.position)));
    let event = &shown["events"][0];
    assert_eq!((event["type"].as_str(), event["aggregate_id"].as_str()), (Some("incident.created"), Some(&*id)));
    assert!(event["data"]["short_description"]["sealed"].is_object(), "what is personal stays sealed: {event}");

    let tail = look(&["tail", "--tenant", &of, "incident"]).await.unwrap();
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines.len(), 2, "{tail}");
    assert!(lines[0].starts_with(&receipt.position) && lines[1].contains("incident.assigned"), "{tail}");
    let tail = look(&["tail", "--id", &id, "--type", "incident.ass*"]).await.unwrap();
    assert!(tail.starts_with(&assigned.position) && tail.lines().count() == 1, "{tail}");

    let replayed = look(&["replay", "--from", &assigned.position, "--tenant", &of]).await.unwrap();
    let entries: Vec<Json> = replayed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["events"][0]["type"], "incident.assigned");
    let whole = look(&["replay", "--from", "2020-01-01T00:00:00Z", "--tenant", &of]).await.unwrap();
    assert!(whole.lines().count() > 4, "the tenant, its users and its incident: {whole}");

    let verified = look(&["verify"]).await.unwrap_or_else(|said| panic!("{said}"));
    let figures: Json = serde_json::from_str(verified.lines().last().unwrap()).unwrap();
    assert_eq!((figures["faults"].as_u64(), figures["partitions"].as_u64()), (Some(0), Some(16)), "{verified}");
    assert!(figures["events"].as_u64() > Some(4) && figures["entries_per_cpu_s"].as_f64() > Some(0.0), "{verified}");
    let counted = look(&["stats", "incident"]).await.unwrap();
    let figures: Json = serde_json::from_str(counted.lines().last().unwrap()).unwrap();
    assert!(figures["entries"].as_u64() >= Some(2) && figures["claims"].as_u64() >= Some(4), "{counted}");

    let beyond = format!("{}99999999", receipt.position);
    assert!(look(&["show", &beyond]).await.unwrap_err().contains("entries are numbered from 1, the last is"));
    assert!(look(&["show", "yesterday"]).await.unwrap_err().contains("TOPIC/PARTITION#NUMBER"));
    assert!(look(&["verify", "hr"]).await.unwrap_err().contains("there is no journal of hr; there are cmdb"));
}
