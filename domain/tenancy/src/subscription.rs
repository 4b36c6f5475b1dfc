//! A subscription: which plan an organisation has, for how many people, and whether it is paid for. It has the organisation's
//! id, so there is one of each, and a trial only once.
//!
//! It stands in the platform's book beside its plan and its organisation, so what it allows of members is exact. What is
//! counted in the tenant's books looks at it as a fact.

use daybook_facts::{
    self as facts,
    subscription::{Limit, Metric},
};
use daybook_kernel::{
    Aggregate, Book, Commands, Context, Decision, Events, Level, Line, Published, Record, Ref, Rejection, Rule, Time,
    accept, nothing, reject,
};

pub use daybook_facts::subscription::Status;

use crate::{Organization, Plan, organization, plan};

mod bodies;
#[cfg(test)]
mod scenarios;

pub use bodies::{Begun, Cancellation, Choosing, Paid, Period, Reason, Seats, Terms, Trial, Wish};

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// How long a trial lasts: 30 days.
const TRIAL: i64 = 30 * DAY;

/// What an organisation has subscribed to.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(
    context = "tenancy",
    plural = "subscriptions",
    events = "subscription",
    shares = "tenancy.Organization",
    book = "platform"
)]
pub struct Subscription {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// What it gives.
    pub terms: Terms,
    /// How often it is paid for; not at all while it is on trial.
    pub period: Option<Period>,
    /// Until when it is paid for, or the trial lasts.
    #[view(sort)]
    pub ends_at: Time,
    /// The plan it has from the next period on.
    #[view(filter)]
    pub next_plan: Option<Ref<Plan>>,
    /// Whether it ends with the period.
    pub ends_with_period: bool,
    /// How many payments failed in a row.
    pub failures: Level<0, 255>,
    /// Why it is suspended.
    pub suspended_for: Option<Line<400>>,
}

/// What may be asked of a subscription.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins it with 30 days for nothing.
    StartTrial(Trial),
    /// Begins it, to be paid for.
    Subscribe(Choosing),
    /// Goes on after a trial or an end, to be paid for.
    Resubscribe(Choosing),
    /// Changes the plan: at once to one that gives more, else from the next period on.
    ChangePlan(Wish),
    /// Changes for how many people it is.
    ChangeSeats(Seats),
    /// Says that it was paid for: the next period begins where the last is over, and what is suspended goes on.
    RecordPaymentSucceeded,
    /// Says that a payment failed.
    RecordPaymentFailed,
    /// Stops it for a reason: nothing that it counts is begun.
    Suspend(Reason),
    /// Ends it, at once or with the period.
    Cancel(Cancellation),
    /// Ends it because its time is over.
    Expire,
}

/// What may have happened to a subscription.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// A trial began.
    TrialStarted(Begun),
    /// It began, to be paid for.
    Subscribed(Begun),
    /// It goes on, to be paid for.
    Resubscribed(Begun),
    /// It has another plan.
    PlanChanged(Terms),
    /// It has another plan from the next period on.
    PlanChangeScheduled(Wish),
    /// It is for another number of people.
    SeatsChanged(Seats),
    /// It was paid for.
    PaymentSucceeded(Paid),
    /// A payment failed.
    PaymentFailed,
    /// It was stopped.
    Suspended(Reason),
    /// It ends with the period.
    CancellationScheduled,
    /// It was ended.
    Cancelled,
    /// Its time was over.
    Expired,
}

