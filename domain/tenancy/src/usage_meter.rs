//! A usage meter: how much of what its plan counts a tenant uses, month by month. It has the organisation's id.
//!
//! It stands in the tenant's book. Of what there is a stock of, such as teams, it is told the level after the fact: whether
//! there is room for one more is decided where the thing is begun. What is used up in a month, such as calls, is counted
//! here, and refused here. A month is that of the entry, in UTC.

use std::collections::BTreeMap;

use daybook_facts::{self as facts, subscription::Metric};
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Level, Line, Log, Record, Ref, Rejection, Rule,
    accept, nothing, reject, value::LIST_MAX,
};

#[cfg(test)]
mod scenarios;

/// At which parts of what is included somebody is told, in hundredths.
const TOLD_AT: [u8; 2] = [80, 100];

/// How much a tenant uses.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(
    context = "tenancy",
    plural = "usage_meters",
    path = "usage-meters",
    events = "usage",
    shares = "tenancy.Organization"
)]
pub struct UsageMeter {
    /// Whether it runs.
    #[view(filter)]
    pub status: Status,
    /// The month it counts, such as `2026-11`.
    #[view(filter)]
    pub period: Line<7>,
    /// How much of each thing is used.
    pub usage: Vec<Gauge>,
    /// What was used in the months before.
    pub periods: Log<Reading>,
    /// How far each source was counted, so that nothing counts twice.
    pub sources: BTreeMap<String, i64>,
}

/// Whether a meter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// It does.
    Open,
}

/// How much of something is used in this month.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Gauge {
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub used: i64,
    /// The highest threshold that was told in this month, in hundredths of what is included.
    pub told: Level<0, 100>,
}

/// How much of something was used in a month.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reading {
    /// The month.
    pub period: Line<7>,
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub used: i64,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Month {
    /// The month, such as `2026-11`.
    pub period: Line<7>,
}

/// How much there is of something.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Measurement {
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub level: u32,
}

/// Something that was used.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Use {
    /// Of what.
    pub metric: Metric,
    /// How much.
    pub quantity: u32,
    /// Where it comes from, so that it counts once however often it is told.
    pub source: Source,
}

/// A place in an ordered source, such as an entry of a journal.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Source {
    /// The source, such as `gateway-1`.
    pub stream: Line<64>,
    /// The place in it; what is not above the last one is counted already.
    pub number: i64,
}

/// How much of something is used now.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Recorded {
    /// Of what.
    pub metric: Metric,
    /// How much in this month.
    pub used: i64,
    /// How far its source is counted by this.
    pub source: Option<Source>,
}

/// Much of what is included is used.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Threshold {
    /// Of what.
    pub metric: Metric,
    /// How much of what is included, in hundredths: 80 or 100.
    pub percent: Level<0, 100>,
    /// How much is used.
    pub used: i64,
    /// How much is included.
    pub included: u32,
    /// The month.
    pub period: Line<7>,
}

/// What may be asked of a meter.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Begins it.
    Open,
    /// Says how much there is of something that there is a stock of.
    Measure(Measurement),
    /// Counts something that is used up, if there is room for it in this month.
    Record(Use),
    /// Closes a month that is over. Whatever is counted does so too.
    RollOver,
}

/// What may have happened to a meter.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It began.
    Opened(Month),
    /// Something was counted.
    Recorded(Recorded),
    /// 80 or 100 hundredths of what is included are used, for the first time in this month.
    ThresholdReached(Threshold),
    /// A month was closed, and this one begun.
    PeriodClosed(Month),
}

