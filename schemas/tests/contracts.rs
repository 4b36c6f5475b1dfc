//! The committed contracts: they are what the declaration says, and a change that a journal could not bear is refused.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use apache_avro::Schema;
use daybook_kernel::json;
use daybook_schemas::{
    Catalogue,
    committed::{self, CommittedError},
    compatibility::conflicts,
    hex::unhex,
    openapi,
};
use serde_json::{Value as Json, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_is_committed_is_what_the_declaration_says() {
    let changes = committed::changes(root(), &Catalogue::ours(), &openapi::documents()).unwrap();
    let files: Vec<_> = changes.iter().map(|change| change.path.display().to_string()).collect();
    assert!(files.is_empty(), "run `cargo run -p daybook-schemas --bin generate` and commit {}", files.join(", "));
}

#[test]
fn every_version_of_every_schema_reads_every_other() {
    for schema in Catalogue::ours().texts() {
        let versions = committed::versions(root(), schema.subject).unwrap();
        for (n, one) in versions.iter().enumerate() {
            Schema::parse_str(one).unwrap();
            for (m, other) in versions.iter().enumerate() {
                let conflicts = conflicts(one, other);
                assert!(conflicts.is_empty(), "{} versions {} and {}: {conflicts:?}", schema.subject, n + 1, m + 1);
            }
        }
    }
}

/// Decodes the fixture of every version, and finds what it meant when it was written.
#[test]
fn bytes_of_every_version_still_mean_the_same() {
    let mut catalogue = Catalogue::ours();
    for text in committed::every_text(root(), &catalogue).unwrap().values() {
        catalogue.learn(text).unwrap();
    }
    let subjects: Vec<String> = catalogue.texts().skip(1).map(|schema| schema.subject.to_owned()).collect();
    assert!(subjects.len() > 40, "only {} events", subjects.len());
    for subject in subjects {
        let versions = committed::versions(root(), &subject).unwrap();
        for (place, text) in versions.iter().enumerate() {
            let path = root().join(format!("fixtures/events/{subject}/{}.json", place + 1));
            let fixture: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(fixture["schema"], daybook_schemas::hex::Hex(&daybook_schemas::fingerprint(text)).to_string());
            let bytes = unhex(fixture["bytes"].as_str().unwrap()).unwrap();
            let (kind, event, datum) = catalogue.decode(&subject, &daybook_schemas::fingerprint(text), &bytes).unwrap();
            let now = json::write_record(kind.events()[event].body, &datum);
            still_says(&now, &fixture["body"], &path);
        }
    }
}

/// All that was said is said still; what has been added since is absent.
fn still_says(now: &Json, then: &Json, path: &Path) {
    match (now, then) {
        (Json::Object(now), Json::Object(then)) => {
            then.iter().for_each(|(name, then)| still_says(&now[name], then, path));
            let absent = |json: &Json| [json!(null), json!([]), json!({})].contains(json);
            let added = now.iter().filter(|(name, _)| !then.contains_key(*name));
            added.for_each(|(name, json)| assert!(absent(json), "{}: {name}", path.display()));
        }
        _ => assert_eq!(now, then, "{}", path.display()),
    }
}

/// A copy of what is committed, to doctor.
struct Copy(PathBuf);

impl Copy {
    fn of_committed(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-contracts-{name}-{}", std::process::id()));
        copy(&root().join("avro"), &folder.join("avro"));
        copy(&root().join("fixtures"), &folder.join("fixtures"));
        Self(folder)
    }

    fn doctor(&self, subject: &str, change: impl Fn(&mut Json)) {
        let path = self.0.join(format!("avro/{subject}.avsc"));
        let mut schema: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut schema);
        fs::write(path, schema.to_string()).unwrap();
    }

    fn refusals(&self) -> Vec<String> {
        match committed::changes(&self.0, &Catalogue::ours(), &[]) {
            Err(CommittedError::Incompatible(refusals)) => refusals,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &to),
            false => assert!(fs::copy(&path, to).unwrap() > 0),
        }
    }
}

