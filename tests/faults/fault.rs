//! The faults, and how each is done to a world.

use std::time::{Duration, Instant};

use daybook_journal::topics::Topic;
use daybook_proxy::{Verb, api};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::time::sleep;

use crate::chance::Chance;
use crate::process::Process;
use crate::world::{OWNERS, World};
use crate::{broker, foreign};

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    OwnerKilled,
    OwnerStopped,
    OwnerCutOff,
    ProduceHeld,
    ProduceLost,
    ProduceAnswerLost,
    ProduceRepeated,
    ProduceDelayed,
    FetchHeld,
    ProducerIdHeld,
    GroupHeld,
    RebalanceStorm,
    Duel,
    ClockJump,
    ForeignTransaction,
    JournalCut,
    BrokerStopped,
    BrokerKilled,
    DiskFull,
}

impl Fault {
    pub const ALL: [Fault; 19] = [
        Fault::OwnerKilled,
        Fault::OwnerStopped,
        Fault::OwnerCutOff,
        Fault::ProduceHeld,
        Fault::ProduceLost,
        Fault::ProduceAnswerLost,
        Fault::ProduceRepeated,
        Fault::ProduceDelayed,
        Fault::FetchHeld,
        Fault::ProducerIdHeld,
        Fault::GroupHeld,
        Fault::RebalanceStorm,
        Fault::Duel,
        Fault::ClockJump,
        Fault::ForeignTransaction,
        Fault::JournalCut,
        Fault::BrokerStopped,
        Fault::BrokerKilled,
        Fault::DiskFull,
    ];

    /// It is felt by every run that has the same broker.
    pub fn is_everybodys(self) -> bool {
        matches!(self, Fault::BrokerStopped | Fault::BrokerKilled | Fault::DiskFull)
    }

    /// It can be had here: a disk is filled only if it is the broker's own.
    pub fn is_possible(self) -> bool {
        self != Fault::DiskFull || std::env::var_os("DAYBOOK_FAULTS_DISK").is_some()
    }

    /// Does it to a world under load, and undoes it; false if nothing was there to feel it.
    pub async fn strike(self, world: &World, chance: &mut Chance) -> bool {
        let index = match world.owner().await {
            Some(index) => index,
            // The clients are about to find one.
            None => usize::try_from(chance.within(0, OWNERS as u64)).unwrap(),
        };
        let victim = world.process(index).await;
        let time = chance.millis(300, 1_500);
        let between = async |key, verb| {
            victim.proxy.set(key, verb);
            sleep(time).await;
            victim.proxy.heal();
            victim.proxy.met(key) > 0
        };
        match self {
            Fault::OwnerKilled => {
                victim.kill();
                sleep(time / 3).await;
                world.replace(index, newcomer(world).await).await;
                true
            }
            Fault::OwnerStopped => {
                victim.signal("-STOP");
                // Mostly long enough to be deposed meanwhile.
                sleep(time + Duration::from_millis(400)).await;
                victim.signal("-CONT");
                true
            }
            Fault::OwnerCutOff => {
                victim.proxy.cut();
                sleep(time).await;
                victim.proxy.heal();
                true
            }
            Fault::ProduceHeld => between(api::PRODUCE, Verb::Hold).await,
            Fault::ProduceLost => between(api::PRODUCE, Verb::DropRequest).await,
            Fault::ProduceAnswerLost => between(api::PRODUCE, Verb::DropResponse).await,
            Fault::ProduceRepeated => between(api::PRODUCE, Verb::Duplicate).await,
            Fault::ProduceDelayed => between(api::PRODUCE, Verb::Delay(chance.millis(5, 300))).await,
            Fault::FetchHeld => between(api::FETCH, Verb::Hold).await,
            Fault::ProducerIdHeld => producer_without_identity(world, index, &victim, time).await,
            Fault::GroupHeld => group_held(world, time).await,
            Fault::RebalanceStorm => rebalance_storm(world, time).await,
            Fault::Duel => duel(world, time, chance.millis(5, 60)).await,
            Fault::ClockJump => clock_jump(world, &victim, time, chance.within(0, 2) == 0).await,
            Fault::ForeignTransaction => foreign::transaction(world, time).await,
            // Done where it is judged.
            Fault::JournalCut => true,
            Fault::BrokerStopped => {
                broker::signal("-STOP");
                sleep(time).await;
                broker::signal("-CONT");
                true
            }
            Fault::BrokerKilled => {
                tokio::task::spawn_blocking(broker::crash).await.unwrap();
                true
            }
            Fault::DiskFull => {
                broker::fill_disk();
                sleep(time + Duration::from_millis(700)).await;
                // It ends by itself where it can write no more.
                let has_ended = std::net::TcpStream::connect(world.broker).is_err();
                broker::empty_disk();
                tokio::task::spawn_blocking(broker::crash).await.unwrap();
                has_ended
            }
        }
    }
}

