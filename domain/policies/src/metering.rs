//! Metering: the usage meter of a tenant says how many members, teams and configuration items there are, and so somebody is
//! told when a plan is nearly full.
//!
//! It only tells. Whether there is room for one more is decided where the thing is begun, on the book's own count.

use daybook_cmdb::{ConfigurationItem, configuration_item};
use daybook_facts::subscription::Metric;
use daybook_kernel::{Choice, Heard, Kind, Malformed, Memory, Order, Policy, Tenant, kind::kind};
use daybook_tenancy::{Organization, Team, UsageMeter, organization, team, usage_meter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

#[cfg(test)]
mod scenarios;

/// See the file.
#[derive(Debug)]
pub struct Metering;

/// What it remembers of an organisation, beside the others in the platform's memory.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Members {
    count: u32,
    /// Whether its meter was ordered to run.
    runs: bool,
}

/// How the keys of levels begin, and the key that says that the tenant's meter runs.
const LEVEL: &str = "level/";
const RUNS: &str = "runs";

impl Policy for Metering {
    fn name(&self) -> &'static str {
        "metering"
    }

    fn hears(&self) -> &'static [&'static dyn Kind] {
        const { &[kind::<Organization>(), kind::<UsageMeter>(), kind::<Team>(), kind::<ConfigurationItem>()] }
    }

    fn react(&self, memory: &mut Memory, heard: &Heard) -> Result<Vec<Order>, Malformed> {
        if let Some(event) = heard.of::<Organization>()? {
            return members(memory, heard.id, &event);
        }
        if let Some(usage_meter::Event::Opened(_)) = heard.of::<UsageMeter>()? {
            memory.put(RUNS.to_owned(), &true)?;
            let known = Metric::ALL.iter().map(|metric| Ok((*metric, level(memory, *metric)?)));
            let known: Vec<_> = known.collect::<Result<_, Malformed>>()?;
            let known = known.into_iter().filter(|(_, level)| *level > 0);
            return Ok(known.map(|(metric, level)| measure(heard.tenant, metric, level)).collect());
        }
        let change = match (heard.of::<Team>()?, heard.of::<ConfigurationItem>()?) {
            (Some(team::Event::Created(_)), _) => (Metric::Teams, 1),
            (Some(team::Event::Disbanded), _) => (Metric::Teams, -1),
            (_, Some(configuration_item::Event::Created(_))) => (Metric::ConfigurationItems, 1),
            (_, Some(configuration_item::Event::Retired)) => (Metric::ConfigurationItems, -1),
            _ => return Ok(Vec::new()),
        };
        stock(memory, heard.tenant, change)
    }
}

/// Counts members. From its hand-over on a tenant has a meter, which is told of each change.
fn members(memory: &mut Memory, id: Uuid, event: &organization::Event) -> Result<Vec<Order>, Malformed> {
    let key = format!("members/{id}");
    let Members { count, runs } = memory.get(&key)?.unwrap_or_default();
    let (count, begins) = match event {
        organization::Event::MemberAdded(_) => (count + 1, false),
        organization::Event::MemberRemoved(_) => (count.saturating_sub(1), false),
        organization::Event::Activated => (count, true),
        _ => return Ok(Vec::new()),
    };
    memory.put(key, &Members { count, runs: runs || begins })?;
    let open = begins.then(|| Order::new::<UsageMeter>(id, id, "open", json!({})));
    let measured = (runs || begins).then(|| measure(id, Metric::Members, count));
    Ok(open.into_iter().chain(measured).collect())
}

/// Counts what there is a stock of. Before the tenant's meter runs it is only remembered.
fn stock(memory: &mut Memory, tenant: Tenant, (metric, change): (Metric, i32)) -> Result<Vec<Order>, Malformed> {
    let level = level(memory, metric)?.saturating_add_signed(change);
    memory.put(format!("{LEVEL}{}", metric.name()), &level)?;
    let runs = memory.get::<bool>(RUNS)?.unwrap_or(false);
    Ok(runs.then(|| measure(tenant, metric, level)).into_iter().collect())
}

fn level(memory: &Memory, metric: Metric) -> Result<u32, Malformed> {
    Ok(memory.get(&format!("{LEVEL}{}", metric.name()))?.unwrap_or(0))
}

fn measure(tenant: Tenant, metric: Metric, level: u32) -> Order {
    Order::new::<UsageMeter>(tenant, tenant, "measure", json!({ "metric": metric.name(), "level": level }))
}
