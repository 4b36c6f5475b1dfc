//! Sealed values: what is sealed opens again with its key and with no other, and nothing shows what it held.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use daybook_kernel::{Datum, PLATFORM, RecordShape, Sealed, json, log::Item};
use std::{collections::BTreeSet, sync::Arc};

use daybook_schemas::{
    Sealer, SealingError, blind,
    sealing::{DataKey, Held, Unopenable, is_in_clear, keys_in, keys_of},
};
use support::EveryForm;
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(0x7e);
const KEY: Uuid = Uuid::from_u128(0x1d);

fn sealer() -> Sealer {
    Sealer::new(b"a master key of a test, 32 bytes")
}

/// A record in clear: the sample with its sealed values put back.
fn in_clear() -> Datum {
    let shape = EveryForm::RECORD;
    let mut json = json::write_record(shape, &daybook_schemas::sample::record(shape));
    let mut at = 0;
    clear(&mut json, &mut at);
    assert_eq!(at, 5, "the record holds five personal values");
    json.as_object_mut().unwrap().remove("blind");
    json::parse(shape, &json).unwrap()
}

fn clear(json: &mut serde_json::Value, at: &mut usize) {
    match json {
        serde_json::Value::Object(object) if object.contains_key("sealed") => {
            *at += 1;
            *json = "zoe@example.net".into();
        }
        serde_json::Value::Object(object) => object.values_mut().for_each(|json| clear(json, at)),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|json| clear(json, at)),
        _ => {}
    }
}

fn sealed() -> Datum {
    let mut datum = in_clear();
    sealer().derived(TENANT, KEY).seal(EveryForm::RECORD, &mut datum).unwrap();
    datum
}

fn field(datum: &Datum, name: &str) -> Sealed {
    let Datum::Record(fields) = datum else { panic!("no record") };
    match &fields[EveryForm::RECORD.field(name).unwrap().0] {
        Datum::Sealed(sealed) => (**sealed).clone(),
        other => panic!("{name} is not sealed but {other:?}"),
    }
}

#[test]
fn what_is_sealed_opens_again_as_data_and_as_a_document() {
    let datum = sealed();
    let mut opened = datum.clone();
    sealer().ring().open(TENANT, EveryForm::RECORD, &mut opened).unwrap();
    assert_eq!(opened, in_clear());
    let mut document = json::write_record(EveryForm::RECORD, &datum);
    assert!(!document.to_string().contains("zoe@example.net"), "{document}");
    sealer().ring().open_json(TENANT, &mut document).unwrap();
    assert_eq!(document, json::write_record(EveryForm::RECORD, &in_clear()));
}

#[test]
fn the_same_text_in_the_same_field_of_the_same_aggregate_is_the_same_bytes() {
    let first = sealed();
    assert_eq!(first, sealed());
    let mut again = first.clone();
    sealer().derived(TENANT, KEY).seal(EveryForm::RECORD, &mut again).unwrap();
    assert_eq!(again, first, "what is sealed stays as it is");
    let personal = field(&first, "personal");
    assert_ne!(personal.ciphertext, field(&first, "optional_personal").ciphertext, "another field, other bytes");
    for (tenant, key) in [(PLATFORM, KEY), (TENANT, Uuid::from_u128(0x1e))] {
        let mut other = in_clear();
        sealer().derived(tenant, key).seal(EveryForm::RECORD, &mut other).unwrap();
        assert_ne!(field(&other, "personal").ciphertext, personal.ciphertext, "another key, other bytes");
    }
}

#[test]
fn another_key_and_altered_bytes_open_nothing() {
    let sealed = field(&sealed(), "personal");
    assert_eq!(sealer().ring().open_text(TENANT, &sealed), Ok(Some("zoe@example.net".to_owned())));
    assert_eq!(Sealer::new(&[0; 32]).ring().open_text(TENANT, &sealed), Err(Unopenable), "another master key");
    assert_eq!(sealer().ring().open_text(PLATFORM, &sealed), Err(Unopenable), "another tenant");
    assert_eq!(
        sealer().ring().open_text(TENANT, &Sealed { key: TENANT, ..sealed.clone() }),
        Err(Unopenable),
        "another key id"
    );
    assert_eq!(
        sealer().ring().open_text(TENANT, &Sealed { nonce: [0; 12], ..sealed.clone() }),
        Err(Unopenable),
        "another nonce"
    );
    for at in 0..sealed.ciphertext.len() {
        let mut altered = sealed.clone();
        altered.ciphertext[at] ^= 1;
        assert_eq!(sealer().ring().open_text(TENANT, &altered), Err(Unopenable), "byte {at} altered");
    }
    let short = Sealed { ciphertext: sealed.ciphertext[..8].into(), ..sealed };
    assert_eq!(sealer().ring().open_text(TENANT, &short), Err(Unopenable), "shorter than its tag");
}

