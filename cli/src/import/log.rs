//! The log to import: one row for each update of an incident, as ServiceNow's audit system wrote it.
//!
//! Columns are found by name; a column that the import does not use may be missing. `?` stands for what the log does not say.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// How the log writes a time. It names no zone; it is taken as UTC.
const TIME: &str = "%d-%m-%Y %H:%M";

/// Where an incident stands, in the log's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum State {
    /// Nobody works on it yet.
    New,
    /// It is being worked on.
    Active,
    /// It waits for the caller.
    #[serde(rename = "Awaiting User Info")]
    AwaitingUserInfo,
    /// It waits for the cause to be found.
    #[serde(rename = "Awaiting Problem")]
    AwaitingProblem,
    /// It waits for a supplier.
    #[serde(rename = "Awaiting Vendor")]
    AwaitingVendor,
    /// It waits for something to show.
    #[serde(rename = "Awaiting Evidence")]
    AwaitingEvidence,
    /// It is solved, and the caller may still disagree.
    Resolved,
    /// It is over.
    Closed,
}

/// One row: the incident as an update left it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// The row's place in the file; the first after the header is 1.
    #[serde(skip)]
    pub place: u64,
    /// The incident's number in the tool it comes from.
    pub number: String,
    /// Where it stands.
    #[serde(rename = "incident_state")]
    pub state: State,
    /// How often it has gone to another group.
    #[serde(rename = "reassignment_count")]
    pub reassignments: u64,
    /// How often it has been opened again.
    #[serde(rename = "reopen_count")]
    pub reopenings: u64,
    /// Who is affected.
    #[serde(rename = "caller_id", deserialize_with = "known")]
    pub caller: Option<String>,
    /// Who wrote it down.
    #[serde(deserialize_with = "known")]
    pub opened_by: Option<String>,
    /// When it was written down.
    #[serde(deserialize_with = "known_time")]
    pub opened_at: Option<String>,
    /// When this update was made.
    #[serde(rename = "sys_updated_at", deserialize_with = "known_time")]
    pub updated_at: Option<String>,
    /// How it came in.
    #[serde(rename = "contact_type", deserialize_with = "known")]
    pub channel: Option<String>,
    /// Where.
    #[serde(deserialize_with = "known")]
    pub location: Option<String>,
    /// What it is about.
    #[serde(deserialize_with = "known")]
    pub category: Option<String>,
    /// What it is about, more closely.
    #[serde(deserialize_with = "known")]
    pub subcategory: Option<String>,
    /// What the caller sees.
    #[serde(rename = "u_symptom", deserialize_with = "known")]
    pub symptom: Option<String>,
    /// The configuration item concerned.
    #[serde(rename = "cmdb_ci", deserialize_with = "known")]
    pub ci: Option<String>,
    /// How far it reaches.
    #[serde(deserialize_with = "level")]
    pub impact: u8,
    /// How soon it matters.
    #[serde(deserialize_with = "level")]
    pub urgency: u8,
    /// What comes first.
    #[serde(deserialize_with = "level")]
    pub priority: u8,
    /// The group it is with; with a group the log does not name, where the log has `?`.
    #[serde(rename = "assignment_group", deserialize_with = "known")]
    pub group: Option<String>,
    /// Who works on it.
    #[serde(rename = "assigned_to", deserialize_with = "known")]
    pub assignee: Option<String>,
    /// How it was solved. The log repeats the last value in every row of an incident.
    #[serde(rename = "closed_code", deserialize_with = "known")]
    pub resolution: Option<String>,
    /// Who solved it. Repeated as the resolution is.
    #[serde(deserialize_with = "known")]
    pub resolved_by: Option<String>,
    /// When it was solved. Repeated as the resolution is.
    #[serde(deserialize_with = "known_time")]
    pub resolved_at: Option<String>,
    /// The problem behind it.
    #[serde(rename = "problem_id", deserialize_with = "known")]
    pub problem: Option<String>,
    /// The change that solves it.
    #[serde(rename = "rfc", deserialize_with = "known")]
    pub change: Option<String>,
    /// The change that caused it.
    #[serde(deserialize_with = "known")]
    pub caused_by: Option<String>,
}

/// The log, its rows gathered by incident in the order of their first rows; and which file it was.
#[derive(Debug)]
pub struct Log {
    /// The rows of each incident, in the order of the log.
    pub incidents: Vec<Vec<Row>>,
    /// SHA-256 of the rows, in short: what tells this file from another in keys and in what is remembered.
    pub fingerprint: String,
}

