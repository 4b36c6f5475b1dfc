//! An incident: what went wrong for somebody, from the report to its closure.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Book, Choice, Commands, Context, Decision, Events, Level, Line, Log, Number, Personal, Record, Ref,
    Rule, Slug, Text, Time, Unique,
};

mod bodies;
mod decisions;
mod family;
mod priority;
#[cfg(test)]
mod scenarios;

pub use bodies::*;
pub use priority::{Grade, Priority};

/// What went wrong for somebody, and what is done about it.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "incident", plural = "incidents", events = "incident", number = "INC", subject = "caller")]
pub struct Incident {
    /// Its number in the tenant's series.
    #[view(filter, sort, search)]
    pub number: Number,
    /// Where it stands in its life.
    #[view(filter, facet)]
    pub status: Status,
    /// What went wrong, in one line.
    #[view(search)]
    pub short_description: Personal<Line<160>>,
    /// What went wrong, at length.
    #[view(search)]
    pub description: Option<Personal<Text<4000>>>,
    /// For whom it went wrong.
    #[view(filter)]
    #[belongs(own)]
    pub caller: Ref<facts::User>,
    /// How it reached the service desk.
    #[view(filter)]
    pub channel: Channel,
    /// How many suffer: 1 high to 3 low.
    pub impact: Grade,
    /// How soon it hurts: 1 high to 3 low.
    pub urgency: Grade,
    /// What comes first.
    #[view(filter, sort, facet)]
    pub priority: Priority,
    /// What kind of thing went wrong.
    #[view(filter, facet)]
    pub category: Option<Line<80>>,
    /// More exactly what kind.
    pub subcategory: Option<Line<80>>,
    /// Where.
    pub location: Option<Line<160>>,
    /// The group that has the work.
    #[view(filter, facet)]
    #[belongs(team)]
    pub group: Option<Ref<facts::Group>>,
    /// The member of the group that has it.
    #[view(filter)]
    #[belongs(own)]
    pub assignee: Option<Ref<facts::User>>,
    /// What it waits for, while it is on hold.
    pub hold: Option<Hold>,
    /// How far it was escalated last.
    pub escalation: Option<Level<1, 5>>,
    /// How it was resolved last.
    pub resolution: Option<Resolved>,
    /// The incident with the same cause.
    #[view(filter)]
    #[book(referrers)]
    pub parent: Option<Ref<Incident>>,
    /// The configuration items concerned.
    pub cis: BTreeSet<Ref<facts::ConfigurationItem>>,
    /// What it has to do with.
    pub links: Vec<Link>,
    /// Who wants to hear of it.
    pub watchers: BTreeSet<Ref<facts::User>>,
    /// The pieces of the work.
    pub tasks: Vec<Task>,
    /// What was said about it.
    pub comments: Log<Comment>,
    /// How often it went to another group after the first.
    pub reassignment_count: u32,
    /// How often it was resolved and was not.
    pub reopen_count: u32,
    /// When it was reported.
    #[view(sort)]
    pub opened_at: Time,
    /// When it was resolved last, while it is.
    pub resolved_at: Option<Time>,
    /// When it was closed.
    pub closed_at: Option<Time>,
    /// Its number in the system it comes from; no two incidents have the same.
    #[view(filter, search)]
    pub external_number: Option<Line<40>>,
    /// The domain of the organisation that it is of: the caller's, when it was reported.
    #[view(filter, facet)]
    #[belongs(domain)]
    pub domain: Option<Slug>,
}

/// Where an incident stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Reported, not yet given to anybody.
    New,
    /// Given to a group or a person.
    Assigned,
    /// Being worked on.
    InProgress,
    /// On hold: it waits for somebody outside.
    Pending,
    /// Right again, as far as the service desk knows.
    Resolved,
    /// Right again, as the caller knows or silence says.
    Closed,
    /// Given up before work began.
    Cancelled,
}

