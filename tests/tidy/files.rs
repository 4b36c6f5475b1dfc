//! Files: small, named for what they hold, and saying first what they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file that has more lines holds more than one thing.
const LINES: usize = 450;

/// Names that say nothing of what a file holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helper", "helpers", "manager", "common", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let rooms = [
        "domain",
        "schemas",
        "journal",
        "platform",
        "vault",
        "command-api",
        "projectors",
        "query-api",
        "sign-in",
        "cli",
        "tests",
    ];
    rooms.iter().for_each(|room| collect(&root().join(room), &mut found));
    assert!(found.len() > 50, "only {} files found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn complaints(complain: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let complaint = |path: &PathBuf| {
        let said = complain(path, &fs::read_to_string(path).unwrap())?;
        Some(format!("{}: {said}", path.strip_prefix(root()).unwrap().display()))
    };
    sources().iter().filter_map(complaint).collect()
}

#[test]
fn every_file_says_first_what_it_is() {
    let wrong =
        complaints(|_, text| (!text.starts_with("//! ")).then(|| "begin it with //! and what it is".to_owned()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small() {
    let wrong = complaints(|_, text| {
        let lines = text.lines().count();
        (lines > LINES).then(|| format!("{lines} lines; at most {LINES}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_named_for_what_they_hold() {
    let wrong = complaints(|path, _| {
        let name = path.file_stem()?.to_str()?;
        EMPTY_NAMES.contains(&name).then(|| format!("{name} says nothing of what it holds"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let marks = ["TO", "FIX", "XX"].map(|half| {
        format!(
            "{half}{}",
            if half == "TO" {
                "DO"
            } else if half == "FIX" {
                "ME"
            } else {
                "X"
            }
        )
    });
    let stub = format!("{}!()", ["to", "do"].concat());
    let wrong = complaints(|_, text| {
        let mark = marks.iter().chain([&stub]).find(|mark| text.contains(mark.as_str()))?;
        Some(format!("{mark}: do it, or write it down as an issue"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
