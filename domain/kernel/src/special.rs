//! Special views: what is looked at so often, or so differently, that it has a table of its own, such as a queue.

use crate::{Datum, RecordShape, State};

/// A view beside the default one: a row for each aggregate of a kind that belongs in it.
///
/// The row follows from the folded state alone, so it can be built again from the journal at any time and never drifts
/// from the default view.
#[derive(Debug, Clone, Copy)]
pub struct SpecialView {
    /// Its name, as in the table `<context>.<name>`.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub doc: &'static str,
    /// The kind whose aggregates it shows, by its type name.
    pub of: &'static str,
    /// The fields of a row; their hints say what can be filtered and sorted.
    pub shape: &'static RecordShape,
    /// The row of an aggregate, or `None` while it does not belong in the view.
    pub row: fn(&State) -> Option<Datum>,
}
