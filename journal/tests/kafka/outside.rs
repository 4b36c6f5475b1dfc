//! The shelf and the outlet.

use std::time::Duration;

use daybook_journal::topics::{Kind, Topic, ensure};
use daybook_journal::{Outlet, PublicRecord, Shelf};

use crate::{fresh_name, runtime, settings};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_shelf_holds_the_last_value_of_every_key() {
    let name = fresh_name();
    let topic = Topic { name: name.clone(), partitions: 1, kind: Kind::Shelf };
    runtime().block_on(ensure(&settings(), &[topic], 1)).unwrap();
    let mut shelf = Shelf::new(&settings(), &name);
    assert!(shelf.load(PATIENCE).unwrap().is_empty());
    let item = |key: u16, value: &str| (key.to_be_bytes().to_vec(), value.as_bytes().to_vec());
    let first: Vec<_> = (0..300).map(|key| item(key, "first")).collect();
    shelf.put(&first, PATIENCE).unwrap();
    shelf.put(&[item(7, "second")], PATIENCE).unwrap();
    let held = Shelf::new(&settings(), &name).load(PATIENCE).unwrap();
    assert_eq!(held.len(), 300);
    assert_eq!((&held[&item(6, "").0][..], &held[&item(7, "").0][..]), (&b"first"[..], &b"second"[..]));
}

#[test]
fn an_outlet_sends_in_order_and_knows_its_last() {
    let name = fresh_name();
    let topic = Topic { name: name.clone(), partitions: 2, kind: Kind::Public };
    runtime().block_on(ensure(&settings(), &[topic], 1)).unwrap();
    let mut outlet = Outlet::new(&settings(), &name);
    assert_eq!(outlet.last(1, PATIENCE).unwrap(), None);
    let records: Vec<PublicRecord> = (0..500_u32)
        .map(|n| PublicRecord {
            partition: (n % 2) as i32,
            key: b"tenant".to_vec(),
            headers: vec![
                ("ce_id".into(), format!("journal.x/0#{n}").into_bytes()),
                ("ce_type".into(), b"x.y".to_vec()),
            ],
            value: n.to_be_bytes().to_vec(),
        })
        .collect();
    outlet.send(&records[..250], PATIENCE).unwrap();
    outlet.send(&records[250..], PATIENCE).unwrap();
    outlet.send(&[], PATIENCE).unwrap();
    assert_eq!(outlet.last(0, PATIENCE).unwrap().as_ref(), Some(&records[498]));
    assert_eq!(outlet.last(1, PATIENCE).unwrap().as_ref(), Some(&records[499]));
}

#[test]
fn a_topic_that_is_not_there_is_an_error() {
    let mut outlet = Outlet::new(&settings(), &fresh_name());
    let record = PublicRecord { value: vec![1], ..PublicRecord::default() };
    let error = outlet.send(&[record], Duration::from_secs(3)).unwrap_err();
    assert!(error.to_string().contains("sending records"), "{error}");
}