impl Aggregate for UsageMeter {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        match kind {
            Kind::Open => Rule::create().to(&[Status::Open]).may("usage:record"),
            Kind::Measure | Kind::Record | Kind::RollOver => Rule::from(&[Status::Open]).may("usage:record"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, _: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let period = month(context);
        let Some(this) = this else {
            return match command {
                Command::Open => accept(Event::Opened(Month { period })),
                _ => Err(Rejection::not_found("usage meter")),
            };
        };
        let is_over = this.period != period;
        match command {
            Command::Open => reject("ALREADY_EXISTS", "the meter runs already"),
            Command::Measure(Measurement { metric, .. }) if !metric.is_stock() => {
                let message = format!("{} are used up: record them", metric.words());
                Err(Rejection::unprocessable("NOT_A_STOCK", message.clone()).field("metric", message))
            }
            Command::Measure(Measurement { metric, level }) if !is_over && this.used(metric) == i64::from(level) => {
                nothing()
            }
            Command::Measure(Measurement { metric, level }) => this.count(metric, level.into(), None, context),
            Command::Record(Use { metric, .. }) if metric.is_stock() => {
                let message = format!("of {} there is a stock: measure it", metric.words());
                Err(Rejection::unprocessable("A_STOCK", message.clone()).field("metric", message))
            }
            Command::Record(Use { source, .. }) if this.has_counted(&source) => nothing(),
            Command::Record(Use { metric, quantity, source }) => {
                let before = if is_over { 0 } else { this.used(metric) };
                let used = before.saturating_add(quantity.into());
                if let Some(known) = subscription(context) {
                    known.allows(metric, used.unsigned_abs())?;
                }
                if this.sources.len() >= LIST_MAX && !this.sources.contains_key(source.stream.as_str()) {
                    return reject("TOO_MANY_SOURCES", format!("there are at most {LIST_MAX} sources"));
                }
                this.count(metric, used, Some(source), context)
            }
            Command::RollOver if is_over => accept(Event::PeriodClosed(Month { period })),
            Command::RollOver => reject("NOT_OVER", format!("{} is not over", period.as_str())),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Opened(Month { period }) = event.clone() else { return None };
        let (usage, periods, sources) = (Vec::new(), Log::default(), BTreeMap::new());
        Some(Self { status: Status::Open, period, usage, periods, sources })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Opened(_) => {}
            Event::Recorded(Recorded { metric, used, source }) => {
                self.gauge(metric).used = used;
                if let Some(Source { stream, number }) = source {
                    self.sources.insert(stream.as_str().to_owned(), number);
                }
            }
            Event::ThresholdReached(Threshold { metric, percent, .. }) => self.gauge(metric).told = percent,
            Event::PeriodClosed(Month { period }) => {
                let closed = std::mem::replace(&mut self.period, period);
                for Gauge { metric, used, told } in &mut self.usage {
                    self.periods.push(Reading { period: closed.clone(), metric: *metric, used: *used });
                    *told = Level::new(0);
                    if !metric.is_stock() {
                        *used = 0;
                    }
                }
            }
        }
    }
}

impl UsageMeter {
    fn used(&self, metric: Metric) -> i64 {
        self.usage.iter().find(|gauge| gauge.metric == metric).map_or(0, |gauge| gauge.used)
    }

    fn gauge(&mut self, metric: Metric) -> &mut Gauge {
        let place = self.usage.iter().position(|gauge| gauge.metric == metric).unwrap_or_else(|| {
            self.usage.push(Gauge { metric, used: 0, told: Level::new(0) });
            self.usage.len() - 1
        });
        &mut self.usage[place]
    }

    fn has_counted(&self, source: &Source) -> bool {
        self.sources.get(source.stream.as_str()).is_some_and(|last| source.number <= *last)
    }

    /// So much is used now: a month that is over is closed first, and each threshold is told once in a month.
    fn count(&self, metric: Metric, used: i64, source: Option<Source>, context: &Context<'_>) -> Decision<Event> {
        let period = month(context);
        let recorded = Event::Recorded(Recorded { metric, used, source });
        let (mut changes, told) = match self.period == period {
            true => {
                let told = self.usage.iter().find(|gauge| gauge.metric == metric).map_or(0, |gauge| gauge.told.get());
                (accept(recorded)?, told)
            }
            false => (accept(Event::PeriodClosed(Month { period: period.clone() }))?.and(recorded), 0),
        };
        let known = subscription(context);
        let Some(limit) = known.as_ref().and_then(|known| known.limit(metric)) else { return Ok(changes) };
        for percent in TOLD_AT.into_iter().filter(|percent| *percent > told) {
            if used > 0 && used.saturating_mul(100) >= i64::from(limit.soft) * i64::from(percent) {
                let (percent, included, period) = (Level::new(percent), limit.soft, period.clone());
                changes = changes.and(Event::ThresholdReached(Threshold { metric, percent, used, included, period }));
            }
        }
        Ok(changes)
    }
}

/// What the tenant has subscribed to.
fn subscription(context: &Context<'_>) -> Option<std::sync::Arc<facts::Subscription>> {
    context.fact(Ref::<facts::Subscription>::new(context.tenant))
}

/// The month of the entry, in UTC.
fn month(context: &Context<'_>) -> Line<7> {
    Line::from(&*context.now.to_string().chars().take(7).collect::<String>())
}