impl Aggregate for Subscription {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Cancelled, Expired, PastDue, Suspended, Trialing};
        const LIVE: &[Status] = &[Trialing, Active, PastDue];
        const GOING_ON: &[Status] = &[Trialing, Active, PastDue, Suspended];
        match kind {
            Kind::StartTrial => Rule::create().to(&[Trialing]).may("subscription:manage"),
            Kind::Subscribe => Rule::create().to(&[Active]).may("subscription:manage"),
            Kind::Resubscribe => Rule::from(&[Trialing, Cancelled, Expired]).to(&[Active]).may("subscription:manage"),
            Kind::ChangePlan | Kind::ChangeSeats => Rule::from(LIVE).may("subscription:manage"),
            Kind::RecordPaymentSucceeded => {
                Rule::from(&[Active, PastDue, Suspended]).to(&[Active]).may("subscription:bill")
            }
            Kind::RecordPaymentFailed => Rule::from(&[Active, PastDue]).to(&[PastDue]).may("subscription:bill"),
            Kind::Suspend => Rule::from(LIVE).to(&[Suspended]).may("subscription:suspend"),
            Kind::Cancel => {
                Rule::from(GOING_ON).to(&[Trialing, Active, PastDue, Suspended, Cancelled]).may("subscription:manage")
            }
            Kind::Expire => Rule::from(GOING_ON).to(&[Expired]).may("subscription:bill"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::StartTrial(Trial { plan, seats }) => {
                    let ends_at = Time(context.when().0 + TRIAL);
                    accept(Event::TrialStarted(Begun {
                        terms: terms(plan, seats, book, context)?,
                        period: None,
                        ends_at,
                    }))
                }
                Command::Subscribe(chosen) => accept(Event::Subscribed(begun(chosen, book, context)?)),
                _ => Err(Rejection::not_found("subscription")),
            };
        };
        match command {
            Command::StartTrial(_) | Command::Subscribe(_) => {
                reject("ALREADY_EXISTS", "there is a subscription already")
            }
            Command::Resubscribe(chosen) => accept(Event::Resubscribed(begun(chosen, book, context)?)),
            Command::ChangePlan(Wish { plan }) if this.next_plan.unwrap_or(this.terms.plan) == plan => nothing(),
            Command::ChangePlan(wish) => {
                let wanted = terms(wish.plan, this.terms.seats, book, context)?;
                match wanted.gives_less_than(&this.terms) {
                    true => accept(Event::PlanChangeScheduled(wish)),
                    false => accept(Event::PlanChanged(wanted)),
                }
            }
            Command::ChangeSeats(Seats { seats }) if seats == this.terms.seats => nothing(),
            Command::ChangeSeats(asked) => {
                this.terms.seats_fit(asked.seats, book, context)?;
                accept(Event::SeatsChanged(asked))
            }
            Command::RecordPaymentSucceeded => this.paid(book, context),
            Command::RecordPaymentFailed => accept(Event::PaymentFailed),
            Command::Suspend(reason) => accept(Event::Suspended(reason)),
            Command::Cancel(Cancellation { at_period_end: false }) => accept(Event::Cancelled),
            Command::Cancel(_) if this.ends_with_period => nothing(),
            Command::Cancel(_) => accept(Event::CancellationScheduled),
            Command::Expire if context.when() < this.ends_at => {
                reject("NOT_OVER", format!("the subscription lasts until {}", this.ends_at))
            }
            Command::Expire => accept(Event::Expired),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let (begun, status) = match event.clone() {
            Event::TrialStarted(begun) => (begun, Status::Trialing),
            Event::Subscribed(begun) => (begun, Status::Active),
            _ => return None,
        };
        let Begun { terms, period, ends_at } = begun;
        let (failures, suspended_for) = (Level::new(0), None);
        Some(Self { status, terms, period, ends_at, next_plan: None, ends_with_period: false, failures, suspended_for })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::TrialStarted(_) | Event::Subscribed(_) => {}
            Event::Resubscribed(Begun { terms, period, ends_at }) => {
                (self.status, self.terms, self.period, self.ends_at) = (Status::Active, terms, period, ends_at);
                (self.next_plan, self.ends_with_period) = (None, false);
            }
            Event::PlanChanged(terms) => (self.terms, self.next_plan) = (terms, None),
            Event::PlanChangeScheduled(Wish { plan }) => self.next_plan = Some(plan),
            Event::SeatsChanged(Seats { seats }) => self.terms.seats = seats,
            Event::PaymentSucceeded(Paid { ends_at, terms }) => {
                (self.status, self.ends_at, self.failures) = (Status::Active, ends_at, Level::new(0));
                self.suspended_for = None;
                if let Some(terms) = terms {
                    (self.terms, self.next_plan) = (terms, None);
                }
            }
            Event::PaymentFailed => {
                self.status = Status::PastDue;
                self.failures = Level::new(self.failures.get().saturating_add(1));
            }
            Event::Suspended(Reason { reason }) => {
                (self.status, self.suspended_for) = (Status::Suspended, Some(reason));
            }
            Event::CancellationScheduled => self.ends_with_period = true,
            Event::Cancelled => self.status = Status::Cancelled,
            Event::Expired => self.status = Status::Expired,
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(self.known()))
    }
}

impl Subscription {
    /// What others know of it: the limits of its plan, and that of members by the seats.
    pub fn known(&self) -> facts::Subscription {
        let others = self.terms.limits.iter().filter(|limit| limit.metric != Metric::Members).copied();
        let members = Limit { metric: Metric::Members, soft: self.terms.seats, hard: Some(self.terms.seats) };
        facts::Subscription { status: self.status, limits: others.chain([members]).collect() }
    }

    /// A period follows the last where that is over; one that is paid for while it lasts stays as long as it is.
    fn paid(&self, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if context.when() < self.ends_at {
            return match self.status {
                Status::Active => nothing(),
                _ => accept(Event::PaymentSucceeded(Paid { ends_at: self.ends_at, terms: None })),
            };
        }
        if self.ends_with_period {
            return reject("ENDS_WITH_PERIOD", "the subscription was cancelled and its period is over");
        }
        let next = self.next_plan.and_then(|id| Some((id, book.get(id)?)));
        let terms = next.map(|(id, plan)| Terms::of(id, &plan, self.terms.seats));
        let period = self.period.unwrap_or(Period::Monthly);
        accept(Event::PaymentSucceeded(Paid { ends_at: Time(context.when().0 + period.micros()), terms }))
    }
}

fn begun(chosen: Choosing, book: &Book<'_>, context: &Context<'_>) -> Result<Begun, Rejection> {
    let Choosing { plan, seats, period } = chosen;
    let ends_at = Time(context.when().0 + period.micros());
    Ok(Begun { terms: terms(plan, seats, book, context)?, period: Some(period), ends_at })
}

/// What a plan gives to so many people of the organisation, as it is offered now.
fn terms(plan: Ref<Plan>, seats: u32, book: &Book<'_>, context: &Context<'_>) -> Result<Terms, Rejection> {
    let known = book.get(Ref::<Organization>::new(context.id));
    let may_have_one = |organization: &Organization| {
        matches!(organization.status, organization::Status::Provisioning | organization::Status::Active)
    };
    if !known.is_some_and(|organization| may_have_one(&organization)) {
        return Err(Rejection::unprocessable(
            "UNKNOWN_ORGANIZATION",
            "a subscription has the id of an organisation in use",
        ));
    }
    let offered = plan::offered(book, plan)?;
    let terms = Terms::of(plan, &offered, seats);
    terms.seats_fit(seats, book, context)?;
    Ok(terms)
}