fn fields(schema: &mut Json) -> &mut Vec<Json> {
    schema["fields"].as_array_mut().unwrap()
}

#[test]
fn a_required_field_is_not_added() {
    let copy = Copy::of_committed("added");
    copy.doctor("incident.created", |schema| fields(schema).retain(|field| field["name"] != "number"));
    let said = copy.refusals();
    let last = committed::versions(&copy.0, "incident.created").unwrap().len();
    let expected = format!(
        "incident.created: incompatible with its version {last}: field number of daybook.incident.IncidentCreated is new \
         and required; make it optional, a list or a map; a breaking change is a new event type"
    );
    assert_eq!(said, [expected]);
}

#[test]
fn a_required_field_is_not_taken_away() {
    let copy = Copy::of_committed("taken");
    copy.doctor("incident.created", |schema| fields(schema).push(json!({ "name": "mood", "type": "string" })));
    let said = copy.refusals();
    assert!(said[0].contains("field mood of daybook.incident.IncidentCreated is gone"), "{said:?}");
}

#[test]
fn a_field_does_not_change_its_type() {
    let copy = Copy::of_committed("type");
    let change = |of: Json| {
        move |schema: &mut Json| {
            let number = fields(schema).iter_mut().find(|field| field["name"] == "number").unwrap();
            number["type"] = of.clone();
        }
    };
    for of in [json!("long"), json!({ "type": "string", "logicalType": "uuid" }), json!(["null", "string"])] {
        copy.doctor("incident.created", change(of.clone()));
        let said = copy.refusals();
        assert!(said[0].contains("field number of daybook.incident.IncidentCreated was"), "{of}: {said:?}");
    }
}

#[test]
fn a_committed_event_does_not_vanish() {
    let copy = Copy::of_committed("vanish");
    fs::write(copy.0.join("avro/incident.dreamt.avsc"), "{}").unwrap();
    let said = copy.refusals();
    assert!(said[0].starts_with("incident.dreamt: declared no longer"), "{said:?}");
}

#[test]
fn an_optional_field_may_come_anywhere_and_words_may_change() {
    let copy = Copy::of_committed("optional");
    copy.doctor("incident.created", |schema| {
        schema["doc"] = "Formerly said otherwise.".into();
        // Also the first sealed field, whose record the others name.
        fields(schema).retain(|field| field["name"] != "description" && field["name"] != "category");
    });
    let last = committed::versions(&copy.0, "incident.created").unwrap().len();
    let changes = committed::changes(&copy.0, &Catalogue::ours(), &[]).unwrap();
    let files: Vec<_> = changes.iter().map(|change| change.path.to_str().unwrap()).collect();
    let expected = [
        format!("avro/history/incident.created/{last}.avsc"),
        "avro/incident.created.avsc".to_owned(),
        format!("fixtures/events/incident.created/{}.json", last + 1),
    ];
    assert_eq!(files, expected);
    committed::write(&copy.0, &changes).unwrap();
    assert_eq!(committed::changes(&copy.0, &Catalogue::ours(), &[]).unwrap(), []);
    assert_eq!(committed::versions(&copy.0, "incident.created").unwrap().len(), last + 1);
}

#[test]
fn a_record_may_be_defined_at_another_field_than_before() {
    let sealed = json!({ "type": "record", "name": "Sealed", "namespace": "n", "fields": [{ "name": "key", "type": "string" }] });
    let schema =
        |fields: Json| json!({ "type": "record", "name": "E", "namespace": "n", "fields": fields }).to_string();
    let before = schema(json!([{ "name": "b", "type": ["null", sealed], "default": null }]));
    let after = schema(json!([
        { "name": "a", "type": ["null", sealed], "default": null },
        { "name": "b", "type": ["null", "n.Sealed"], "default": null },
    ]));
    assert_eq!(conflicts(&before, &after), Vec::<String>::new());
}
