//! What others know of a subscription: what it counts, and how much of it there may be.

use daybook_kernel::{Body, Choice, Context, Fact, Ref, Referable, Rejection};

/// What is counted of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Choice)]
pub enum Metric {
    /// Members of the organisation.
    Members,
    /// Teams that were not disbanded.
    Teams,
    /// Configuration items that are not retired.
    ConfigurationItems,
    /// Runs of an analysis, in a month.
    AnalysisJobs,
    /// Calls of the interfaces, in a month.
    ApiCalls,
}

impl Metric {
    /// Whether it is how many there are, and not how many there were in a period.
    pub fn is_stock(self) -> bool {
        matches!(self, Self::Members | Self::Teams | Self::ConfigurationItems)
    }

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Teams => "teams",
            Self::ConfigurationItems => "configuration items",
            Self::AnalysisJobs => "analysis jobs a month",
            Self::ApiCalls => "API calls a month",
        }
    }
}

/// How much there may be of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Body)]
pub struct Limit {
    /// Of what.
    pub metric: Metric,
    /// So many are included: somebody is told at 80 % and at 100 % of it.
    pub soft: u32,
    /// So many and no more; none where there is no end.
    pub hard: Option<u32>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// On trial, for nothing.
    Trialing,
    /// Paid for.
    Active,
    /// A payment failed.
    PastDue,
    /// Stopped for a reason: nothing new is begun.
    Suspended,
    /// Ended by the subscriber.
    Cancelled,
    /// Ended because nobody went on with it.
    Expired,
}

impl Status {
    /// Whether it gives anything.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Trialing | Self::Active | Self::PastDue)
    }
}

/// What a tenant has subscribed to. It has the organisation's id.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Where it stands.
    pub status: Status,
    /// How much there may be of what; of all else there is no limit.
    pub limits: Vec<Limit>,
}

impl Referable for Subscription {
    const TYPE: &'static str = "tenancy.Subscription";
}

impl Fact for Subscription {}

impl Subscription {
    /// The limit of something.
    pub fn limit(&self, metric: Metric) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.metric == metric)
    }

    /// Insists that there may be this much of something.
    ///
    /// # Errors
    /// `QUOTA_EXCEEDED`, or `SUBSCRIPTION_ENDED` where there is a limit and the subscription gives nothing any more.
    pub fn allows(&self, metric: Metric, count: u64) -> Result<(), Rejection> {
        let Some(limit) = self.limit(metric) else { return Ok(()) };
        if !self.status.is_live() {
            let message = format!("the subscription is {}: nothing that it counts is begun", self.status.name());
            return Err(Rejection::forbidden("SUBSCRIPTION_ENDED", message));
        }
        match limit.hard {
            Some(hard) if count > u64::from(hard) => {
                Err(Rejection::quota(format!("the plan has room for {hard} {}, and no more", metric.words())))
            }
            _ => Ok(()),
        }
    }

    /// Insists that the tenant in whose book a command is decided has room for one more beside so many. A tenant without a
    /// subscription has no limits.
    ///
    /// How many there are has to be counted in the book itself, or two commands could pass the limit together; the limit may
    /// be some milliseconds old.
    ///
    /// # Errors
    /// As [`Subscription::allows`].
    pub fn room(context: &Context<'_>, metric: Metric, count: u64) -> Result<(), Rejection> {
        match context.fact(Ref::<Subscription>::new(context.tenant)) {
            Some(subscription) => subscription.allows(metric, count + 1),
            None => Ok(()),
        }
    }
}
