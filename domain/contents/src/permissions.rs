//! The catalogue of permissions: every one there is, from the declaration.

use std::{
    any::Any,
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use daybook_facts as facts;
use daybook_kernel::{Kind, Permission, Referable};

pub use daybook_identity::built_in;

/// The permissions that no aggregate declares: to say when something happened, to act as a policy or for those who sign in, to
/// see figures of incidents, and to be told why somebody may do something.
const BESIDE: &[&str] = &["import:occurred_at", "policy:act", "sign_in:act", "incident:measure", "access:explain"];

/// The permission to read records of a kind.
pub fn to_read(kind: &dyn Kind) -> String {
    format!("{}:read", kind.meta().events)
}

/// The permission to see what is personal in records of a kind that one may read; none where nothing is.
pub fn to_read_personal(kind: &dyn Kind) -> Option<String> {
    let mut shapes = kind.events().iter().map(|event| event.body).chain([kind.meta().shape]);
    let is_personal = shapes.any(|shape| shape.fields.iter().any(|field| field.shape.holds_personal()));
    is_personal.then(|| format!("{}:read_personal", kind.meta().events))
}

/// Every permission there is: of every command, to read every kind and what is personal in it, and those beside the aggregates.
pub fn all() -> BTreeSet<String> {
    let of_commands =
        crate::kinds().flat_map(|kind| (0..kind.commands().len()).map(|command| kind.permission(command).to_owned()));
    let of_readers = crate::kinds().flat_map(|kind| std::iter::once(to_read(kind)).chain(to_read_personal(kind)));
    let beside = BESIDE.iter().map(|permission| (*permission).to_owned());
    of_commands.chain(of_readers).chain(beside).collect()
}

/// What every decision may know of the declaration, as a fact of that type: the catalogue.
pub fn fact(of: &str) -> Option<Arc<dyn Any + Send + Sync>> {
    static CATALOGUE: LazyLock<Arc<facts::Permissions>> = LazyLock::new(|| {
        Arc::new(facts::Permissions {
            all: all().iter().map(|permission| Permission::from(permission.as_str())).collect(),
        })
    });
    (of == facts::Permissions::TYPE).then(|| CATALOGUE.clone() as Arc<dyn Any + Send + Sync>)
}

#[cfg(test)]
mod tests {
    use daybook_kernel::{Facts, Ref};

    use super::*;
    use built_in::{BUILT_IN, Holder, SEPARATED};

    #[test]
    fn every_permission_of_a_role_exists() {
        let known = all();
        for role in BUILT_IN {
            for permission in role.permissions() {
                assert!(known.contains(permission), "{permission} of {} does not exist", role.name);
            }
        }
        for (one, other, _) in SEPARATED {
            assert!(known.contains(*one) && known.contains(*other), "{one} or {other} does not exist");
        }
    }

    #[test]
    fn every_permission_is_in_some_role() {
        let given: BTreeSet<_> = BUILT_IN.iter().flat_map(built_in::BuiltIn::permissions).collect();
        for permission in all() {
            assert!(given.contains(permission.as_str()), "no role has {permission}");
        }
    }

    #[test]
    fn a_stopped_tenant_takes_what_reading_and_leaving_need_and_nothing_that_begins_anything_else() {
        use facts::organization::{Organization, Status, WHILE_READ_ONLY};
        let known = all();
        let takes = |status, permission: &str| {
            let settings = Arc::default();
            Organization { status, settings }.takes(permission).is_ok()
        };
        for permission in WHILE_READ_ONLY {
            assert!(known.contains(permission), "{permission} does not exist");
        }
        for permission in &known {
            let reads = WHILE_READ_ONLY.contains(&permission.as_str());
            assert!(takes(Status::Active, permission), "{permission}");
            for status in [Status::Suspended, Status::Closing] {
                assert_eq!(takes(status, permission), reads, "{permission} {status:?}");
            }
            for status in [Status::Provisioning, Status::Closed, Status::Failed] {
                assert!(!takes(status, permission), "{permission} {status:?}");
            }
        }
        assert!(!takes(Status::Suspended, "incident:report") && takes(Status::Closing, "user:export"));
    }

    #[test]
    fn the_matrix_of_the_itsm_design() {
        let may =
            |role: &str, permission: &str| built_in::named(role).unwrap().permissions().any(|one| one == permission);
        for role in ["Administrator", "IT Manager", "Service Desk Manager", "Agent", "CAB Member", "End User"] {
            assert!(may(role, "incident:report"), "{role} reports");
            let works = !["CAB Member", "End User"].contains(&role);
            assert_eq!(may(role, "incident:assign"), works, "{role} assigns");
            let manages = ["Administrator", "IT Manager", "Service Desk Manager"].contains(&role);
            assert_eq!(may(role, "ci:update"), manages, "{role} manages the estate");
            assert_eq!(may(role, "ci:read"), role != "End User", "{role} sees the estate");
        }
        for role in ["Analyst", "Viewer"] {
            let mut permissions = built_in::named(role).unwrap().permissions();
            let sees = |one: &str| one.ends_with(":read") || ["incident:measure", "access:explain"].contains(&one);
            assert!(permissions.all(sees), "{role} changes nothing");
        }
    }

    #[test]
    fn the_guide_says_the_ids_of_the_roles_of_users() {
        let guide = include_str!("../../../docs/guide/access.md");
        let rows = guide.lines().filter_map(|line| line.strip_prefix("| "));
        let said: BTreeSet<(&str, &str)> = rows
            .filter_map(|row| {
                let mut cells = row.split(" | ");
                Some((cells.next()?, cells.next()?))
            })
            .flat_map(|(names, ids)| names.split(", ").zip(ids.split(", ")))
            .collect();
        for role in BUILT_IN.iter().filter(|role| role.holder == Holder::User) {
            let id = role.id.to_string();
            assert!(guide.contains(&id[..34]), "{id}");
            assert!(said.contains(&(role.name, &id[34..])), "{} is {id}", role.name);
        }
    }

    #[test]
    fn only_the_platform_and_its_services_reach_beyond_a_tenant() {
        for permission in [
            "organization:create",
            "organization:suspend",
            "policy:act",
            "sign_in:act",
            "import:occurred_at",
            "user:sign_in",
        ] {
            for role in BUILT_IN.iter().filter(|role| role.holder == Holder::User) {
                assert!(role.permissions().all(|one| one != permission), "{} has {permission}", role.name);
            }
        }
    }

    #[test]
    fn decisions_find_the_catalogue() {
        struct Declared;
        impl Facts for Declared {
            fn find(&self, of: &'static str, _: uuid::Uuid) -> Option<Arc<dyn Any + Send + Sync>> {
                fact(of)
            }
        }
        let facts: &dyn Facts = &Declared;
        let found = facts.get(facts::Permissions::ID).unwrap();
        assert!(found.all.contains(&Permission::from("incident:report")));
        assert!(facts.get(Ref::<facts::User>::new(uuid::Uuid::nil())).is_none());
    }
}