#[test]
fn errors_name_the_field_and_never_what_it_holds() {
    let mut datum = sealed();
    let error = Sealer::new(&[0; 32]).ring().open(TENANT, EveryForm::RECORD, &mut datum).unwrap_err();
    assert_eq!(error, SealingError::Unopenable { at: "personal".to_owned() });
    let mut document = json::write_record(EveryForm::RECORD, &sealed());
    let error = Sealer::new(&[0; 32]).ring().open_json(TENANT, &mut document).unwrap_err();
    assert_eq!(error.to_string().split(':').next(), Some("personal"));
    const OTHER: &RecordShape = &RecordShape::EMPTY;
    let mut nothing = Datum::Null;
    sealer().derived(TENANT, KEY).seal(OTHER, &mut nothing).unwrap();
    let error = sealer().derived(TENANT, KEY).seal(EveryForm::RECORD, &mut nothing).unwrap_err();
    assert_eq!(error.to_string(), "EveryForm: expected a record of its fields, found nothing");
}

#[test]
fn a_sealer_shows_no_key() {
    let shown = format!("{:?}", sealer());
    assert_eq!(shown, "Sealer(keys not shown)");
}

#[test]
fn fingerprints_tell_requests_apart_and_keep_their_parts_apart() {
    let sealer = sealer();
    let first = sealer.fingerprint(&[b"incident", b"create"]);
    assert_eq!(first, sealer.fingerprint(&[b"incident", b"create"]));
    assert_ne!(first, sealer.fingerprint(&[b"incidentc", b"reate"]));
    assert_ne!(first, sealer.fingerprint(&[b"incident", b"create", b""]));
    assert_ne!(first, Sealer::new(&[0; 32]).fingerprint(&[b"incident", b"create"]));
}

#[test]
fn a_blind_index_tells_equal_texts_of_a_tenant_and_nothing_else() {
    let place = EveryForm::RECORD.field("blind").unwrap().0;
    let index = |sealer: &Sealer, tenant: Uuid, text: &str| {
        let Datum::Record(mut fields) = in_clear() else { panic!("no record") };
        fields[EveryForm::RECORD.field("optional_personal").unwrap().0] = Datum::text(text);
        let mut datum = Datum::Record(fields);
        blind::fill(sealer, tenant, EveryForm::RECORD, &mut datum);
        sealer.derived(tenant, KEY).seal(EveryForm::RECORD, &mut datum).unwrap();
        let before = datum.clone();
        blind::fill(sealer, tenant, EveryForm::RECORD, &mut datum);
        assert_eq!(datum, before, "what is sealed keeps its index");
        let Datum::Record(fields) = datum else { panic!("no record") };
        assert!(matches!(fields[place], Datum::Blind(_)), "{:?}", fields[place]);
        fields[place].clone()
    };
    let zoe = index(&sealer(), TENANT, "zoe@example.net");
    assert_eq!(zoe, index(&sealer(), TENANT, " ZOE@example.net "), "in any case");
    assert_ne!(zoe, index(&sealer(), TENANT, "zoé@example.net"), "another text");
    assert_ne!(zoe, index(&sealer(), PLATFORM, "zoe@example.net"), "another tenant");
    assert_ne!(zoe, index(&Sealer::new(&[9; 32]), TENANT, "zoe@example.net"), "another secret");
}

#[test]
fn a_key_of_its_own_opens_what_it_sealed_and_the_derived_one_what_came_before() {
    let own = Arc::new(DataKey::new(&[1; 32], TENANT, KEY));
    let mut after = in_clear();
    own.seal(EveryForm::RECORD, &mut after).unwrap();
    let before = sealed();
    assert_ne!(field(&before, "personal"), field(&after, "personal"));
    let text = || Ok(Some("zoe@example.net".to_owned()));
    let mut ring = sealer().ring();
    assert_eq!(ring.open_text(TENANT, &field(&after, "personal")), Err(Unopenable), "without its key");
    ring.put(TENANT, KEY, Held::Key(own));
    for datum in [&before, &after] {
        assert_eq!(ring.open_text(TENANT, &field(datum, "personal")), text());
    }
    // A tombstone counts for both, in data and in documents.
    ring.put(TENANT, KEY, Held::Destroyed);
    for datum in [&before, &after] {
        assert_eq!(ring.open_text(TENANT, &field(datum, "personal")), Ok(None));
        let mut document = json::write_record(EveryForm::RECORD, datum);
        ring.open_json(TENANT, &mut document).unwrap();
        assert!(document["personal"].is_null() && !document.to_string().contains("sealed"), "{document}");
        let mut opened = datum.clone();
        ring.open(TENANT, EveryForm::RECORD, &mut opened).unwrap();
        assert_eq!(json::write_record(EveryForm::RECORD, &opened)["personal"], serde_json::Value::Null);
    }
}

#[test]
fn the_keys_that_values_name_are_found_in_data_and_in_documents() {
    let datum = sealed();
    let (mut of, mut within) = (BTreeSet::new(), BTreeSet::new());
    keys_of(&datum, &mut of);
    keys_in(&json::write_record(EveryForm::RECORD, &datum), &mut within);
    assert_eq!((of, within), (BTreeSet::from([KEY]), BTreeSet::from([KEY])));
    assert_eq!(is_in_clear(EveryForm::RECORD, &mut sealed()), Ok(false));
    assert_eq!(is_in_clear(EveryForm::RECORD, &mut in_clear()), Ok(true));
}
