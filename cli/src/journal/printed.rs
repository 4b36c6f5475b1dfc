//! Printing to who may stop to read at any moment, as `head` does.

use std::io::{self, Write};
use std::path::Path;

use crate::fault::Fault;

/// Prints a text and a line's end. Who reads no more has seen enough: then the process ends.
pub fn print(out: &mut impl Write, text: &str) -> Result<(), Fault> {
    done(writeln!(out, "{text}").and_then(|()| out.flush()), Path::new("standard output"))
}

/// What became of a write there.
pub fn done(written: io::Result<()>, path: &Path) -> Result<(), Fault> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.map_err(Fault::file(path)),
    }
}