async fn newcomer(world: &World) -> Process {
    Process::start(world.broker, &world.context, &world.record, |_| ()).await
}

/// The owner dies, and who comes in its place claims with a producer that gets no identity for a while.
async fn producer_without_identity(world: &World, index: usize, victim: &Process, time: Duration) -> bool {
    let hold = |proxy: &daybook_proxy::Proxy| proxy.set(api::INIT_PRODUCER_ID, Verb::Hold);
    let late = Process::start(world.broker, &world.context, &world.record, hold).await;
    victim.kill();
    world.replace(index, late).await;
    let late = world.process(index).await;
    let begun = Instant::now();
    while late.proxy.met(api::INIT_PRODUCER_ID) == 0 && begun.elapsed() < Duration::from_secs(5) {
        late.order("contend".to_owned());
        sleep(Duration::from_millis(20)).await;
    }
    late.order("contend".to_owned());
    sleep(time).await;
    late.proxy.heal();
    late.proxy.met(api::INIT_PRODUCER_ID) > 0
}

/// Nobody hears the group.
async fn group_held(world: &World, time: Duration) -> bool {
    let mut met = 0;
    for index in 0..OWNERS {
        let proxy = &world.process(index).await.proxy;
        api::GROUP.iter().for_each(|key| proxy.set(*key, Verb::Hold));
    }
    sleep(time + Duration::from_millis(600)).await;
    for index in 0..OWNERS {
        let proxy = &world.process(index).await.proxy;
        proxy.heal();
        met += api::GROUP.iter().map(|key| proxy.met(*key)).sum::<u64>();
    }
    met > 0
}

/// Strangers join the group and leave it, again and again.
async fn rebalance_storm(world: &World, time: Duration) -> bool {
    let (brokers, topic) = (world.broker.to_string(), Topic::owners(&world.context, 1).name);
    let storm = move || {
        let begun = Instant::now();
        while begun.elapsed() < time + Duration::from_millis(500) {
            let stranger: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", &brokers)
                .set("group.id", &topic)
                .set("session.timeout.ms", "6000")
                .set("heartbeat.interval.ms", "500")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .create()
                .unwrap();
            stranger.subscribe(&[&topic]).unwrap();
            stranger.poll(Duration::from_millis(200));
        }
    };
    tokio::task::spawn_blocking(storm).await.unwrap();
    true
}

/// Everybody claims all the time.
async fn duel(world: &World, time: Duration, pause: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        for index in 0..OWNERS {
            world.process(index).await.order("contend".to_owned());
        }
        sleep(pause).await;
    }
    true
}

/// The owner's clock jumps by two hours; then others claim, whose clocks did not.
async fn clock_jump(world: &World, victim: &Process, time: Duration, is_ahead: bool) -> bool {
    victim.order(format!("clock {}", if is_ahead { 7_200 } else { -7_200 }));
    sleep(time / 2).await;
    duel(world, Duration::from_millis(100), Duration::from_millis(30)).await;
    sleep(time / 2).await;
    victim.order("clock 0".to_owned());
    true
}
