//! What follows from a command to an incident, or why not.

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{Book, Choice, Context, Decision, Ref, Rejection, Time, accept, nothing, reject};

use super::{
    Assigned, AssignedBy, Assignment, Closed, ClosedBy, Command, Comment, Created, Description, Event, Graded, Grading,
    Hold, Incident, Link, NewTask, Parent, Priority, Reason, Remark, Report, Resolution, Resolved, TargetType,
    TaskAdded, TaskStatus, Watch, Watcher, WhichCi, WhichTask, family,
};

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// How many tasks, links, watchers or configuration items one incident has at most.
const PARTS_MAX: usize = 200;

pub fn decide(this: Option<&Incident>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let Some(this) = this else {
        return match command {
            Command::Report(report) => report_new(report, book, context),
            _ => Err(Rejection::not_found("incident")),
        };
    };
    match command {
        Command::Report(_) => reject("ALREADY_EXISTS", "the incident is reported already"),
        Command::Describe(said) => this.describe(said),
        Command::Categorise(said) => match (&this.category, &this.subcategory) {
            (Some(category), subcategory) if *category == said.category && *subcategory == said.subcategory => {
                nothing()
            }
            _ => accept(Event::Categorised(said)),
        },
        Command::SetPriority(grading) => this.set_priority(grading),
        Command::Assign(assignment) => this.assign(assignment, context),
        Command::Start => accept(Event::WorkStarted),
        Command::Hold(hold) => this.put_on_hold(hold, context),
        Command::Resume => accept(Event::Resumed),
        Command::Escalate(escalation) => accept(Event::Escalated(escalation)),
        Command::Resolve(resolution) => this.resolve(resolution, book, context),
        Command::ConfirmResolution => {
            this.only_its_caller(context)?;
            accept(Event::Closed(Closed { by: ClosedBy::Caller, closed_at: context.when() }))
        }
        Command::RejectResolution(reason) => {
            this.only_its_caller(context)?;
            this.reopen(reason, context)
        }
        Command::Reopen(reason) => this.reopen(reason, context),
        Command::Close => accept(Event::Closed(Closed { by: ClosedBy::ServiceDesk, closed_at: context.when() })),
        Command::Cancel(reason) => accept(Event::Cancelled(reason)),
        Command::AddComment(Remark { body, visibility }) => accept(Event::CommentAdded(Comment {
            body,
            visibility,
            author: context.actor.user().map(Ref::new),
            written_at: context.when(),
        })),
        Command::AddTask(task) => this.add_task(task, context),
        Command::CompleteTask(WhichTask { task }) => this.end(task, TaskStatus::Done),
        Command::CancelTask(WhichTask { task }) => this.end(task, TaskStatus::Cancelled),
        Command::Watch(watch) => {
            let user = who(watch, context)?;
            if this.watchers.contains(&user) {
                return nothing();
            }
            facts::User::active(context, "user", user)?;
            room(this.watchers.len(), "watchers")?;
            accept(Event::Watched(Watcher { user }))
        }
        Command::Unwatch(watch) => match who(watch, context)? {
            user if this.watchers.contains(&user) => accept(Event::Unwatched(Watcher { user })),
            _ => nothing(),
        },
        Command::Link(link) => this.link(link, book, context),
        Command::Unlink(link) if this.links.contains(&link) => accept(Event::Unlinked(link)),
        Command::Unlink(_) => nothing(),
        Command::LinkCi(WhichCi { ci }) if this.cis.contains(&ci) => nothing(),
        Command::LinkCi(WhichCi { ci }) => {
            facts::ConfigurationItem::in_use(context, "ci", ci)?;
            room(this.cis.len(), "configuration items")?;
            accept(Event::CiLinked(WhichCi { ci }))
        }
        Command::UnlinkCi(WhichCi { ci }) if !this.cis.contains(&ci) => nothing(),
        Command::UnlinkCi(which) => accept(Event::CiUnlinked(which)),
        Command::SetParent(Parent { parent }) => family::set_parent(Ref::new(context.id), this, parent, book),
        Command::UnsetParent if this.parent.is_none() => nothing(),
        Command::UnsetParent => accept(Event::ParentUnset),
    }
}

