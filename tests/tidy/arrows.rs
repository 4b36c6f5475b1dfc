//! Arrows: kernel ← facts ← contexts ← contents, policies ← engines. Cargo enforces what the manifests say; this says what the
//! manifests may say.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Which crates of ours each room may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("daybook-derive", &[]),
    ("daybook-kernel", &["daybook-derive"]),
    ("daybook-facts", &["daybook-kernel"]),
    ("daybook-tenancy", &["daybook-kernel", "daybook-facts"]),
    ("daybook-identity", &["daybook-kernel", "daybook-facts"]),
    ("daybook-incident", &["daybook-kernel", "daybook-facts"]),
    ("daybook-cmdb", &["daybook-kernel", "daybook-facts"]),
    (
        "daybook-contents",
        &["daybook-kernel", "daybook-facts", "daybook-tenancy", "daybook-identity", "daybook-incident", "daybook-cmdb"],
    ),
    // Reactions across contexts: the only room of the domain that sees several.
    (
        "daybook-policies",
        &["daybook-kernel", "daybook-facts", "daybook-tenancy", "daybook-identity", "daybook-incident", "daybook-cmdb"],
    ),
    // Decides who may do what; pure, as the domain is.
    ("daybook-authority", &["daybook-kernel", "daybook-facts", "daybook-contents"]),
    // Policies as code, for the operator's tool; whoever decides links none of it.
    ("daybook-cedar", &["daybook-kernel", "daybook-facts", "daybook-contents"]),
    ("daybook-journal", &[]),
    ("daybook-platform", &[]),
    ("daybook-schemas", &["daybook-kernel", "daybook-contents"]),
    // The keys of personal data: below every engine that seals or opens.
    ("daybook-vault", &["daybook-kernel", "daybook-schemas", "daybook-platform"]),
    (
        "daybook-command-api",
        &[
            "daybook-kernel",
            "daybook-facts",
            "daybook-contents",
            "daybook-authority",
            "daybook-schemas",
            "daybook-journal",
            "daybook-platform",
            "daybook-vault",
        ],
    ),
    (
        "daybook-projectors",
        &[
            "daybook-kernel",
            "daybook-contents",
            "daybook-policies",
            "daybook-schemas",
            "daybook-journal",
            "daybook-platform",
            "daybook-vault",
        ],
    ),
    // Never decides, and links no Kafka.
    (
        "daybook-query-api",
        &[
            "daybook-kernel",
            "daybook-facts",
            "daybook-contents",
            "daybook-authority",
            "daybook-schemas",
            "daybook-platform",
            "daybook-vault",
        ],
    ),
    // Never decides, and links no Kafka.
    (
        "daybook-sign-in",
        &["daybook-kernel", "daybook-contents", "daybook-schemas", "daybook-platform", "daybook-vault"],
    ),
    (
        "daybook-cli",
        &[
            "daybook-kernel",
            "daybook-cedar",
            "daybook-contents",
            "daybook-schemas",
            "daybook-journal",
            "daybook-platform",
            "daybook-sign-in",
            "daybook-vault",
        ],
    ),
    ("daybook-tests", &[]),
    ("daybook-history", &[]),
    ("daybook-proxy", &[]),
    (
        "daybook-hostile",
        &[
            "daybook-kernel",
            "daybook-authority",
            "daybook-contents",
            "daybook-schemas",
            "daybook-journal",
            "daybook-platform",
            "daybook-query-api",
            "daybook-sign-in",
        ],
    ),
];

/// Crates of others that only these rooms may link.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rdkafka", &["daybook-journal"]),
    ("sqlx", &["daybook-vault", "daybook-projectors", "daybook-query-api", "daybook-sign-in", "daybook-cli"]),
    ("clickhouse", &["daybook-projectors", "daybook-query-api", "daybook-cli"]),
    ("apache-avro", &["daybook-schemas"]),
    ("axum", &["daybook-platform", "daybook-command-api", "daybook-query-api", "daybook-sign-in", "daybook-hostile"]),
    // Secrets are made and checked in one place.
    ("argon2", &["daybook-sign-in"]),
    ("lettre", &["daybook-sign-in"]),
    ("minicbor", &["daybook-sign-in"]),
    // A language for policies: where they are written, not where they are decided by.
    ("cedar-policy", &["daybook-cedar"]),
];

/// What the domain must not link: it is pure.
const NOT_IN_THE_DOMAIN: &[&str] = &["tokio", "sqlx", "rdkafka", "reqwest", "axum", "rand", "tracing"];

/// The direct dependencies of each crate of the workspace, without those for its own tests.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1", "--no-deps"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    metadata["packages"].as_array().unwrap().iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn rooms_know_only_what_they_may() {
    let mut wrong = Vec::new();
    for (room, knows) in dependencies() {
        let Some((_, may)) = MAY_KNOW.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{room} is not in the plan of the house: add it to MAY_KNOW"));
            continue;
        };
        for known in knows.iter().filter(|known| known.starts_with("daybook-") && !may.contains(&known.as_str())) {
            wrong.push(format!("{room} must not know {known}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stores_and_kafka_are_linked_only_where_they_belong() {
    let mut wrong = Vec::new();
    for (room, knows) in dependencies() {
        for (library, rooms) in ONLY_IN {
            if knows.iter().any(|known| known == library) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{room} must not link {library}; only {} may", rooms.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let domain = ["kernel", "derive", "facts", "tenancy", "identity", "incident", "cmdb", "policies", "authority"]
        .map(|name| format!("daybook-{name}"));
    let dependencies = dependencies();
    let mut wrong = Vec::new();
    for room in domain {
        let knows = dependencies.get(&room).unwrap_or_else(|| panic!("{room} is gone from the workspace"));
        wrong.extend(
            knows
                .iter()
                .filter(|known| NOT_IN_THE_DOMAIN.contains(&known.as_str()))
                .map(|known| format!("{room}: {known}")),
        );
    }
    assert!(wrong.is_empty(), "the domain must not link {}", wrong.join(", "));
}
