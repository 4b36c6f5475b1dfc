//! Measuring a running system under load, on its own machine: answers, freshness of each store, the highest rate, lists over
//! many incidents, a rebuild while serving, memory. Ends with one line of JSON that holds every figure.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::api::Api;
use crate::fault::Fault;
use crate::rebuild;
use crate::settings::Settings;

use filled::Filled;
use fresh::{Samples, Store};
use load::Crowd;
use wire::{Address, Wire};

pub mod fill;
mod filled;
mod fresh;
mod list;
mod load;
mod memory;
mod script;
mod stage;
mod wire;

/// The view that is rebuilt.
const VIEW: &str = "incident.incidents";

/// The quantiles told of answers and freshness.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)];

/// How much load, and of what kind. A part with 0 is left out.
#[derive(Debug, Args)]
pub struct Request {
    /// Commands per second of the open loop.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long the open loop lasts, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    seconds: u64,
    /// Clients of the closed loop; each number is tried in turn, and the best counts.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256")]
    clients: Vec<usize>,
    /// How long each closed loop lasts, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    closed_seconds: u64,
    /// Incidents of one tenant over which lists are asked for.
    #[arg(long, default_value_t = 100_000)]
    list: u64,
    /// Entries of the incident journal from which the view is rebuilt.
    #[arg(long, default_value_t = 1_000_000)]
    rebuild: u64,
    /// The stores whose freshness is measured.
    #[arg(long, value_enum, value_delimiter = ',', num_args = 0.., default_value = "postgres,clickhouse,opensearch")]
    stores: Vec<Store>,
    /// Tenants that share the load.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    tenants: u16,
    /// How long the system warms up at most, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// Tenants that were filled, as `fill` printed them: the open loop only comments on their incidents.
    #[arg(long, value_delimiter = ',', hide = true)]
    filled: Vec<Filled>,
    /// Folder of the pid files of the services; beside the tool's memory where it is not said.
    #[arg(long)]
    pids: Option<PathBuf>,
}

