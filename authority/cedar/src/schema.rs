//! What a policy may speak of, as Cedar's schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use cedar_policy::Schema;

/// Who asks, what for, and how.
const ENTITIES: &str = r#"// What access policies of Daybook may speak of; made from the declaration by `daybook access schema`.

// A group of people.
entity Group;

// Who asks. `domain` is empty where they belong to the whole organisation.
entity User in [Group] = { "domain": String };

// What it is asked about: whose it is, which groups have it, and the domain it is of, empty where it is of the whole organisation.
entity Record = { "own": Set<User>, "team": Set<Group>, "domain": String };

// Whether a second factor was shown at sign-in, and whether it is outside of working hours.
type Context = { "second_factor": Bool, "out_of_hours": Bool };
"#;

/// The schema as text: one action for each permission of the catalogue, and one for all of each resource's.
pub fn schema() -> String {
    let permissions = daybook_contents::permissions::all();
    let resource = |permission: &str| permission.split(':').next().unwrap_or_default().to_owned();
    let resources: BTreeSet<String> = permissions.iter().map(|permission| resource(permission)).collect();
    let mut text = ENTITIES.to_owned();
    for name in resources {
        let _ = write!(text, "\naction \"{name}\";");
    }
    text.push('\n');
    for permission in &permissions {
        let of = resource(permission);
        let _ = write!(
            text,
            "\naction \"{permission}\" in [\"{of}\"] appliesTo {{ principal: [User], resource: [Record], context: Context }};"
        );
    }
    text.push('\n');
    text
}

/// The same, read.
///
/// # Panics
/// Never: a test reads it.
pub(crate) fn parsed() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let (schema, _) = Schema::from_cedarschema_str(&schema()).expect("the declaration makes a valid schema");
        schema
    });
    &SCHEMA
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_permission_is_an_action() {
        let schema = super::parsed();
        let actions: std::collections::BTreeSet<String> =
            schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
        for permission in daybook_contents::permissions::all() {
            assert!(actions.contains(&permission), "{permission}");
        }
    }
}
