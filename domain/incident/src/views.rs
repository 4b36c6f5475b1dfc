//! Special views of incidents: the service desk's queue.

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Line, Number, Personal, Ref, Referable, Slug, SpecialView, State, Time, Value, log::Item,
};

use crate::{
    Incident,
    incident::{Priority, Status},
};

/// The special views of this context.
pub const VIEWS: &[SpecialView] = &[SpecialView {
    name: "queue",
    doc: "What the service desk has to do: every open incident, by what comes first and how long it has waited.",
    of: Incident::TYPE,
    shape: Waiting::RECORD,
    row: waiting,
}];

/// An open incident, as it waits in the queue.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Waiting {
    /// Its number.
    pub number: Number,
    /// Where it stands.
    #[view(filter)]
    pub status: Status,
    /// What comes first.
    #[view(filter, sort)]
    pub priority: Priority,
    /// Since when it waits.
    #[view(sort)]
    pub opened_at: Time,
    /// The group that has the work.
    #[view(filter)]
    pub group: Option<Ref<facts::Group>>,
    /// The member of the group that has it.
    #[view(filter)]
    pub assignee: Option<Ref<facts::User>>,
    /// What kind of thing went wrong.
    #[view(filter)]
    pub category: Option<Line<80>>,
    /// What went wrong, in one line.
    pub short_description: Personal<Line<160>>,
    /// The domain of the organisation that it is of.
    #[view(filter)]
    #[belongs(domain)]
    pub domain: Option<Slug>,
}

fn waiting(state: &State) -> Option<daybook_kernel::Datum> {
    let incident: &Incident = state.downcast_ref()?;
    match incident.status() {
        Status::New | Status::Assigned | Status::InProgress | Status::Pending => {}
        Status::Resolved | Status::Closed | Status::Cancelled => return None,
    }
    let waiting = Waiting {
        number: incident.number.clone(),
        status: incident.status,
        priority: incident.priority,
        opened_at: incident.opened_at,
        group: incident.group,
        assignee: incident.assignee,
        category: incident.category.clone(),
        short_description: incident.short_description.clone(),
        domain: incident.domain.clone(),
    };
    Some(waiting.to_datum())
}
