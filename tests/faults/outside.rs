//! The second opinion: stock clients that link none of our code read the same journals and count what is admitted.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::verdict::Log;

/// What a journal holds, by our own reader.
pub struct Counted {
    topic: String,
    entries: usize,
    claims: u64,
    voids: u64,
}

impl Counted {
    pub fn of(topic: &str, log: &Log) -> Counted {
        Counted { topic: topic.to_owned(), entries: log.entries.len(), claims: log.claims, voids: log.voids }
    }
}

/// Whether they count the same in every journal; what differs is printed.
pub fn agrees(broker: SocketAddr, logs: &[Counted]) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("outside/run");
    let mut counting =
        Command::new(script).args(["counts.py", &broker.to_string()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = counting.stdin.take().unwrap();
    for Counted { topic, entries, claims, voids } in logs {
        let line = json!({ "topic": topic, "entries": entries, "claims": claims, "void": voids });
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    counting.wait().unwrap().success()
}
