//! Views: which tables and documents the declaration asks for, and the version that tells one form from another.

use std::fmt::Write as _;

use daybook_contents::{CONTEXTS, evolve_fingerprint};
use daybook_kernel::{Field, Kind, RecordShape, Shape, SpecialView};
use sha2::{Digest, Sha256};

use crate::decode::context_of;

/// What the projectors themselves do with a declaration. Raised when tables or documents are laid out differently.
const LAYOUT: u32 = 2;

/// The views of one kind: the default view, a table for each growing list, and special views. They are built together.
pub struct Family {
    /// The bounded context.
    pub context: &'static str,
    /// The kind.
    pub kind: &'static dyn Kind,
    /// Its special views.
    pub specials: Vec<&'static SpecialView>,
    /// Hash of the declaration and of how events are folded.
    pub declaration: String,
}

impl Family {
    /// The families of all kinds.
    pub fn all() -> Vec<Family> {
        CONTEXTS
            .iter()
            .flat_map(|context| {
                context.kinds.iter().map(|kind| {
                    let of = |view: &&SpecialView| view.of == kind.meta().type_name;
                    let specials: Vec<_> = context.views.iter().filter(of).collect();
                    let declaration = declaration(context.name, *kind, &specials);
                    Family { context: context.name, kind: *kind, specials, declaration }
                })
            })
            .collect()
    }

    /// The name by which operators and query-api know it: `<context>.<plural>`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.context, self.kind.meta().plural)
    }

    /// Whether it follows that topic.
    pub fn follows(&self, topic: &str) -> bool {
        context_of(topic).is_some_and(|context| context.name == self.context)
    }

    /// The version of its `generation`th build: 0 as declared, higher when it was rebuilt without a change.
    pub fn version(&self, generation: u32) -> String {
        match generation {
            0 => self.declaration.clone(),
            _ => digest(&format!("{}/{generation}", self.declaration)),
        }
    }

    /// Its growing lists.
    pub fn logs(&self) -> impl Iterator<Item = (usize, &'static Field, &'static RecordShape)> + use<> {
        logs(self.kind.meta().shape)
    }
}

/// The growing lists among a record's fields, with their places and the shapes of their items.
pub fn logs(shape: &'static RecordShape) -> impl Iterator<Item = (usize, &'static Field, &'static RecordShape)> {
    shape.fields.iter().enumerate().filter_map(|(place, field)| match &field.shape {
        Shape::Log(item) => Some((place, field, *item)),
        _ => None,
    })
}

fn declaration(context: &str, kind: &dyn Kind, specials: &[&SpecialView]) -> String {
    let mut text = format!("layout {LAYOUT}; evolve {}; ", evolve_fingerprint(context));
    describe_record(kind.meta().shape, &mut text);
    for view in specials {
        let _ = write!(text, "; view {} ", view.name);
        describe_record(view.shape, &mut text);
    }
    digest(&text)
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record's form as text, without what it means to people: comments do not change a view.
fn describe_record(record: &RecordShape, text: &mut String) {
    text.push('{');
    for field in record.fields {
        let _ = write!(text, "{}: ", field.name);
        describe(&field.shape, text);
        let hints = [
            (field.view.filter, " filter"),
            (field.view.sort, " sort"),
            (field.view.search, " search"),
            (field.view.facet, " facet"),
        ];
        hints.iter().filter(|(set, _)| *set).for_each(|(_, hint)| text.push_str(hint));
        text.push_str(", ");
    }
    text.push('}');
}

fn describe(shape: &Shape, text: &mut String) {
    let mut inner = |name: &str, of: &Shape| {
        text.push_str(name);
        text.push('(');
        describe(of, text);
        text.push(')');
    };
    match shape {
        Shape::Optional(of) => inner("optional", of),
        Shape::Personal(of) => inner("personal", of),
        Shape::List { of, .. } => inner("list", of),
        Shape::Map { of, .. } => inner("map", of),
        Shape::Record(record) => describe_record(record, text),
        Shape::Log(record) => {
            text.push_str("log");
            describe_record(record, text);
        }
        // Limits and options decide what is accepted, not how it is kept.
        Shape::Whole { .. } => text.push_str("whole"),
        Shape::Text { .. } => text.push_str("text"),
        Shape::Choice { .. } => text.push_str("choice"),
        Shape::Ref(_) | Shape::Id => text.push_str("id"),
        other => {
            let _ = write!(text, "{other:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_follows_from_the_declaration_and_the_generation() {
        for family in Family::all() {
            assert_eq!(family.version(0), family.declaration);
            assert_ne!(family.version(1), family.version(0), "{}", family.name());
            assert_eq!(family.version(1), family.version(1));
        }
    }
}
