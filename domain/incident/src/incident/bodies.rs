//! What is said in the commands and events of an incident.

use daybook_facts as facts;
use daybook_kernel::{Body, Choice, Level, Line, Number, Personal, Ref, Slug, Text, Time};
use uuid::Uuid;

use super::{Grade, Incident, Priority};

/// How an incident reached the service desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Channel {
    /// The caller wrote it down in the portal.
    Portal,
    /// By e-mail.
    Email,
    /// By telephone.
    Phone,
    /// A monitoring system noticed it.
    Monitoring,
    /// Another program reported it.
    Api,
    /// The caller wrote it down in the mobile application.
    Mobile,
}

/// A report: what went wrong, for whom.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Report {
    /// What went wrong, in one line.
    pub short_description: Personal<Line<160>>,
    /// What went wrong, at length.
    pub description: Option<Personal<Text<4000>>>,
    /// For whom it went wrong.
    pub caller: Ref<facts::User>,
    /// How it reached the service desk.
    pub channel: Channel,
    /// How many suffer: 1 high to 3 low.
    pub impact: Grade,
    /// How soon it hurts: 1 high to 3 low.
    pub urgency: Grade,
    /// What kind of thing went wrong, in the tenant's own words.
    pub category: Option<Line<80>>,
    /// More exactly what kind.
    pub subcategory: Option<Line<80>>,
    /// Where.
    pub location: Option<Line<160>>,
    /// The configuration items concerned.
    pub cis: Vec<Ref<facts::ConfigurationItem>>,
    /// Its number in the system it comes from, where it was imported.
    pub external_number: Option<Line<40>>,
}

/// An incident began: the report, with what followed from it.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Created {
    /// Its number in the tenant's series.
    pub number: Number,
    /// When it began.
    pub opened_at: Time,
    /// What followed from impact and urgency.
    pub priority: Priority,
    /// What went wrong, in one line.
    pub short_description: Personal<Line<160>>,
    /// What went wrong, at length.
    pub description: Option<Personal<Text<4000>>>,
    /// For whom it went wrong.
    pub caller: Ref<facts::User>,
    /// How it reached the service desk.
    pub channel: Channel,
    /// How many suffer: 1 high to 3 low.
    pub impact: Grade,
    /// How soon it hurts: 1 high to 3 low.
    pub urgency: Grade,
    /// What kind of thing went wrong.
    pub category: Option<Line<80>>,
    /// More exactly what kind.
    pub subcategory: Option<Line<80>>,
    /// Where.
    pub location: Option<Line<160>>,
    /// The configuration items concerned.
    pub cis: Vec<Ref<facts::ConfigurationItem>>,
    /// Its number in the system it comes from.
    pub external_number: Option<Line<40>>,
    /// The domain of the organisation that its caller is of.
    pub domain: Option<Slug>,
}

/// What went wrong, said better; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Description {
    /// In one line.
    pub short_description: Option<Personal<Line<160>>>,
    /// At length.
    pub description: Option<Personal<Text<4000>>>,
    /// Where.
    pub location: Option<Line<160>>,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Classification {
    /// The category, in the tenant's own words.
    pub category: Line<80>,
    /// More exactly; none where it is left out.
    pub subcategory: Option<Line<80>>,
}

/// What comes first; what is left out stays as it is, and the priority follows from the matrix.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Grading {
    /// How many suffer: 1 high to 3 low.
    pub impact: Option<Grade>,
    /// How soon it hurts: 1 high to 3 low.
    pub urgency: Option<Grade>,
    /// A priority other than the matrix gives; needs a reason.
    pub priority: Option<Priority>,
    /// Why the matrix does not hold here.
    pub override_reason: Option<Personal<Line<400>>>,
}

/// What comes first was said.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Graded {
    /// How many suffer: 1 high to 3 low.
    pub impact: Grade,
    /// How soon it hurts: 1 high to 3 low.
    pub urgency: Grade,
    /// What followed, or was decided.
    pub priority: Priority,
    /// Why the matrix does not hold here.
    pub override_reason: Option<Personal<Line<400>>>,
}

/// To whom the work is given: a group, a user, or a user of a group.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Assignment {
    /// The group; the one it has, where it is left out. A group without a user puts the incident in the group's queue.
    pub group: Option<Ref<facts::Group>>,
    /// The member of the group.
    pub assignee: Option<Ref<facts::User>>,
    /// Only where this user has it still; else nothing changes.
    pub instead_of: Option<Ref<facts::User>>,
}

/// Who gave the work away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum AssignedBy {
    /// A person.
    Person,
    /// A rule, through a service.
    Rule,
}

