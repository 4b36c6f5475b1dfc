//! Event bodies in Avro's binary form, written and read by their shape: the fast way, for our own present schemas.
//!
//! The bytes are those that apache-avro writes and reads with the schema of [`crate::avro`]; tests hold both equal.

use std::collections::BTreeMap;

use daybook_kernel::{Datum, RecordShape, Sealed, Shape};

use crate::{
    WireError,
    binary::{Expected, Reader, write_bytes, write_count, write_long, write_uuid},
};

/// Writes a record's datum.
///
/// # Errors
/// When the datum does not have the record's shape, or holds personal data in clear.
pub fn encode(record: &RecordShape, datum: &Datum) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(256);
    write_record(record, datum, &mut out).map_err(|error| error.inside(record.name))?;
    Ok(out)
}

/// Reads a record's datum from all of the bytes.
///
/// # Errors
/// When the bytes are not those of such a record.
pub fn decode(record: &RecordShape, bytes: &[u8]) -> Result<Datum, WireError> {
    let mut reader = Reader::new(bytes);
    let datum = read_record(record, &mut reader).map_err(|error| error.inside(record.name))?;
    match reader.left() {
        0 => Ok(datum),
        left => Err(WireError::Trailing(left)),
    }
}

fn not(datum: &Datum, expected: Expected) -> WireError {
    WireError::Datum { at: String::new(), expected, found: datum.kind() }
}

fn write_record(record: &RecordShape, datum: &Datum, out: &mut Vec<u8>) -> Result<(), WireError> {
    match datum {
        Datum::Record(fields) if fields.len() == record.fields.len() => {
            record.fields.iter().zip(fields).try_for_each(|(field, datum)| {
                write(&field.shape, datum, out).map_err(|error| error.inside(field.name))
            })
        }
        other => Err(not(other, "a record of its fields")),
    }
}

fn write(shape: &Shape, datum: &Datum, out: &mut Vec<u8>) -> Result<(), WireError> {
    match (shape, datum) {
        (Shape::Optional(_), Datum::Null) => write_long(out, 0),
        (Shape::Optional(Shape::Scalar), scalar) => return write_scalar(scalar, 1, out),
        (Shape::Optional(of), present) => {
            write_long(out, 1);
            return write(of, present, out);
        }
        (Shape::Flag, Datum::Flag(flag)) => out.push((*flag).into()),
        (Shape::Whole { .. } | Shape::Time, Datum::Whole(n)) => write_long(out, *n),
        (Shape::Date, Datum::Whole(days)) if i32::try_from(*days).is_ok() => write_long(out, *days),
        (Shape::Text { .. } | Shape::Choice { .. } | Shape::Number, Datum::Text(text)) => {
            write_bytes(out, text.as_bytes())
        }
        (Shape::Id | Shape::Ref(_), Datum::Id(id)) => write_uuid(out, *id),
        (Shape::Scalar, scalar) => return write_scalar(scalar, 0, out),
        (Shape::Personal(_), Datum::Sealed(sealed)) => write_sealed(sealed, out),
        (Shape::Blind, Datum::Blind(hash)) => write_bytes(out, &**hash),
        (Shape::Personal(_), _) => return Err(WireError::Unsealed { at: String::new() }),
        (Shape::List { of, .. }, Datum::List(items)) => return write_list(of, items, out),
        (Shape::Map { of, .. }, Datum::Map(items)) => return write_map(of, items, out),
        (Shape::Record(record), datum) => return write_record(record, datum, out),
        (shape, other) => return Err(not(other, expected(shape))),
    }
    Ok(())
}

/// A union of string, long and boolean, whose first branch has the number `first`.
fn write_scalar(datum: &Datum, first: i64, out: &mut Vec<u8>) -> Result<(), WireError> {
    match datum {
        Datum::Text(text) => {
            write_long(out, first);
            write_bytes(out, text.as_bytes());
        }
        Datum::Whole(n) => {
            write_long(out, first + 1);
            write_long(out, *n);
        }
        Datum::Flag(flag) => {
            write_long(out, first + 2);
            out.push((*flag).into());
        }
        other => return Err(not(other, expected(&Shape::Scalar))),
    }
    Ok(())
}

fn write_sealed(sealed: &Sealed, out: &mut Vec<u8>) {
    write_uuid(out, sealed.key);
    write_bytes(out, &sealed.nonce);
    write_bytes(out, &sealed.ciphertext);
}

fn write_list(of: &Shape, items: &[Datum], out: &mut Vec<u8>) -> Result<(), WireError> {
    if !items.is_empty() {
        write_count(out, items.len() as u64);
        for (place, item) in items.iter().enumerate() {
            write(of, item, out).map_err(|error| error.inside(&format!("[{place}]")))?;
        }
    }
    write_count(out, 0);
    Ok(())
}