/// Runs the parts and prints the figures.
pub async fn run(request: Request, settings: &Settings) -> Result<(), Fault> {
    let (commands, queries) = (Address::of(&settings.cli.command_url)?, Address::of(&settings.cli.query_url)?);
    let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, "");
    let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
    eprintln!("run {run}: preparing {} tenants", request.tenants);
    let desks = stage::build(&api, settings, &run, usize::from(request.tenants)).await?;
    let given = Rc::new(Cell::new(0));
    let crowd = |desks: &[stage::Desk], clients| Crowd::new(&commands, desks, &run, &given, clients);
    let old = request.filled.iter().map(|filled| filled.desk(settings)).collect::<Result<Vec<_>, Fault>>()?;
    // New incidents, or old ones where a journal was filled.
    let usual = |clients| match old.is_empty() {
        true => crowd(&desks, clients),
        false => crowd(&old, clients).commenting_on(&request.filled),
    };
    let mut figures = Map::new();
    let mut errors = 0;

    // What is read from disk, compiled or allocated once is not what is measured.
    let warm = usual(32).closed("warm-up", Duration::from_secs(request.warm_up), 100_000, true).await;
    errors += warm.failed();
    settle(&desks, warm.last, &request.stores, settings).await?;

    if request.seconds > 0 {
        let samples = Samples::of(desks.iter().map(|desk| desk.tenant).collect(), &request.stores);
        let clients = (request.rate as usize / 8).clamp(8, 1_024);
        let opened = async {
            let load = usual(clients).open(request.rate, Duration::from_secs(request.seconds), Some(&samples)).await;
            samples.end();
            load
        };
        let (load, fresh) = tokio::join!(opened, samples.follow(settings));
        errors += load.failed();
        println!(
            "\nopen loop: {} commands at {}/s, from the moment each should have begun",
            load.answers.len(),
            request.rate
        );
        for (name, quantile) in QUANTILES {
            println!("  answer {name} {:.1} ms", load.millis(quantile));
            figures.insert(format!("ack_{name}_ms"), tenth(load.millis(quantile)));
        }
        load.print_errors();
        for fresh in fresh? {
            let (n, name, asked) = (fresh.seen.len(), fresh.store.name(), fresh.store.pause());
            println!(
                "  {name}: seen within p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms of the answer ({n} samples, asked every {} ms)",
                fresh.millis(0.50),
                fresh.millis(0.95),
                fresh.millis(0.99),
                asked.as_millis()
            );
            if fresh.lost > 0 {
                println!("  {name}: {} samples were never seen", fresh.lost);
            }
            errors += fresh.lost;
            figures.insert(format!("fresh_{name}_p99_ms"), tenth(fresh.millis(0.99)));
        }
    }

    if request.closed_seconds > 0 {
        let mut best = 0.0_f64;
        println!();
        for clients in &request.clients {
            let lasts = Duration::from_secs(request.closed_seconds);
            let load = crowd(&desks, (*clients).clamp(1, 4_096)).closed("closed loop", lasts, u64::MAX, true).await;
            settle(&desks, load.last, &request.stores, settings).await?;
            println!(
                "closed loop, {clients} clients: {:.0} commands/s, p99 {:.1} ms",
                load.per_second(),
                load.millis(0.99)
            );
            load.print_errors();
            errors += load.failed();
            best = best.max(load.per_second());
        }
        figures.insert("closed_loop_per_s".into(), json!(best.round()));
    }

    if request.list > 0 {
        let desk = &desks[..1];
        let load = crowd(desk, 64).closed("incidents to list", Duration::from_secs(1_800), request.list, false).await;
        errors += load.failed();
        load.print_errors();
        let mut wire = Wire::new(queries.clone(), &desks[0].token);
        let last = load.last.ok_or_else(|| Fault::asked("no incident could be reported for the list"))?;
        list::wait_for(&mut wire, &last.to_string(), Duration::from_secs(600)).await?;
        settle(&desks, Some(last), &request.stores, settings).await?;
        let times = list::run(wire).await?;
        let millis = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
        println!(
            "\nlist over {} incidents: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
            request.list,
            millis(0.5),
            millis(0.95),
            millis(0.99)
        );
        figures.insert("list_p95_ms".into(), tenth(millis(0.95)));
    }

    if request.rebuild > 0 {
        let mut postgres = rebuild::connect(&settings.postgres).await?;
        let there = rebuild::settled(&mut postgres, VIEW).await?;
        if there < request.rebuild {
            println!("\nthe incident journal has {there} entries; {} more are given", request.rebuild - there);
            let load =
                crowd(&desks, 128).closed("entries", Duration::from_secs(3_600), request.rebuild - there, true).await;
            errors += load.failed();
            load.print_errors();
            settle(&desks, load.last, &request.stores, settings).await?;
        }
        rebuild::settled(&mut postgres, VIEW).await?;
        // Serving goes on meanwhile, at a tenth of the open loop's rate.
        let busy = crowd(&desks, 16);
        let meanwhile = busy.tally();
        let rebuilt = tokio::select! {
            rebuilt = rebuild::perform(&settings.postgres, VIEW, false) => rebuilt?,
            _ = busy.open((request.rate / 10).max(1), Duration::from_secs(86_400), None) => {
                return Err(Fault::asked("the rebuild did not end within a day"));
            }
        };
        let meanwhile = meanwhile.borrow();
        errors += meanwhile.failed();
        meanwhile.print_errors();
        println!(
            "\nrebuild of {VIEW} from {} entries: {:.1} s; meanwhile {} commands were answered, p99 {:.1} ms",
            rebuilt.entries,
            rebuilt.seconds,
            meanwhile.answers.len(),
            meanwhile.millis(0.99)
        );
        figures.insert("rebuild_per_s".into(), json!((rebuilt.entries as f64 / rebuilt.seconds).round()));
        figures.insert("rebuild_s".into(), tenth(rebuilt.seconds));
    }

    let pids = request.pids.unwrap_or_else(|| settings.cli.memory.join("../run"));
    let memory = memory::highest(&pids);
    println!("\nmemory, the highest since each began:");
    memory.iter().for_each(|(name, megabytes)| println!("  {name:<24} {megabytes:>5} MB"));
    figures.insert("errors".into(), json!(errors));
    figures.insert("rss_mb".into(), json!(memory));
    println!("{}", Json::Object(figures));
    Ok(())
}

/// Waits until the stores have seen the report that was acknowledged last, for ten minutes at most: what they still have to
/// do for one load is not to be measured with the next.
async fn settle(desks: &[stage::Desk], last: Option<Uuid>, stores: &[Store], settings: &Settings) -> Result<(), Fault> {
    for _ in 0..20 {
        let samples = Samples::of(desks.iter().map(|desk| desk.tenant).collect(), stores);
        last.into_iter().for_each(|last| samples.offer(last));
        samples.end();
        if samples.follow(settings).await?.iter().all(|seen| seen.lost == 0) {
            break;
        }
    }
    Ok(())
}

fn tenth(millis: f64) -> Json {
    json!((millis * 10.0).round() / 10.0)
}