fn report_new(report: Report, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    facts::User::active(context, "caller", report.caller)?;
    let domain = context.fact(report.caller).and_then(|caller| caller.domain.clone());
    let cis: BTreeSet<_> = report.cis.into_iter().collect();
    room(cis.len().saturating_sub(1), "configuration items")?;
    for ci in &cis {
        facts::ConfigurationItem::in_use(context, "cis", *ci)?;
    }
    accept(Event::Created(Created {
        number: book.next_number::<Incident>(),
        opened_at: context.when(),
        priority: Priority::of(report.impact, report.urgency),
        short_description: report.short_description,
        description: report.description,
        caller: report.caller,
        channel: report.channel,
        impact: report.impact,
        urgency: report.urgency,
        category: report.category,
        subcategory: report.subcategory,
        location: report.location,
        cis: cis.into_iter().collect(),
        external_number: report.external_number,
        domain,
    }))
}

/// The user named, or who gives the command.
fn who(watch: Watch, context: &Context<'_>) -> Result<Ref<facts::User>, Rejection> {
    watch.user.or_else(|| context.actor.user().map(Ref::new)).ok_or_else(|| {
        Rejection::unprocessable("NOBODY_NAMED", "a service does not watch: name a user").field("user", "is required")
    })
}

/// Insists that there is room for one more.
fn room(have: usize, what: &str) -> Result<(), Rejection> {
    match have {
        PARTS_MAX.. => Err(Rejection::conflict("TOO_MANY", format!("an incident has at most {PARTS_MAX} {what}"))),
        _ => Ok(()),
    }
}

impl Incident {
    /// How many of its tasks are to be done.
    pub fn open_tasks(&self) -> usize {
        self.tasks.iter().filter(|task| task.status == TaskStatus::Open).count()
    }

    fn describe(&self, said: Description) -> Decision<Event> {
        let new = Description {
            short_description: said.short_description.filter(|text| *text != self.short_description),
            description: said.description.filter(|text| Some(text) != self.description.as_ref()),
            location: said.location.filter(|text| Some(text) != self.location.as_ref()),
        };
        match new {
            Description { short_description: None, description: None, location: None } => nothing(),
            new => accept(Event::Described(new)),
        }
    }

    fn set_priority(&self, grading: Grading) -> Decision<Event> {
        let impact = grading.impact.unwrap_or(self.impact);
        let urgency = grading.urgency.unwrap_or(self.urgency);
        let matrix = Priority::of(impact, urgency);
        let priority = grading.priority.unwrap_or(matrix);
        if (impact, urgency, priority) == (self.impact, self.urgency, self.priority) {
            return nothing();
        }
        if priority != matrix && grading.override_reason.is_none() {
            let message = format!(
                "impact {impact} and urgency {urgency} make it {}: another priority needs a reason",
                matrix.name()
            );
            return Err(
                Rejection::unprocessable("OVERRIDE_REASON_REQUIRED", message).field("override_reason", "is required")
            );
        }
        let override_reason = grading.override_reason.filter(|_| priority != matrix);
        accept(Event::Prioritised(Graded { impact, urgency, priority, override_reason }))
    }

    fn assign(&self, asked: Assignment, context: &Context<'_>) -> Decision<Event> {
        if asked.group.is_none() && asked.assignee.is_none() {
            return Err(Rejection::unprocessable("NOBODY_NAMED", "name a group, a user or both")
                .field("group", "is required where no assignee is named"));
        }
        if asked.instead_of.is_some() && asked.instead_of != self.assignee {
            return nothing();
        }
        let (group, assignee) = (asked.group.or(self.group), asked.assignee);
        if (group, assignee) == (self.group, self.assignee) {
            return nothing();
        }
        if let Some(user) = assignee {
            facts::User::active(context, "assignee", user)?;
        }
        if let Some(group) = group {
            facts::Group::active(context, "group", group, assignee.map(|user| ("assignee", user)))?;
        }
        let by = if context.actor.user().is_some() { AssignedBy::Person } else { AssignedBy::Rule };
        accept(Event::Assigned(Assigned { group, assignee, by }))
    }

