//! The broker, which is killed and stopped like everything else. It belongs to the state folder (`DAYBOOK_STATE`).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
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

fn state() -> PathBuf {
    std::env::var_os("DAYBOOK_STATE").expect("DAYBOOK_STATE names the folder of the system").into()
}

fn ballast() -> PathBuf {
    state().join("kafka/ballast")
}

/// Leaves nothing of the disk that its data are on.
pub fn fill_disk() {
    let mut ballast = File::create(ballast()).unwrap();
    for piece in [1 << 20, 1 << 10] {
        while ballast.write_all(&vec![0; piece]).is_ok() {}
    }
}

pub fn empty_disk() {
    std::fs::remove_file(ballast()).unwrap();
}

/// Sends it a signal, such as `-STOP`.
pub fn signal(signal: &str) {
    let told = std::fs::read_to_string(state().join("run/kafka.pid")).unwrap();
    let id = told.split_whitespace().next().unwrap();
    assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
}
