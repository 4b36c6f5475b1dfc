//! One run: a world begins, the fault strikes, the world settles and is judged.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use daybook_journal::topics::Topic;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::foreign;
use crate::outside::Counted;
use crate::verdict::{Log, Tally};
use crate::world::{OWNERS, World};

/// What it came to, and what its journal holds for others to count.
pub async fn run(broker: SocketAddr, fault: Fault, seed: u64) -> (Tally, Option<Counted>) {
    let mut chance = Chance(seed << 8 | fault as u64);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let context = format!("faults{}s{seed}t{since_1970}", fault as u8);
    let mut world = match World::begin(broker, context).await {
        Ok(world) => world,
        Err(wrong) => return (Tally { runs: 1, violations: vec![wrong], ..Tally::default() }, None),
    };
    tokio::time::sleep(chance.millis(200, 800)).await;
    let felt = fault.strike(&world, &mut chance).await;
    tokio::time::sleep(chance.millis(200, 600)).await;

    let mut violations = Vec::new();
    if !world.settle().await {
        violations.push("commands are undecided long after the fault was over".to_owned());
    }
    let topic = Topic::journal(&world.context, 1).name;
    let mut log = None;
    if fault == Fault::JournalCut {
        // What stood before.
        log = Some(read(broker, &topic).await);
        violations.extend(foreign::cut(&world).await);
    }
    for index in 0..OWNERS {
        if !world.process(index).await.end().await {
            violations.push(format!("owner {index} did not end as it should"));
        }
    }
    let log = match log {
        Some(log) => log,
        None => read(broker, &topic).await,
    };
    let calls = world.record.done();
    match log {
        Ok(log) => {
            violations.extend(log.violations(&topic, &calls));
            // The journal that was cut is another one now.
            let counted = (fault != Fault::JournalCut).then(|| Counted::of(&topic, &log));
            (Tally::of(&log, &calls, felt, violations), counted)
        }
        Err(wrong) => {
            violations.push(wrong);
            (Tally::of(&Log::default(), &calls, felt, violations), None)
        }
    }
}

async fn read(broker: SocketAddr, topic: &str) -> Result<Log, String> {
    let (settings, topic) = (World::settings(broker), topic.to_owned());
    tokio::task::spawn_blocking(move || Log::read(&settings, &topic)).await.unwrap()
}