fn write_map(of: &Shape, items: &BTreeMap<String, Datum>, out: &mut Vec<u8>) -> Result<(), WireError> {
    if !items.is_empty() {
        write_count(out, items.len() as u64);
        for (name, item) in items {
            write_bytes(out, name.as_bytes());
            write(of, item, out).map_err(|error| error.inside(name))?;
        }
    }
    write_count(out, 0);
    Ok(())
}

fn read_record(record: &RecordShape, reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let mut fields = Vec::with_capacity(record.fields.len());
    for field in record.fields {
        fields.push(read(&field.shape, reader).map_err(|error| error.inside(field.name))?);
    }
    Ok(Datum::Record(fields))
}

fn unnamed(expected: Expected) -> WireError {
    WireError::Field { at: String::new(), expected }
}

fn read(shape: &Shape, reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let primitive = match shape {
        Shape::Flag => reader.flag().map(Datum::Flag),
        Shape::Whole { .. } | Shape::Time => reader.long().map(Datum::Whole),
        Shape::Date => reader.int().map(|days| Datum::Whole(days.into())),
        Shape::Text { .. } | Shape::Choice { .. } | Shape::Number => reader.text().map(Datum::text),
        Shape::Id | Shape::Ref(_) => reader.uuid().map(Datum::Id),
        Shape::Blind => reader.exactly(expected(shape)).map(|hash| Datum::Blind(Box::new(hash))),
        Shape::Scalar => return read_scalar(0, reader),
        Shape::Optional(Shape::Scalar) => return read_scalar(1, reader),
        Shape::Optional(of) => {
            return match reader.branch(2).map_err(unnamed)? {
                0 => Ok(Datum::Null),
                _ => read(of, reader),
            };
        }
        Shape::Personal(_) => return read_sealed(reader),
        Shape::List { of, .. } => return read_list(of, reader),
        Shape::Map { of, .. } => return read_map(of, reader),
        Shape::Record(record) => return read_record(record, reader),
        Shape::Log(_) => Err(expected(shape)),
    };
    primitive.map_err(unnamed)
}

fn read_scalar(first: i64, reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let branch = reader.branch(first + 3).map_err(unnamed)?;
    let datum = match branch - first {
        0 => reader.text().map(Datum::text),
        1 => reader.long().map(Datum::Whole),
        2 => reader.flag().map(Datum::Flag),
        _ => Ok(Datum::Null),
    };
    datum.map_err(unnamed)
}

fn read_sealed(reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let named = |at: &str, expected| WireError::Field { at: at.to_owned(), expected };
    let sealed = Sealed {
        key: reader.uuid().map_err(|expected| named("key", expected))?,
        nonce: reader.exactly("12 bytes").map_err(|expected| named("nonce", expected))?,
        ciphertext: reader.bytes().map_err(|expected| named("ciphertext", expected))?.into(),
    };
    Ok(Datum::Sealed(Box::new(sealed)))
}

fn read_list(of: &Shape, reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let mut items = Vec::new();
    loop {
        match reader.block().map_err(unnamed)? {
            0 => return Ok(Datum::List(items)),
            count => {
                items.reserve(count.min(64));
                for _ in 0..count {
                    let item = read(of, reader).map_err(|error| error.inside(&format!("[{}]", items.len())))?;
                    items.push(item);
                }
            }
        }
    }
}

fn read_map(of: &Shape, reader: &mut Reader<'_>) -> Result<Datum, WireError> {
    let mut items = BTreeMap::new();
    loop {
        match reader.block().map_err(unnamed)? {
            0 => return Ok(Datum::Map(items)),
            count => {
                for _ in 0..count {
                    let name = reader.text().map_err(unnamed)?;
                    let item = read(of, reader).map_err(|error| error.inside(name))?;
                    items.insert(name.to_owned(), item);
                }
            }
        }
    }
}

fn expected(shape: &Shape) -> Expected {
    match shape {
        Shape::Flag => "a flag",
        Shape::Whole { .. } => "a whole number",
        Shape::Text { .. } | Shape::Choice { .. } | Shape::Number => "a text",
        Shape::Time => "microseconds",
        Shape::Date => "days, in 32 bits",
        Shape::Id | Shape::Ref(_) => "an id",
        Shape::Scalar => "a text, a whole number or a flag",
        Shape::Personal(_) => "a sealed value",
        Shape::Blind => "a keyed hash of 32 bytes",
        Shape::Optional(of) => expected(of),
        Shape::List { .. } => "a list",
        Shape::Map { .. } => "a map",
        Shape::Record(_) => "a record",
        Shape::Log(_) => "no growing list, which cannot be part of an event",
    }
}