/// What may be asked of an incident.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Reports what went wrong.
    Report(Report),
    /// Says better what went wrong.
    Describe(Description),
    /// Says what kind of thing went wrong.
    Categorise(Classification),
    /// Says what comes first.
    SetPriority(Grading),
    /// Gives the work to a group, or to a member of it.
    Assign(Assignment),
    /// Begins the work.
    Start,
    /// Lets the work rest, or says what it waits for now.
    Hold(Hold),
    /// Goes on with the work.
    Resume,
    /// Calls for those who know or decide more.
    Escalate(Escalation),
    /// Says that it is right again, and its children with it.
    Resolve(Resolution),
    /// The caller says that it is right again.
    ConfirmResolution,
    /// The caller says that it is not.
    RejectResolution(Reason),
    /// The service desk finds that it is not right again.
    Reopen(Reason),
    /// The service desk closes it.
    Close,
    /// Gives it up before work began.
    Cancel(Reason),
    /// Adds a comment.
    AddComment(Remark),
    /// Adds a piece of work.
    AddTask(NewTask),
    /// Says that a piece of work is done.
    CompleteTask(WhichTask),
    /// Says that a piece of work is no longer needed.
    CancelTask(WhichTask),
    /// Lets a user hear of it.
    Watch(Watch),
    /// Lets a user hear no more of it.
    Unwatch(Watch),
    /// Says what it has to do with.
    Link(Link),
    /// Takes that back.
    Unlink(Link),
    /// Names a configuration item concerned.
    LinkCi(WhichCi),
    /// Takes that back.
    UnlinkCi(WhichCi),
    /// Names the incident with the same cause.
    SetParent(Parent),
    /// Takes that back.
    UnsetParent,
}

/// What may have happened to an incident.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was reported.
    Created(Created),
    /// It was said better what went wrong.
    Described(Description),
    /// It was said what kind of thing went wrong.
    Categorised(Classification),
    /// It was said what comes first.
    Prioritised(Graded),
    /// The work was given to somebody.
    Assigned(Assigned),
    /// The work began.
    WorkStarted,
    /// The work rests.
    PutOnHold(Hold),
    /// The work goes on.
    Resumed,
    /// Those who know or decide more were called.
    Escalated(Escalation),
    /// It is right again, as far as the service desk knows.
    Resolved(Resolved),
    /// It was not right again.
    Reopened(Reason),
    /// It is right again.
    Closed(Closed),
    /// It was given up.
    Cancelled(Reason),
    /// Something was said about it.
    CommentAdded(Comment),
    /// There is a piece of work to be done.
    TaskAdded(TaskAdded),
    /// A piece of work is done.
    TaskCompleted(WhichTask),
    /// A piece of work is no longer needed.
    TaskCancelled(WhichTask),
    /// Somebody wants to hear of it.
    Watched(Watcher),
    /// Somebody wants to hear no more of it.
    Unwatched(Watcher),
    /// It has to do with something.
    Linked(Link),
    /// It has no longer to do with it.
    Unlinked(Link),
    /// A configuration item is concerned.
    CiLinked(WhichCi),
    /// A configuration item is not concerned.
    CiUnlinked(WhichCi),
    /// It has a parent.
    ParentSet(Parent),
    /// It has no parent any more.
    ParentUnset,
}