    fn put_on_hold(&self, hold: Hold, context: &Context<'_>) -> Decision<Event> {
        if self.hold.as_ref() == Some(&hold) {
            return nothing();
        }
        if hold.resume_at.is_some_and(|resume_at| resume_at <= context.when()) {
            return Err(Rejection::unprocessable("RESUME_IN_THE_PAST", "work can only go on later than now")
                .field("resume_at", "must be later than now"));
        }
        accept(Event::PutOnHold(hold))
    }

    fn resolve(&self, resolution: Resolution, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if self.open_tasks() > 0 {
            return reject(
                "OPEN_TASKS",
                format!("{} tasks are open: complete or cancel them first", self.open_tasks()),
            );
        }
        let resolved = Resolved {
            resolution_code: resolution.resolution_code,
            resolution_notes: Some(resolution.resolution_notes),
            cause: resolution.cause,
            with: None,
            resolved_at: context.when(),
        };
        let changes = accept(Event::Resolved(resolved.clone()))?;
        family::resolve_children(Ref::new(context.id), changes, &resolved, book)
    }

    fn only_its_caller(&self, context: &Context<'_>) -> Result<(), Rejection> {
        match context.actor.user() {
            Some(user) if user == self.caller.id() => Ok(()),
            _ => Err(Rejection::forbidden("NOT_THE_CALLER", "only the caller says whether it is right again")),
        }
    }

    fn reopen(&self, reason: Reason, context: &Context<'_>) -> Decision<Event> {
        // As the organisation wants it; later it is a new one, linked to it.
        let days = facts::Organization::settings(context).reopen_days;
        match self.resolved_at {
            Some(Time(resolved)) if context.when().0 - resolved > i64::from(days) * DAY => reject(
                "REOPEN_TOO_LATE",
                format!("it was resolved more than {days} days ago: report a new incident and link it"),
            ),
            _ => accept(Event::Reopened(reason)),
        }
    }

    fn add_task(&self, task: NewTask, context: &Context<'_>) -> Decision<Event> {
        room(self.tasks.len(), "tasks")?;
        if let Some(user) = task.assignee {
            facts::User::active(context, "assignee", user)?;
        }
        accept(Event::TaskAdded(TaskAdded { task: context.fresh(0), title: task.title, assignee: task.assignee }))
    }

    fn end(&self, task: uuid::Uuid, status: TaskStatus) -> Decision<Event> {
        match self.tasks.iter().find(|known| known.id == task) {
            None => Err(Rejection::unprocessable("UNKNOWN_TASK", "the incident has no such task")
                .field("task", "must be a task of this incident")),
            Some(known) if known.status == status => nothing(),
            Some(known) if known.status != TaskStatus::Open => {
                reject("TASK_ENDED", format!("the task is {} already", known.status.name()))
            }
            Some(_) if status == TaskStatus::Done => accept(Event::TaskCompleted(WhichTask { task })),
            Some(_) => accept(Event::TaskCancelled(WhichTask { task })),
        }
    }

    fn link(&self, link: Link, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if self.links.contains(&link) {
            return nothing();
        }
        if link.target == context.id {
            return reject("LINK_TO_ITSELF", "an incident is not linked to itself");
        }
        let TargetType::Incident = link.target_type;
        if book.get(Ref::<Incident>::new(link.target)).is_none() {
            return Err(Rejection::unprocessable("UNKNOWN_TARGET", "there is no such incident in this tenant")
                .field("target", "must be an incident of this tenant"));
        }
        room(self.links.len(), "links")?;
        accept(Event::Linked(link))
    }
}