/// The work was given away.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Assigned {
    /// The group that has it.
    pub group: Option<Ref<facts::Group>>,
    /// The member of the group that has it; none while it is in the group's queue.
    pub assignee: Option<Ref<facts::User>>,
    /// Who gave it.
    pub by: AssignedBy,
}

/// Whom or what an incident on hold waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum HoldReason {
    /// The caller, for an answer.
    Caller,
    /// A vendor.
    Vendor,
    /// A change to be made.
    Change,
    /// A problem to be solved.
    Problem,
    /// Evidence to come.
    Evidence,
}

/// Why the work rests, and until when.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Hold {
    /// Whom or what it waits for.
    pub reason: HoldReason,
    /// When it should go on at the latest.
    pub resume_at: Option<Time>,
}

/// In which direction an incident is escalated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum EscalationKind {
    /// To those who know more.
    Functional,
    /// To those who decide more.
    Hierarchical,
}

/// An escalation.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Escalation {
    /// How far: 1 is the first level above.
    pub level: Level<1, 5>,
    /// In which direction.
    pub kind: EscalationKind,
    /// Why.
    pub reason: Personal<Line<400>>,
}

/// How an incident was resolved.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Resolution {
    /// The kind of resolution, in the tenant's own words.
    pub resolution_code: Line<40>,
    /// What was done.
    pub resolution_notes: Personal<Text<4000>>,
    /// Why it went wrong, as far as known.
    pub cause: Option<Personal<Line<400>>>,
}

/// An incident was resolved.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Resolved {
    /// The kind of resolution.
    pub resolution_code: Line<40>,
    /// What was done; with the parent where that was resolved.
    pub resolution_notes: Option<Personal<Text<4000>>>,
    /// Why it went wrong, as far as known.
    pub cause: Option<Personal<Line<400>>>,
    /// The parent it was resolved with.
    pub with: Option<Ref<Incident>>,
    /// When.
    pub resolved_at: Time,
}

/// Who closed an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum ClosedBy {
    /// The caller, who says it is right again.
    Caller,
    /// The service desk.
    ServiceDesk,
}

/// An incident was closed.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Closed {
    /// By whom.
    pub by: ClosedBy,
    /// When.
    pub closed_at: Time,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reason {
    /// The reason.
    pub reason: Personal<Line<400>>,
}

/// Who reads a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Visibility {
    /// The caller too.
    Public,
    /// Those who work on it.
    Internal,
}

/// Something to add.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Remark {
    /// The text.
    pub body: Personal<Text<4000>>,
    /// Who reads it.
    pub visibility: Visibility,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Comment {
    /// The text.
    pub body: Personal<Text<4000>>,
    /// Who reads it.
    pub visibility: Visibility,
    /// Who wrote it; none where a service did.
    pub author: Option<Ref<facts::User>>,
    /// When it was written.
    pub written_at: Time,
}

/// A piece of work to be done.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct NewTask {
    /// What is to be done.
    pub title: Personal<Line<160>>,
    /// Who does it.
    pub assignee: Option<Ref<facts::User>>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum TaskStatus {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// No longer needed.
    Cancelled,
}

/// A piece of the work.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Task {
    /// Its id.
    pub id: Uuid,
    /// What is to be done.
    pub title: Personal<Line<160>>,
    /// Who does it.
    pub assignee: Option<Ref<facts::User>>,
    /// Where it stands.
    pub status: TaskStatus,
}

/// A task was added.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct TaskAdded {
    /// Its id.
    pub task: Uuid,
    /// What is to be done.
    pub title: Personal<Line<160>>,
    /// Who does it.
    pub assignee: Option<Ref<facts::User>>,
}

/// A task, where that says it all.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct WhichTask {
    /// The task's id.
    pub task: Uuid,
}

/// Who watches; who gives the command, where it is left out.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Watch {
    /// The user.
    pub user: Option<Ref<facts::User>>,
}

/// Who watches.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Watcher {
    /// The user.
    pub user: Ref<facts::User>,
}

/// What a link can lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum TargetType {
    /// Another incident.
    #[name("incident.Incident")]
    Incident,
}

/// What a link says of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Relation {
    /// It has to do with it.
    RelatesTo,
    /// It says the same.
    Duplicates,
    /// It came of it.
    CausedBy,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Link {
    /// What kind of thing it leads to.
    pub target_type: TargetType,
    /// The thing's id.
    pub target: Uuid,
    /// What it says of it.
    pub relation: Relation,
}

/// A configuration item, where that says it all.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct WhichCi {
    /// The configuration item.
    pub ci: Ref<facts::ConfigurationItem>,
}

/// The incident with the same cause.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Parent {
    /// The parent.
    pub parent: Ref<Incident>,
}
