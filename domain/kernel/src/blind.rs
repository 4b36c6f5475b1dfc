//! Blind indexes: what tells whether two personal texts are the same, and nothing else of them.
//!
//! A sealed text differs from aggregate to aggregate, so a book cannot see that an address is taken. Beside the text
//! stands a keyed hash of it, filled in where the text is still in clear: equal for equal texts of a tenant, of no use
//! without the tenant's key. The term is CipherSweet's; the construction is HMAC-SHA256 (RFC 2104).

use unicode_normalization::UnicodeNormalization;

use crate::{Datum, Malformed, RecordShape, Shape, Value, json::hex};

/// The keyed hash of a personal text that stands beside it: `#[field(blind = "email")] pub email_index: Option<Blind>`.
///
/// Never given by a client and never shown to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blind([u8; 32]);

impl Blind {
    /// The hash in hexadecimal, as the key of something unique.
    pub fn key(&self) -> String {
        hex(&self.0)
    }
}

impl Value for Blind {
    const SHAPE: Shape = Shape::Blind;

    fn to_datum(&self) -> Datum {
        Datum::Blind(Box::new(self.0))
    }

    fn from_datum(datum: Datum) -> Result<Self, Malformed> {
        match datum {
            Datum::Blind(hash) => Ok(Self(*hash)),
            other => Err(other.not("blind index", "a keyed hash")),
        }
    }
}

/// The form in which two texts count as the same: without blanks around, NFKC, lower case.
pub fn normalize(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// Fills the blind indexes of a record from the texts beside them: `hash` is given the name of the personal field and its
/// normalized text. Texts that are sealed already keep what stands beside them.
pub fn fill(record: &RecordShape, datum: &mut Datum, hash: &dyn Fn(&str, &str) -> [u8; 32]) {
    each(record, datum, &mut |of, text, index| {
        if let Some(Datum::Text(text)) = text {
            *index = Datum::Blind(Box::new(hash(of, &normalize(&text))));
        }
    });
}

/// Takes every blind index out of a record, for it is shown to nobody.
pub fn hide(record: &RecordShape, datum: &mut Datum) {
    each(record, datum, &mut |_, _, index| *index = Datum::Null);
}

/// Calls back for every blind index: the name of the field it is the hash of, what that holds, and the index itself.
fn each(record: &RecordShape, datum: &mut Datum, visit: &mut dyn FnMut(&str, Option<Datum>, &mut Datum)) {
    let Datum::Record(data) = datum else { return };
    for (place, field) in record.fields.iter().enumerate().take(data.len()) {
        match field.blind {
            Some(of) => {
                let text = record.field(of).and_then(|(place, _)| data.get(place)).cloned();
                visit(of, text, &mut data[place]);
            }
            None => each_below(&field.shape, &mut data[place], visit),
        }
    }
}

fn each_below(shape: &Shape, datum: &mut Datum, visit: &mut dyn FnMut(&str, Option<Datum>, &mut Datum)) {
    match (shape, datum) {
        (Shape::Optional(of), datum) => each_below(of, datum, visit),
        (Shape::Record(record), datum) => each(record, datum, visit),
        (Shape::List { of, .. }, Datum::List(items)) => items.iter_mut().for_each(|item| each_below(of, item, visit)),
        (Shape::Map { of, .. }, Datum::Map(items)) => items.values_mut().for_each(|item| each_below(of, item, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Email, Personal, json, log::Item};

    /// Somebody to write to.
    #[derive(Debug, Clone, PartialEq, Body)]
    struct Reached {
        /// The address.
        email: Personal<Email>,
        /// By which it is found.
        #[field(blind = "email")]
        email_index: Option<Blind>,
    }

    #[test]
    fn equal_texts_are_equal_in_any_case_and_width() {
        assert_eq!(normalize(" Zoë@Example.ORG\n"), normalize("zoe\u{308}@ｅxample.org"));
        assert_ne!(normalize("ann@example.org"), normalize("anna@example.org"));
    }

    #[test]
    fn it_is_filled_from_the_text_beside_it_and_never_given() {
        let given = serde_json::json!({ "email": "Ann@example.org" });
        let mut datum = json::parse(Reached::RECORD, &given).unwrap();
        fill(Reached::RECORD, &mut datum, &|field, text| {
            assert_eq!((field, text), ("email", "ann@example.org"));
            [7; 32]
        });
        let index = Reached::from_datum(datum.clone()).unwrap().email_index.unwrap();
        assert_eq!(index.key(), "07".repeat(32));
        let stored = json::write_record(Reached::RECORD, &datum);
        assert_eq!(json::restore(Reached::RECORD, &stored), Ok(datum.clone()));
        hide(Reached::RECORD, &mut datum);
        assert_eq!(json::write_record(Reached::RECORD, &datum), given);
        for value in [serde_json::json!("07".repeat(32)), serde_json::json!(7), serde_json::Value::Null] {
            let claimed = serde_json::json!({ "email": "ann@example.org", "email_index": value });
            let errors = json::parse(Reached::RECORD, &claimed).unwrap_err();
            assert_eq!((errors.len(), errors[0].message.as_str()), (1, "unknown field; known are email"));
        }
    }
}
