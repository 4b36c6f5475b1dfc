//! What an import remembers, so that it can be broken off and go on: a file of one JSON object per line, only ever appended to.
//!
//! Losing it loses nothing for a day: the same file gives its commands the same keys, and gets the first answers again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::incident::Incident;
use super::plan::Names;
use crate::fault::Fault;

/// How long a command can be given again under its key, with a margin: the command API knows it for 24 hours.
const KEYS_HOLD: Duration = Duration::from_secs(23 * 3_600);

/// One thing that is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time is read or written")]
pub enum Done {
    /// A user has an account.
    User {
        /// The name in the log.
        name: String,
        /// The user.
        id: Uuid,
    },
    /// A group exists.
    Group {
        /// The name in the log.
        name: String,
        /// The group.
        id: Uuid,
    },
    /// A configuration item exists.
    Ci {
        /// The name in the log.
        name: String,
        /// The configuration item.
        id: Uuid,
    },
    /// A user belongs to a group.
    Member {
        /// The group's name in the log.
        group: String,
        /// The user's name in the log.
        user: String,
    },
    /// An incident is reported.
    Incident {
        /// Its number in the log.
        number: String,
        /// The incident.
        id: Uuid,
    },
    /// A row of an incident has been brought in.
    Row(Applied),
}

/// What became of a row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Applied {
    /// The incident's number in the log.
    pub number: String,
    /// The row's place in the file.
    pub place: u64,
    /// Where the incident's last entry stands in the journal.
    pub position: Option<String>,
    /// The commands accepted that the row asked for, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, u64>,
    /// The commands accepted that the life cycle asked for, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inserted: BTreeMap<String, u64>,
    /// The commands that were refused, with the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// What differs from the log after the row; empty where state and both counts are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// The incident as the row left it: from it the next row is planned again as it was planned before a break, so that
    /// the same commands get the same keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Incident>,
}

/// A command that was refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// The command.
    pub command: String,
    /// The rejection's code.
    pub code: String,
    /// What it says.
    pub message: String,
}

/// Everything an import knows to be done.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    file: File,
    keys_hold: bool,
    users: HashMap<String, Uuid>,
    groups: HashMap<String, Uuid>,
    cis: HashMap<String, Uuid>,
    members: HashSet<(String, String)>,
    incidents: HashMap<String, Uuid>,
    rows: HashMap<String, Vec<Applied>>,
}

impl Memory {
    /// Opens what was remembered, or begins.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Fault::file(folder))?;
        }
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(Fault::file(path))?;
        let mut memory = Self {
            path: path.into(),
            keys_hold: file
                .metadata()
                .and_then(|it| it.modified())
                .is_ok_and(|last| last.elapsed().unwrap_or_default() < KEYS_HOLD),
            file: file.try_clone().map_err(Fault::file(path))?,
            users: HashMap::new(),
            groups: HashMap::new(),
            cis: HashMap::new(),
            members: HashSet::new(),
            incidents: HashMap::new(),
            rows: HashMap::new(),
        };
        let mut whole = 0;
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while lines.read_line(&mut line).map_err(Fault::file(path))? > 0 {
            // A crash may have cut the last line short: what it said is found out again.
            if !line.ends_with('\n') {
                memory.file.set_len(whole).map_err(Fault::file(path))?;
                break;
            }
            whole += line.len() as u64;
            match serde_json::from_str(&line) {
                Ok(done) => memory.take(done),
                Err(error) => {
                    return Err(Fault::asked(format!("{} is not what an import remembers: {error}", path.display())));
                }
            }
            line.clear();
        }
        Ok(memory)
    }

    /// Remembers one more thing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&mut self, done: Done) -> Result<(), Fault> {
        let mut line = serde_json::to_string(&done).expect("texts, numbers and lists are always JSON");
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(Fault::file(&self.path))?;
        self.take(done);
        Ok(())
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::User { name, id } => _ = self.users.insert(name, id),
            Done::Group { name, id } => _ = self.groups.insert(name, id),
            Done::Ci { name, id } => _ = self.cis.insert(name, id),
            Done::Member { group, user } => _ = self.members.insert((group, user)),
            Done::Incident { number, id } => _ = self.incidents.insert(number, id),
            Done::Row(row) => self.rows.entry(row.number.clone()).or_default().push(row),
        }
    }

    /// Whether the keys of the commands given last are still known to the command API: then what was given and not
    /// remembered can be given again.
    pub fn keys_hold(&self) -> bool {
        self.keys_hold
    }

    /// Whether a user belongs to a group already.
    pub fn is_member(&self, group: &str, user: &str) -> bool {
        self.members.contains(&(group.into(), user.into()))
    }

    /// The incident with that number in the log.
    pub fn incident(&self, number: &str) -> Option<Uuid> {
        self.incidents.get(number).copied()
    }

    /// The rows of an incident that have been brought in.
    pub fn rows(&self, number: &str) -> &[Applied] {
        self.rows.get(number).map_or(&[], Vec::as_slice)
    }

    /// Every name that is known, for planning while others remember.
    pub fn directory(&self) -> Directory {
        Directory { users: self.users.clone(), groups: self.groups.clone(), cis: self.cis.clone() }
    }
}

/// Who and what the log names, with their ids.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    users: HashMap<String, Uuid>,
    groups: HashMap<String, Uuid>,
    cis: HashMap<String, Uuid>,
}

impl Names for Directory {
    fn user(&self, name: &str) -> Option<Uuid> {
        self.users.get(name).copied()
    }

    fn group(&self, name: &str) -> Option<Uuid> {
        self.groups.get(name).copied()
    }

    fn ci(&self, name: &str) -> Option<Uuid> {
        self.cis.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_known_again_and_a_line_cut_short_is_forgotten() {
        let folder = std::env::temp_dir().join(format!("daybook-import-{}", Uuid::new_v4()));
        let path = folder.join("memory.jsonl");
        let id = Uuid::new_v4();
        {
            let mut memory = Memory::open(&path).unwrap();
            memory.remember(Done::User { name: "Caller 1".into(), id }).unwrap();
            memory.remember(Done::Row(Applied { number: "INC1".into(), place: 4, ..Applied::default() })).unwrap();
            memory.file.write_all(b"{\"done\":\"user\",\"na").unwrap();
        }
        {
            let mut memory = Memory::open(&path).unwrap();
            assert_eq!(memory.directory().user("Caller 1"), Some(id));
            assert_eq!(memory.rows("INC1")[0].place, 4);
            memory.remember(Done::Member { group: "Group 1".into(), user: "Caller 1".into() }).unwrap();
        }
        assert!(Memory::open(&path).unwrap().is_member("Group 1", "Caller 1"));
        fs::write(&path, "else\n").unwrap();
        assert!(Memory::open(&path).unwrap_err().to_string().contains("is not what an import remembers"));
        fs::remove_dir_all(folder).unwrap();
    }
}