/// Reads a log, compressed by gzip or not.
///
/// # Errors
/// When the file cannot be read, or a row is not one: which, and what is wrong with it.
pub fn read(path: &Path) -> Result<Log, Fault> {
    let mut file = BufReader::new(File::open(path).map_err(Fault::file(path))?);
    let compressed = std::io::BufRead::fill_buf(&mut file).map_err(Fault::file(path))?.starts_with(&[0x1f, 0x8b]);
    let mut text = Vec::new();
    match compressed {
        true => MultiGzDecoder::new(file).read_to_end(&mut text),
        false => file.read_to_end(&mut text),
    }
    .map_err(Fault::file(path))?;
    parse(&text).map_err(|problem| Fault::asked(format!("{}: {problem}", path.display())))
}

/// Reads a log's text.
fn parse(text: &[u8]) -> Result<Log, String> {
    let mut incidents: Vec<Vec<Row>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (place, row) in csv::Reader::from_reader(text).deserialize::<Row>().enumerate() {
        let row = Row { place: place as u64 + 1, ..row.map_err(|error| error.to_string())? };
        let of = *places.entry(row.number.clone()).or_insert_with(|| {
            incidents.push(Vec::new());
            incidents.len() - 1
        });
        incidents[of].push(row);
    }
    if incidents.is_empty() {
        return Err("it has no rows".into());
    }
    let fingerprint = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(Log { incidents, fingerprint })
}

fn known<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(field)?;
    // The log writes `Opened by  8` with two blanks where another column has one.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((!text.is_empty() && text != "?").then_some(text))
}

/// A time as RFC 3339.
fn known_time<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let Some(text) = known(field)? else { return Ok(None) };
    let time = strtime::parse(TIME, &text).and_then(|time| time.to_datetime());
    let utc = time.and_then(|time: DateTime| time.to_zoned(TimeZone::UTC));
    match utc {
        Ok(utc) => Ok(Some(utc.timestamp().to_string())),
        Err(_) => Err(serde::de::Error::custom(format!("{text} is not a time such as 29-02-2016 01:16"))),
    }
}

/// A level as the log writes it: its number, and its name behind it.
fn level<'de, D: serde::Deserializer<'de>>(field: D) -> Result<u8, D::Error> {
    let text = String::deserialize(field)?;
    match text.split(' ').next().and_then(|number| number.parse().ok()) {
        Some(level) => Ok(level),
        None => Err(serde::de::Error::custom(format!("{text} is not a level such as 2 - Medium"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/incident_event_log.csv.gz");

    #[test]
    fn the_demo_log_is_read_whole() {
        let log = read(Path::new(DEMO)).unwrap();
        assert_eq!(log.incidents.len(), 890);
        assert_eq!(log.incidents.iter().map(Vec::len).sum::<usize>(), 5_998);
        let first = &log.incidents[0][0];
        assert_eq!((first.number.as_str(), first.place, first.state), ("INC0000045", 1, State::New));
        assert_eq!(first.opened_by.as_deref(), Some("Opened by 8"));
        assert_eq!(first.opened_at.as_deref(), Some("2016-02-29T01:16:00Z"));
        assert_eq!((first.impact, first.urgency, first.priority), (2, 2, 3));
        assert_eq!(first.assignee, None);
    }

    #[test]
    fn a_row_that_is_none_is_named() {
        let header = std::fs::read(DEMO).map(|gz| {
            let mut text = String::new();
            MultiGzDecoder::new(gz.as_slice()).read_to_string(&mut text).unwrap();
            text.lines().take(2).map(str::to_owned).collect::<Vec<_>>()
        });
        let lines = header.unwrap();
        let wrong = |from: &str, to: &str| {
            parse(format!("{}\n{}\n", lines[0], lines[1].replace(from, to)).as_bytes()).unwrap_err()
        };
        assert!(wrong(",New,", ",Asleep,").contains("Asleep"));
        assert!(wrong("29-02-2016 01:16", "30-02-2016 01:16").contains("30-02-2016 01:16 is not a time"));
        assert!(wrong("2 - Medium", "Medium").contains("Medium is not a level"));
        assert!(parse(lines[0].as_bytes()).unwrap_err().contains("no rows"));
    }
}
