//! Parents and children: incidents with one cause, resolved together.

use daybook_kernel::{Book, Changes, Decision, Ref, Rejection, accept, nothing, reject};

use super::{Event, Incident, Parent, Resolved};

/// How many incidents one family holds: what is resolved together must fit into one entry.
const FAMILY_MAX: usize = 500;

/// Decides that `child` has the same cause as `parent`.
pub fn set_parent(child: Ref<Incident>, this: &Incident, parent: Ref<Incident>, book: &Book<'_>) -> Decision<Event> {
    if this.parent == Some(parent) {
        return nothing();
    }
    let Some(found) = book.get(parent) else {
        return Err(Rejection::unprocessable("UNKNOWN_INCIDENT", "there is no such parent in this tenant")
            .field("parent", "must be an incident of this tenant"));
    };
    if !found.is_open() {
        return reject(
            "PARENT_NOT_OPEN",
            format!("{} is no longer open, so nothing can be resolved with it", found.number),
        );
    }
    let ancestors: Vec<_> = ancestors(parent, book).collect();
    if ancestors.contains(&child) {
        return reject("OWN_ANCESTOR", "an incident cannot be its own parent, nor the parent of its parent");
    }
    let root = ancestors.last().copied().unwrap_or(parent);
    // Its own descendants come along; where the root is its root already, they are counted there.
    let joining = if root == root_of(child, book) { 0 } else { 1 + descendants(child, book).len() };
    if 1 + descendants(root, book).len() + joining > FAMILY_MAX {
        return reject("FAMILY_TOO_LARGE", format!("at most {FAMILY_MAX} incidents can be resolved together"));
    }
    accept(Event::ParentSet(Parent { parent }))
}

/// Adds to what is changed that the open descendants are resolved too; what was done is said with the parent only.
pub fn resolve_children(
    parent: Ref<Incident>,
    mut changes: Changes<Event>,
    resolved: &Resolved,
    book: &Book<'_>,
) -> Decision<Event> {
    for child in descendants(parent, book) {
        let Some(found) = book.get(child).filter(|found| found.is_open()) else { continue };
        if found.open_tasks() > 0 {
            return Err(Rejection::conflict("OPEN_TASKS", format!("its child {} has open tasks", found.number)));
        }
        let event = Resolved { resolution_notes: None, cause: None, with: Some(parent), ..resolved.clone() };
        changes = changes.also(child, Event::Resolved(event));
    }
    Ok(changes)
}

/// The incident, its parent, the parent of that, and so on.
fn ancestors<'a>(of: Ref<Incident>, book: &'a Book<'_>) -> impl Iterator<Item = Ref<Incident>> + 'a {
    // No family is larger than its limit, so this ends even where a journal of other code holds a circle.
    std::iter::successors(Some(of), |one| book.get(*one)?.parent).take(FAMILY_MAX)
}

fn root_of(one: Ref<Incident>, book: &Book<'_>) -> Ref<Incident> {
    ancestors(one, book).last().unwrap_or(one)
}

/// Children, their children, and so on, each once.
fn descendants(of: Ref<Incident>, book: &Book<'_>) -> Vec<Ref<Incident>> {
    let mut found: Vec<_> = book.referrers("parent", of.id()).collect();
    let mut next = 0;
    while let Some(one) = found.get(next).copied().filter(|_| found.len() <= FAMILY_MAX) {
        let children: Vec<_> = book.referrers("parent", one.id()).filter(|child| !found.contains(child)).collect();
        found.extend(children);
        next += 1;
    }
    found
}
