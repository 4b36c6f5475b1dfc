//! Who and what the log names, brought in before its incidents: users, groups with their members, configuration items.
//!
//! The log does not list the members of a group; they are learned from it, since only a member can be given a group's work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::log::Row;
use super::plan::UNNAMED_GROUP;

/// Everyone and everything that the rows name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Callers, those who wrote down, were given and resolved incidents.
    pub users: BTreeSet<String>,
    /// Groups with those to whom their work was given.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// Configuration items.
    pub cis: BTreeSet<String>,
}

impl Named {
    /// Gathers the names of the rows.
    pub fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut named = Self::default();
        for row in rows {
            let users = [&row.caller, &row.opened_by, &row.assignee, &row.resolved_by];
            named.users.extend(users.into_iter().flatten().cloned());
            let group = row.group.as_deref().unwrap_or(UNNAMED_GROUP);
            let members = named.groups.entry(group.to_owned()).or_default();
            members.extend(row.assignee.clone());
            named.cis.extend(row.ci.clone());
        }
        named
    }
}

/// An address for a user of whom the log has only a name. The domain is reserved (RFC 2606): no mail ever goes there.
pub fn email(name: &str) -> String {
    format!("{}@servicenow.example", name.to_lowercase().replace(' ', "-"))
}

/// A configuration item of which the log has only a name. What it is the log does not say; a service is what anything can
/// be to who reports that it does not work.
pub fn configuration_item(name: &str) -> Json {
    json!({ "name": name, "ci_type": "service", "environment": "production", "attributes": {} })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::plan::rows::row;

    #[test]
    fn members_are_those_to_whom_a_group_s_work_was_given() {
        let rows = [row(|row| row.assignee = Some("Resolver 1".into())), row(|row| row.group = None)];
        let named = Named::of(rows.iter());
        assert_eq!(named.groups["Group 70"], BTreeSet::from(["Resolver 1".to_owned()]));
        assert!(named.groups[UNNAMED_GROUP].is_empty());
        assert!(named.users.contains("Caller 7") && named.users.contains("Resolver 1"));
        assert_eq!(email("Opened by 8"), "opened-by-8@servicenow.example");
    }
}
