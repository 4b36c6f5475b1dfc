//! The broker, which is killed and stopped like everything else. It belongs to the state folder (`DAYBOOK_STATE`).

use std::path::Path;
use std::process::{Command, Stdio};

fn stack(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/stack");
    let done = Command::new(script).args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "stack {arguments:?}");
}

/// Kills it, and starts it again. Blocks until it serves.
pub fn crash() {
    stack(&["kill", "kafka"]);
    stack(&["start", "kafka"]);
    stack(&["wait", "kafka"]);
}

/// Sends it a signal, such as `-STOP`.
pub fn signal(signal: &str) {
    let state = std::env::var("DAYBOOK_STATE").expect("DAYBOOK_STATE names the folder of the system");
    let told = std::fs::read_to_string(Path::new(&state).join("run/kafka.pid")).unwrap();
    let id = told.split_whitespace().next().unwrap();
    assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
}
