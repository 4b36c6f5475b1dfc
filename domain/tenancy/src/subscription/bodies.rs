//! What commands and events of a subscription say.

use std::collections::BTreeSet;

use daybook_facts::subscription::{Limit, Metric};
use daybook_kernel::{Body, Book, Choice, Context, Line, Ref, Rejection, Slug, Time};

use super::DAY;
use crate::{Organization, Plan};

/// How often a subscription is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Period {
    /// Every 30 days.
    Monthly,
    /// Every 365 days.
    Yearly,
}

impl Period {
    /// How long it is, in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Self::Monthly => 30 * DAY,
            Self::Yearly => 365 * DAY,
        }
    }
}

/// What a subscription gives: its plan as it was offered when it was taken.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Terms {
    /// The plan.
    pub plan: Ref<Plan>,
    /// Its revision.
    pub revision: u32,
    /// How much there may be of what; of all else there is no limit.
    pub limits: Vec<Limit>,
    /// What comes with it.
    pub features: BTreeSet<Slug>,
    /// For how many people it is.
    pub seats: u32,
}

impl Terms {
    /// What a plan gives to so many people.
    pub fn of(id: Ref<Plan>, plan: &Plan, seats: u32) -> Self {
        let (limits, features) = (plan.limits.clone(), plan.features.clone());
        Self { plan: id, revision: plan.revision, limits, features, seats }
    }

    /// Whether there may be less of something than by others.
    pub fn gives_less_than(&self, others: &Self) -> bool {
        let most = |terms: &Self, metric| {
            let limit = terms.limits.iter().find(|limit| limit.metric == metric);
            limit.and_then(|limit| limit.hard).unwrap_or(u32::MAX)
        };
        Metric::ALL.iter().any(|metric| most(self, *metric) < most(others, *metric))
    }

    /// Insists that it can be for so many people: all who are members, and no more than the plan has room for.
    ///
    /// # Errors
    /// `SEATS_IN_USE` or `TOO_MANY_SEATS`, with the field.
    pub fn seats_fit(&self, seats: u32, book: &Book<'_>, context: &Context<'_>) -> Result<(), Rejection> {
        let members = book.get(Ref::<Organization>::new(context.id)).map_or(0, |known| known.members.len());
        if usize::try_from(seats).is_ok_and(|seats| seats < members) {
            let message = format!("the organisation has {members} members, and this is for {seats}");
            return Err(Rejection::conflict("SEATS_IN_USE", message).field("members", format!("{members} of {seats}")));
        }
        let limit = self.limits.iter().find(|limit| limit.metric == Metric::Members);
        match limit.and_then(|limit| limit.hard).filter(|hard| seats > *hard) {
            Some(hard) => {
                let message = format!("the plan is for at most {hard} people");
                Err(Rejection::unprocessable("TOO_MANY_SEATS", message.clone()).field("seats", message))
            }
            None => Ok(()),
        }
    }
}

/// A trial that is asked for.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Trial {
    /// The plan.
    pub plan: Ref<Plan>,
    /// For how many people.
    pub seats: u32,
}

/// A subscription that is asked for.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Choosing {
    /// The plan.
    pub plan: Ref<Plan>,
    /// For how many people.
    pub seats: u32,
    /// How often it is paid for.
    pub period: Period,
}

/// What begins, and until when it lasts.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Begun {
    /// What it gives.
    pub terms: Terms,
    /// How often it is paid for; not at all on trial.
    pub period: Option<Period>,
    /// Until when it is paid for, or the trial lasts.
    pub ends_at: Time,
}

/// Another plan.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Wish {
    /// The plan.
    pub plan: Ref<Plan>,
}

/// Another number of people.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Seats {
    /// How many.
    pub seats: u32,
}

/// Until when it is paid for.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Paid {
    /// Until when.
    pub ends_at: Time,
    /// What it gives from here on, where a change waited for this.
    pub terms: Option<Terms>,
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Cancellation {
    /// Whether it lasts until its period is over.
    pub at_period_end: bool,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reason {
    /// The reason, for those whom it concerns.
    pub reason: Line<400>,
}
