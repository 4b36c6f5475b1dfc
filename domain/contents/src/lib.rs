//! The table of contents: every bounded context and its aggregates. The engines know the domain only through this.

use daybook_kernel::{Kind, SpecialView};

pub mod cqrs;
pub mod permissions;

/// Where an incident stands, for the figures that are told of incidents.
pub use daybook_incident::Standing as IncidentStanding;

/// A bounded context: a language of its own, a journal of its own.
#[derive(Debug, Clone, Copy)]
pub struct BoundedContext {
    /// Its name, as in `journal.<name>`.
    pub name: &'static str,
    /// Its aggregates.
    pub kinds: &'static [&'static dyn Kind],
    /// Whether its events are published for other systems on `public.<name>`.
    pub public: bool,
    /// Its views beside the default ones.
    pub views: &'static [SpecialView],
}

/// The version of the code that decides. A deploy that decides otherwise, or writes new events, raises it: nobody claims
/// a partition below the highest version seen.
pub const CODE_VERSION: u32 = 6;

/// The kind of those whom personal data is about, and the event by which one of them is erased.
pub const SUBJECTS: &str = "identity.User";
/// See [`SUBJECTS`].
pub const ERASED: &str = "user.erased";

/// Every bounded context.
pub const CONTEXTS: &[BoundedContext] = &[
    BoundedContext { name: "tenancy", kinds: daybook_tenancy::KINDS, public: false, views: &[] },
    BoundedContext { name: "identity", kinds: daybook_identity::KINDS, public: false, views: &[] },
    BoundedContext { name: "incident", kinds: daybook_incident::KINDS, public: true, views: daybook_incident::VIEWS },
    BoundedContext { name: "cmdb", kinds: daybook_cmdb::KINDS, public: true, views: &[] },
];

/// Of each context, by name: what its sources say but for tests, comments and the functions that only decide. Where it
/// changes, `evolve` may fold the same events into another state, so views are built anew (docs/adr/0005-view-versions.md).
/// And the same with what is unique, for the books that an owner stores.
const EVOLVE: &[(&str, &str, &str)] = &include!(concat!(env!("OUT_DIR"), "/evolve.rs"));

/// The fingerprint of how that context's events are folded, in hexadecimal.
///
/// # Panics
/// Never for a context of [`CONTEXTS`]: the build has hashed them all, and a test checks it.
pub fn evolve_fingerprint(context: &str) -> &'static str {
    let found = EVOLVE.iter().find(|(name, ..)| *name == context);
    found.map(|(_, evolve, _)| *evolve).expect("the build hashes every context")
}

/// The fingerprint of how that context's events are folded and indexed in books, in hexadecimal.
///
/// # Panics
/// Never for a context of [`CONTEXTS`]: the build has hashed them all, and a test checks it.
pub fn book_fingerprint(context: &str) -> &'static str {
    let found = EVOLVE.iter().find(|(name, ..)| *name == context);
    found.map(|(.., book)| *book).expect("the build hashes every context")
}

/// The context of that name.
pub fn context(name: &str) -> Option<&'static BoundedContext> {
    CONTEXTS.iter().find(|context| context.name == name)
}

/// Every kind of aggregate.
pub fn kinds() -> impl Iterator<Item = &'static dyn Kind> {
    CONTEXTS.iter().flat_map(|context| context.kinds.iter().copied())
}

/// The kind of that type name, such as `incident.Incident`.
pub fn kind(type_name: &str) -> Option<&'static dyn Kind> {
    kinds().find(|kind| kind.meta().type_name == type_name)
}

/// The kind served below `/api/v1/<path>`.
pub fn kind_at(path: &str) -> Option<&'static dyn Kind> {
    kinds().find(|kind| kind.meta().path == path)
}

/// The event of that name on the wire, such as `incident.created`: its kind and its place in the declaration.
pub fn event(wire_name: &str) -> Option<(&'static dyn Kind, usize)> {
    kinds().find_map(|kind| Some((kind, kind.event(wire_name)?)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_context_has_its_fingerprints() {
        for context in super::CONTEXTS {
            assert_eq!(super::evolve_fingerprint(context.name).len(), 64);
            assert_eq!(super::book_fingerprint(context.name).len(), 64);
        }
    }
}
