//! What is promised, kind by kind.

pub mod numbers;
pub mod order;
pub mod results;
pub mod rows;

use std::collections::BTreeMap;

use crate::call::Call;
use crate::entry::Entry;

/// A command, by its book and its client's key.
type Command<'a> = (&'a str, &'a str);

fn command_of(call: &Call) -> Command<'_> {
    (&call.book, &call.command)
}

/// The entries of each command, in order.
fn by_command(entries: &[Entry]) -> BTreeMap<Command<'_>, Vec<&Entry>> {
    let mut found: BTreeMap<Command<'_>, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        if let Some(command) = &entry.command {
            found.entry((&entry.book, command)).or_default().push(entry);
        }
    }
    found
}
