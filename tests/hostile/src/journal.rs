//! What stands in a journal: whoever can write to Kafka can write anything.

use std::sync::LazyLock;

use daybook_journal::Header;
use daybook_kernel::RecordShape;
use daybook_schemas::{body, envelope::Entry, sample};

/// The bodies of all declared events.
static BODIES: LazyLock<Vec<&'static RecordShape>> =
    LazyLock::new(|| daybook_contents::kinds().flat_map(|kind| kind.events()).map(|event| event.body).collect());

/// An entry that can be read has one form: written again, it is read as the same.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        let again = entry.encode(7);
        assert_eq!(Entry::decode(&again).expect("what was written can be read"), entry);
    }
}

/// So has the body of an event, in the schema that the first two bytes choose.
pub fn event(bytes: &[u8]) {
    let Some((chosen, bytes)) = bytes.split_first_chunk::<2>() else { return };
    let shape = BODIES[usize::from(u16::from_be_bytes(*chosen)) % BODIES.len()];
    if let Ok(datum) = body::decode(shape, bytes) {
        let again = body::encode(shape, &datum).expect("what was read can be written");
        assert_eq!(body::decode(shape, &again).expect("what was written can be read"), datum);
    }
}

/// A body of every declared event, for [`event`] to begin with.
pub fn samples() -> Vec<Vec<u8>> {
    let sample = |(chosen, shape): (usize, &&'static RecordShape)| {
        let bytes = body::encode(shape, &sample::record(shape)).expect("a sample can be written");
        [&(chosen as u16).to_be_bytes()[..], &bytes].concat()
    };
    BODIES.iter().enumerate().map(sample).collect()
}

/// A gate header has one form, byte for byte.
pub fn gate(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode(), bytes);
    }
}
