//! Many instances: two command APIs share the partitions. Callers may ask either, and see a short delay where one comes,
//! goes, dies or sleeps, but no error.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::system::{
    System, Tenant,
    balancer::{Balancer, INSTANCES, both_own, none_failed, owned, tenants, within},
    eventually,
    load::Load,
    mended,
};

const ONE: &str = INSTANCES[0];
const OTHER: &str = INSTANCES[1];

/// Goes on a journey with both instances, and leaves one.
async fn with_both(system: &System, journey: impl Future<Output = ()>) {
    let journey = async {
        system.services(&["start", OTHER]).await;
        system.services(&["wait", OTHER]).await;
        both_own(system).await;
        journey.await;
    };
    mended(journey, alone(system)).await;
}

/// Leaves the one instance that the system has at other times.
async fn alone(system: &System) {
    system.services(&["stop", OTHER]).await;
    // None of these journeys touches a component.
    system.services(&["start"]).await;
    system.services(&["wait"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn either_instance_takes_every_command() {
    let system = System::running();
    let journey = async {
        let tenants = tenants(&system, "either").await;
        either_answers(&system, &tenants).await;
        what_is_forged_is_refused(&system, &tenants[0]).await;
    };
    with_both(&system, journey).await;
}

async fn either_answers(system: &System, tenants: &[Arc<Tenant>]) {
    let forwarded = async || {
        let told = "daybook_forward_total{outcome=\"answered\"}";
        (system.figure(ONE, told).await, system.figure(OTHER, told).await)
    };
    let before = forwarded().await;
    let (one, other) = (system.url(ONE), system.url(OTHER));
    for tenant in tenants {
        let report = tenant.agent.post("incidents", tenant.report("Either will do"));
        let at_one = report.clone().through([one.as_str()]).send().await;
        assert_eq!(at_one.status, 201, "{at_one:?}");
        assert_eq!(at_one.header("idempotency-key"), report.key_said());
        assert!(!at_one.header("location").is_empty() && !at_one.header("etag").is_empty(), "{at_one:?}");
        let receipt = at_one.receipt();
        // The same key at the other is the same command.
        assert_eq!(report.through([other.as_str()]).send().await.receipt(), receipt);
        let page = tenant.agent.read(&format!("incidents/{}", receipt.id), &receipt.position).await;
        assert_eq!(page["short_description"], json!("Either will do"));
        // What is refused is refused in the same words, wherever it is asked.
        let path = format!("incidents/{}/close", receipt.id);
        for url in [&one, &other] {
            let refused = tenant.agent.post(&path, json!({})).header("X-Request-Id", "req-17").through([url.as_str()]);
            let refused = refused.send().await;
            assert_eq!(refused.refused(409, "INVALID_TRANSITION").header("x-request-id"), "req-17");
            let stale = tenant.agent.post(&path, json!({})).if_match(9).through([url.as_str()]).send().await;
            stale.refused(412, "STALE_VERSION");
        }
    }
    let after = forwarded().await;
    // Each of the four is forwarded by the one of the two that does not own its partition, three requests of each.
    assert_eq!((after.0 - before.0, after.1 - before.1), (6.0, 6.0), "{before:?} {after:?}");
}

async fn what_is_forged_is_refused(system: &System, tenant: &Tenant) {
    let partition = tenant.partition;
    let (owner, other) = if system.serves(ONE, partition).await { (ONE, OTHER) } else { (OTHER, ONE) };
    let forward = async |instance: &str, said: &str| {
        let report = tenant.agent.post("incidents", tenant.report("Forged")).header("Daybook-Forward", said);
        report.through([system.url(instance).as_str()]).send().await
    };
    for malformed in ["nonsense", "incident/0;term=x;hops=2", &format!("cmdb/{partition};term=1;hops=2")] {
        let answer = forward(owner, malformed).await;
        assert_eq!(answer.refused(400, "VALIDATION_ERROR").fields(), ["Daybook-Forward"], "{malformed}");
    }
    // A term that is over, one that has not come, and the right one at who does not own it.
    let over = forward(owner, &format!("incident/{partition};term=0;hops=2")).await;
    let term: u64 = over.refused(421, "MISDIRECTED").header("daybook-term").parse().unwrap();
    let ahead = forward(owner, &format!("incident/{partition};term={};hops=2", term + 1)).await;
    assert_eq!(ahead.refused(421, "MISDIRECTED").header("daybook-term"), term.to_string());
    let right = format!("incident/{partition};term={term};hops=2");
    forward(other, &right).await.refused(421, "MISDIRECTED");
    forward(owner, &format!("incident/{partition};term={term};hops=3")).await.refused(421, "MISDIRECTED");
    assert_eq!(forward(owner, &right).await.status, 201);
    // It opens no door: the token counts, wherever it comes from.
    let stranger = tenant.rita.showing("x.y.z").post("incidents", json!({})).header("Daybook-Forward", &right);
    stranger.through([system.url(owner).as_str()]).send().await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_address_that_is_not_listed_is_never_called() {
    let system = System::running();
    let strict = system.clone().with("DAYBOOK_COMMAND_API_PEERS", "http://daybook-*.nowhere.example:8080");
    let journey = async {
        strict.services(&["start", OTHER]).await;
        let listed = system.url(ONE);
        eventually("it says what is wrong", 20, async || match system.health(OTHER).await {
            (503, words) if words.to_string().contains(&format!("{listed}, which command_api.peers")) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        both_own(&system).await;
        let theirs = tenants(&system, "listed").await.into_iter();
        let mut refused = 0;
        for tenant in theirs {
            let report = tenant.agent.post("incidents", tenant.report("Not listed"));
            let answer = report.through([system.url(OTHER).as_str()]).send().await;
            if answer.status != 201 {
                assert!(answer.refused(503, "UNAVAILABLE").message().contains(&listed), "{answer:?}");
                refused += 1;
            }
        }
        assert_eq!(refused, 2, "the other two are its own");
        assert!(system.log(OTHER).contains("nothing is sent there"));
        assert_eq!(system.figure(OTHER, "daybook_forward_seconds_count").await, 0.0);
    };
    mended(journey, alone(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn instances_come_and_go_under_load() {
    let system = System::running();
    mended(come_and_go(&system), alone(&system)).await;
}

async fn come_and_go(system: &System) {
    let tenants = tenants(system, "scale").await;
    let balancer = Balancer::begin(&tenants, 300).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    system.services(&["start", OTHER]).await;
    let moved = eventually("a partition moves", 30, async || match owned(system, OTHER).await {
        owned if owned.is_empty() => Err("none yet".to_owned()),
        _ => Ok(Instant::now()),
    })
    .await;
    both_own(system).await;
    system.services(&["wait", OTHER]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    system.services(&["stop", OTHER]).await;
    let left = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = balancer.end().await;

    let around = |moment: Instant| {
        let begun = moment - Duration::from_millis(700);
        sent.iter().filter(move |sent| (begun..begun + Duration::from_secs(1)).contains(&sent.at))
    };
    let slowest = within(&sent, 1.0);
    println!(
        "a planned move: p99 of that second {:?}, of all {:?}, slowest {slowest:?}; the second after one left: p99 {:?}",
        within(around(moved), 0.99),
        within(&sent, 0.99),
        within(around(left), 0.99),
    );
    none_failed(&tenants, &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_killed_owner_is_replaced_by_who_is_asked() {
    let system = System::running();
    with_both(&system, kill_an_owner(&system)).await;
}

async fn kill_an_owner(system: &System) {
    let tenants = tenants(system, "killed").await;
    let theirs = owned(system, OTHER).await;
    let victim = |tenant: &&Arc<Tenant>| theirs.contains(&tenant.partition);
    let asked = Arc::clone(tenants.iter().find(victim).unwrap());
    let load = Load::through(&INSTANCES, &asked, 8, Duration::from_millis(20));
    load.go_on(50).await;

    let killed = Instant::now();
    system.signal(OTHER, "-KILL");
    let report = asked.agent.post("incidents", asked.report("Who is there?")).through([system.url(ONE).as_str()]);
    let answer = report.send().await;
    let first = killed.elapsed();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(first < Duration::from_secs(3), "the first accepted command came {first:?} after the kill");
    load.go_on(50).await;
    let mut known = load.end().await;
    known.add_beside(&asked, &report, answer.receipt());
    known.is_in_the_journal(&asked).await;
    eventually("the group gives away what nobody asks for", 30, async || {
        let unasked = theirs.iter().filter(|partition| **partition != asked.partition);
        for partition in unasked {
            if !system.serves(ONE, *partition).await {
                return Err(format!("partition {partition} has no owner"));
            }
        }
        Ok(())
    })
    .await;
    println!(
        "kill -9 to the first accepted command: {first:?} when asked, {:?} by the group alone; {} commands, {} sent again",
        killed.elapsed(),
        known.accepted.len(),
        known.repeats
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_rolling_restart_fails_no_request() {
    let system = System::running();
    with_both(&system, roll(&system)).await;
}

async fn roll(system: &System) {
    let tenants = tenants(system, "rolling").await;
    let balancer = Balancer::begin(&tenants, 500).await;
    let begun = Instant::now();
    for instance in [OTHER, ONE] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        system.services(&["stop", instance]).await;
        system.services(&["start", instance]).await;
        system.services(&["wait", instance]).await;
    }
    both_own(system).await;
    let took = begun.elapsed();
    let sent = balancer.end().await;
    println!(
        "rolling restart in {took:?}: {} commands, p50 {:?}, p99 {:?}, slowest {:?}",
        sent.len(),
        within(&sent, 0.5),
        within(&sent, 0.99),
        within(&sent, 1.0)
    );
    none_failed(&tenants, &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn an_owner_that_sleeps_through_its_deposition_tells_nothing_wrong() {
    let system = System::running();
    let journey = async {
        let wake = async { system.signal(OTHER, "-CONT") };
        mended(sleep_through(&system), wake).await;
    };
    with_both(&system, journey).await;
}

async fn sleep_through(system: &System) {
    let tenants = tenants(system, "asleep").await;
    let theirs = owned(system, OTHER).await;
    let asked = Arc::clone(tenants.iter().find(|tenant| theirs.contains(&tenant.partition)).unwrap());
    let load = Load::through(&INSTANCES, &asked, 16, Duration::from_millis(10));
    load.go_on(50).await;
    system.signal(OTHER, "-STOP");
    let stopped = Instant::now();
    // What is forwarded to it hangs. That deposes nobody: it is the group's affair.
    let report = asked.agent.post("incidents", asked.report("Are you asleep?")).through([system.url(ONE).as_str()]);
    let answer = report.send().await;
    let answered = stopped.elapsed();
    assert_eq!(answer.status, 201, "{answer:?}");
    eventually("it is deposed", 20, async || match system.serves(ONE, asked.partition).await {
        true => Ok(()),
        false => Err("not yet".to_owned()),
    })
    .await;
    system.signal(OTHER, "-CONT");
    load.go_on(100).await;
    let mut known = load.end().await;
    known.add_beside(&asked, &report, answer.receipt());
    println!(
        "the owner asleep: answered after {answered:?}; {} commands, {} sent again",
        known.accepted.len(),
        known.repeats
    );
    known.is_in_the_journal(&asked).await;
}
