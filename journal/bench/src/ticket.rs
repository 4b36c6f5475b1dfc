//! What every store is asked to keep: a ticket that takes notes, ten at most, each an event of 256 bytes.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::{Deserialize, Serialize};

/// The size of an event in Avro.
pub const EVENT_BYTES: usize = 256;

/// How many events a ticket has when it is full.
pub const NOTES: i64 = 10;

/// Text that fills an event: the id and its length take 33 bytes, the version 1, the text's own length 2.
const TEXT: &str = "The printer on the second floor smokes again; the supplier was told and sends somebody on Monday. Until then \
    the doors stay open, the plug stays out, and whoever has to print goes to the first floor, where it is quieter.";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let text = r#"{"type": "record", "name": "Noted", "fields": [
        {"name": "ticket", "type": "string"}, {"name": "version", "type": "long"}, {"name": "text", "type": "string"}]}"#;
    Schema::parse_str(text).expect("the schema is valid")
});

/// A command.
#[derive(Clone, Debug)]
pub struct Note {
    /// The ticket: 32 hexadecimal digits.
    pub ticket: String,
    /// The version the client has last been told.
    pub expected: i64,
    /// What is noted.
    pub text: &'static str,
}

impl Note {
    /// The command that a client gives as its `nth`.
    pub fn nth(run: u64, client: usize, nth: i64) -> Note {
        Note { ticket: format!("{run:016x}{client:06x}{:010x}", nth / NOTES), expected: nth % NOTES, text: TEXT }
    }
}

/// The event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The ticket it belongs to.
    pub ticket: String,
    /// The ticket's version with it, from 1.
    pub version: i64,
    /// What was noted.
    pub text: String,
}

/// Why a note is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else was there first.
    #[error("the ticket has version {found}, not {expected}")]
    Stale {
        /// Its version.
        found: i64,
        /// The version the client knew.
        expected: i64,
    },
    /// It takes no more.
    #[error("the ticket is full")]
    Full,
}

/// A ticket, folded.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ticket {
    /// How many events it has.
    pub version: i64,
}

impl Ticket {
    /// Decides a command.
    pub fn decide(self, note: &Note) -> Result<Noted, Refusal> {
        match self.version {
            found if found != note.expected => Err(Refusal::Stale { found, expected: note.expected }),
            NOTES.. => Err(Refusal::Full),
            version => Ok(Noted { ticket: note.ticket.clone(), version: version + 1, text: note.text.to_owned() }),
        }
    }

    /// What it is after an event.
    pub fn evolve(self, event: &Noted) -> Ticket {
        Ticket { version: event.version }
    }
}

/// Writes and reads events in Avro.
pub struct Codec {
    writer: GenericDatumWriter<'static>,
    reader: GenericDatumReader<'static>,
}

impl Default for Codec {
    fn default() -> Self {
        Codec {
            writer: GenericDatumWriter::builder(&SCHEMA).build().expect("the schema is complete"),
            reader: GenericDatumReader::builder(&SCHEMA).build().expect("the schema is complete"),
        }
    }
}

impl Codec {
    /// An event's bytes.
    pub fn encode(&self, event: &Noted) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(EVENT_BYTES);
        self.writer.write_ser(&mut bytes, event).expect("the event has the schema's form");
        bytes
    }

    /// The event in some bytes.
    pub fn decode(&self, mut bytes: &[u8]) -> Result<Noted, apache_avro::Error> {
        self.reader.read_deser(&mut bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_256_bytes_and_comes_back() {
        let codec = Codec::default();
        for nth in [0, 9, 10, 1_000_000] {
            let note = Note::nth(7, 255, nth);
            let event = Ticket { version: note.expected }.decide(&note).unwrap();
            let bytes = codec.encode(&event);
            assert_eq!(bytes.len(), EVENT_BYTES);
            assert_eq!(codec.decode(&bytes).unwrap(), event);
        }
    }

    #[test]
    fn a_ticket_takes_ten_notes_in_order() {
        let (first, eleventh) = (Note::nth(1, 1, 0), Note { expected: 10, ..Note::nth(1, 1, 0) });
        assert_eq!(Ticket { version: 3 }.decide(&first), Err(Refusal::Stale { found: 3, expected: 0 }));
        assert_eq!(Ticket { version: 10 }.decide(&eleventh), Err(Refusal::Full));
    }
}
