//! The registry of the running system, which `DAYBOOK_CONFIG` names: registering is idempotent, and what would break a
//! subscriber is refused.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::Duration;

use daybook_schemas::{
    Catalogue, envelope,
    registry::{Registry, RegistryError},
};
use schema_registry_converter::{
    async_impl::schema_registry::{SrSettings, get_schema_by_subject_and_version, post_schema},
    schema_registry_common::{SchemaType, SuppliedSchema},
};
use serde_json::Value as Json;

const PATIENCE: Duration = Duration::from_secs(30);

fn url() -> String {
    let path = std::env::var("DAYBOOK_CONFIG").expect("DAYBOOK_CONFIG names the settings of the running system");
    let settings: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    settings["registry"]["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn registering_twice_is_registering_once() {
    let (registry, catalogue) = (Registry::new(&url()).unwrap(), Catalogue::ours());
    registry.wait(PATIENCE).await.unwrap();
    let id = registry.register_all(&catalogue).await.unwrap();
    assert_eq!(registry.register_all(&catalogue).await.unwrap(), id);
    let settings = SrSettings::new(url());
    for schema in catalogue.texts() {
        let registered = get_schema_by_subject_and_version(&settings, schema.subject, None).await.unwrap();
        // The registry keeps the document, in a layout of its own.
        assert_eq!(document(&registered.schema), document(schema.text), "{}", schema.subject);
        if schema.subject == envelope::SUBJECT {
            assert_eq!(registered.id, id);
        }
    }
}

/// A schema without what goes without saying: a record is in the namespace of the one around it (Avro, "Names").
fn document(text: &str) -> Json {
    fn plain(json: &mut Json, around: Option<&str>) {
        match json {
            Json::Object(object) => {
                let own = object.get("namespace").and_then(Json::as_str).map(str::to_owned);
                if own.is_some() && own.as_deref() == around {
                    object.remove("namespace");
                }
                object.values_mut().for_each(|json| plain(json, own.as_deref().or(around)));
            }
            Json::Array(items) => items.iter_mut().for_each(|json| plain(json, around)),
            _ => {}
        }
    }
    let mut json = serde_json::from_str(text).unwrap();
    plain(&mut json, None);
    json
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn an_incompatible_schema_is_refused() {
    let catalogue = Catalogue::ours();
    Registry::new(&url()).unwrap().register_all(&catalogue).await.unwrap();
    let text = catalogue.texts().find(|schema| schema.subject == "incident.created").unwrap().text.to_owned();
    let mut doctored: serde_json::Value = serde_json::from_str(&text).unwrap();
    doctored["fields"].as_array_mut().unwrap().push(serde_json::json!({ "name": "mood", "type": "string" }));
    let supplied = SuppliedSchema::new(None, SchemaType::Avro, doctored.to_string());
    let refused = post_schema(&SrSettings::new(url()), "incident.created".to_owned(), supplied).await;
    assert!(refused.is_err(), "the registry took a schema with a new required field: {refused:?}");
}

#[tokio::test]
async fn a_registry_that_is_away_is_waited_for_and_named() {
    // A port that nothing listens on, below those that clients get.
    let registry = Registry::new("http://127.0.0.1:9/apis/ccompat/v7/").unwrap();
    let error = registry.wait(Duration::from_millis(1_100)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unavailable { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.starts_with("the schema registry at http://127.0.0.1:9/apis/ccompat/v7 has not answered for 1 s"),
        "{said}"
    );
    let error = registry.register_all(&Catalogue::ours()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unavailable { .. }), "{error}");
}