impl Aggregate for Incident {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Assigned, Cancelled, Closed, InProgress, New, Pending, Resolved};
        const OPEN: &[Status] = &[New, Assigned, InProgress, Pending];
        const LIVE: &[Status] = &[New, Assigned, InProgress, Pending, Resolved];
        match kind {
            Kind::Report => Rule::create().to(&[New]).may("incident:report"),
            Kind::Describe | Kind::Categorise => Rule::from(OPEN).may("incident:update"),
            Kind::SetPriority => Rule::from(OPEN).may("incident:prioritise"),
            Kind::Assign => Rule::from(OPEN).to(&[Assigned]).may("incident:assign"),
            Kind::Start => Rule::from(&[Assigned]).to(&[InProgress]).may("incident:work"),
            Kind::Hold => Rule::from(&[InProgress, Pending]).to(&[Pending]).may("incident:work"),
            Kind::Resume => Rule::from(&[Pending]).to(&[InProgress]).may("incident:work"),
            Kind::Escalate => Rule::from(OPEN).may("incident:escalate"),
            Kind::Resolve => Rule::from(&[Assigned, InProgress]).to(&[Resolved]).may("incident:work"),
            Kind::ConfirmResolution => Rule::from(&[Resolved]).to(&[Closed]).may("incident:confirm"),
            Kind::RejectResolution => Rule::from(&[Resolved]).to(&[InProgress]).may("incident:confirm"),
            Kind::Reopen => Rule::from(&[Resolved]).to(&[InProgress]).may("incident:reopen"),
            Kind::Close => Rule::from(&[Resolved]).to(&[Closed]).may("incident:close"),
            Kind::Cancel => Rule::from(&[New, Assigned]).to(&[Cancelled]).may("incident:cancel"),
            Kind::AddComment => Rule::from(LIVE).may("incident:comment"),
            Kind::AddTask | Kind::CompleteTask | Kind::CancelTask => Rule::from(OPEN).may("incident:work"),
            Kind::Watch | Kind::Unwatch => Rule::from(LIVE).may("incident:watch"),
            Kind::Link | Kind::Unlink | Kind::LinkCi | Kind::UnlinkCi => Rule::from(OPEN).may("incident:link"),
            Kind::SetParent | Kind::UnsetParent => Rule::from(OPEN).may("incident:link"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        decisions::decide(this, command, book, context)
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Created(created) = event.clone() else { return None };
        Some(Self {
            number: created.number,
            status: Status::New,
            short_description: created.short_description,
            description: created.description,
            caller: created.caller,
            channel: created.channel,
            impact: created.impact,
            urgency: created.urgency,
            priority: created.priority,
            category: created.category,
            subcategory: created.subcategory,
            location: created.location,
            group: None,
            assignee: None,
            hold: None,
            escalation: None,
            resolution: None,
            parent: None,
            cis: created.cis.into_iter().collect(),
            links: Vec::new(),
            watchers: BTreeSet::new(),
            tasks: Vec::new(),
            comments: Log::default(),
            reassignment_count: 0,
            reopen_count: 0,
            opened_at: created.opened_at,
            resolved_at: None,
            closed_at: None,
            external_number: created.external_number,
            domain: created.domain,
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Created(_) => {}
            Event::Described(said) => {
                self.short_description = said.short_description.unwrap_or_else(|| self.short_description.clone());
                self.description = said.description.or_else(|| self.description.take());
                self.location = said.location.or_else(|| self.location.take());
            }
            Event::Categorised(said) => {
                self.category = Some(said.category);
                self.subcategory = said.subcategory;
            }
            Event::Prioritised(said) => {
                self.impact = said.impact;
                self.urgency = said.urgency;
                self.priority = said.priority;
            }
            Event::Assigned(given) => {
                if self.group.is_some() && self.group != given.group {
                    self.reassignment_count += 1;
                }
                self.group = given.group;
                self.assignee = given.assignee;
                self.hold = None;
                self.status = Status::Assigned;
            }
            Event::WorkStarted => self.status = Status::InProgress,
            Event::PutOnHold(hold) => {
                self.hold = Some(hold);
                self.status = Status::Pending;
            }
            Event::Resumed => {
                self.hold = None;
                self.status = Status::InProgress;
            }
            Event::Escalated(escalation) => self.escalation = Some(escalation.level),
            Event::Resolved(resolved) => {
                self.hold = None;
                self.resolved_at = Some(resolved.resolved_at);
                self.resolution = Some(resolved);
                self.status = Status::Resolved;
            }
            Event::Reopened(_) => {
                self.reopen_count += 1;
                self.resolved_at = None;
                self.status = Status::InProgress;
            }
            Event::Closed(closed) => {
                self.closed_at = Some(closed.closed_at);
                self.status = Status::Closed;
            }
            Event::Cancelled(_) => self.status = Status::Cancelled,
            Event::CommentAdded(comment) => self.comments.push(comment),
            Event::TaskAdded(TaskAdded { task, title, assignee }) => {
                self.tasks.push(Task { id: task, title, assignee, status: TaskStatus::Open });
            }
            Event::TaskCompleted(WhichTask { task }) => self.end_task(task, TaskStatus::Done),
            Event::TaskCancelled(WhichTask { task }) => self.end_task(task, TaskStatus::Cancelled),
            Event::Watched(Watcher { user }) => _ = self.watchers.insert(user),
            Event::Unwatched(Watcher { user }) => _ = self.watchers.remove(&user),
            Event::Linked(link) => self.links.push(link),
            Event::Unlinked(link) => self.links.retain(|known| *known != link),
            Event::CiLinked(WhichCi { ci }) => _ = self.cis.insert(ci),
            Event::CiUnlinked(WhichCi { ci }) => _ = self.cis.remove(&ci),
            Event::ParentSet(Parent { parent }) => self.parent = Some(parent),
            Event::ParentUnset => self.parent = None,
        }
    }

    fn unique(&self) -> Vec<Unique> {
        self.external_number.iter().map(|number| Unique::new("external_number", number.as_str())).collect()
    }
}

impl Incident {
    /// Whether work on it can still be done.
    pub fn is_open(&self) -> bool {
        !matches!(self.status, Status::Resolved | Status::Closed | Status::Cancelled)
    }

    fn end_task(&mut self, task: uuid::Uuid, status: TaskStatus) {
        if let Some(task) = self.tasks.iter_mut().find(|known| known.id == task) {
            task.status = status;
        }
    }
}
