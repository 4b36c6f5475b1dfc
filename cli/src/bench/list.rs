//! How long a list takes over many incidents: the pages that an agent's screen asks for, first pages and later ones.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::wire::Wire;
use crate::fault::Fault;

/// How many pages are asked for.
const PAGES: usize = 500;

/// What is asked for, in turn.
const LISTS: [&str; 5] = [
    "status=new&sort=-opened_at",
    "priority=4-low&sort=-opened_at&limit=50",
    "status=new,assigned,in_progress&sort=priority&limit=50",
    "category=Hardware&sort=number&limit=25&fields=number,short_description,status",
    "sort=-number&limit=100",
];

/// Asks for pages one after another; every second one follows a cursor. The times in microseconds.
pub async fn run(mut wire: Wire) -> Result<Histogram<u64>, Fault> {
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid");
    for page in 0..PAGES / 2 {
        let list = LISTS[page % LISTS.len()];
        let (first, took) = ask(&mut wire, &format!("/api/v1/incidents?{list}")).await?;
        times.saturating_record(took);
        if let Some(cursor) = first["next_cursor"].as_str() {
            let (_, took) = ask(&mut wire, &format!("/api/v1/incidents?{list}&cursor={cursor}")).await?;
            times.saturating_record(took);
        }
    }
    Ok(times)
}

/// How many incidents of a tenant the list holds, waited for until they are all there.
pub async fn wait_for(wire: &mut Wire, last: &str, patience: Duration) -> Result<(), Fault> {
    let begun = Instant::now();
    loop {
        let answer = wire.get(&format!("/api/v1/incidents/{last}")).await.map_err(Fault::asked)?;
        if answer.status.is_success() {
            return Ok(());
        }
        if begun.elapsed() > patience {
            return Err(Fault::asked(format!(
                "the list did not get the last incident within {} s",
                patience.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn ask(wire: &mut Wire, path: &str) -> Result<(Json, u64), Fault> {
    let from = Instant::now();
    let answer = wire.get(path).await.map_err(Fault::asked)?;
    let took = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
    if !answer.status.is_success() {
        return Err(Fault::asked(format!("GET {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body))));
    }
    Ok((serde_json::from_slice(&answer.body).unwrap_or_default(), took))
}
