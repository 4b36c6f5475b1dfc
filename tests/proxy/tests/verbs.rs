//! Each verb does on a real Kafka what it says. `DAYBOOK_TEST_KAFKA` names it; every test makes a topic of its own.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use daybook_proxy::{Proxy, Verb, api};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};

const PATIENCE: Duration = Duration::from_secs(10);

fn kafka() -> String {
    std::env::var("DAYBOOK_TEST_KAFKA").expect("DAYBOOK_TEST_KAFKA is not set: these tests need a real Kafka")
}

/// A client that is sent to this address.
fn client<C: FromClientConfig>(address: &str, settings: &[(&str, &str)]) -> C {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", "proxy").set("reconnect.backoff.max.ms", "200");
    settings.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    config.create().unwrap()
}

/// A topic of its own, a proxy, and a producer behind it.
struct World {
    topic: String,
    proxy: Proxy,
    producer: FutureProducer,
}

impl World {
    async fn begin(name: &str, idempotence: &str) -> World {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let topic = format!("proxy.{name}.{since_1970}");
        let admin: AdminClient<_> = client(&kafka(), &[]);
        let made = [NewTopic::new(&topic, 1, TopicReplication::Fixed(1))];
        admin.create_topics(&made, &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
        let proxy = Proxy::start(kafka().parse().unwrap()).await.unwrap();
        let settings = [("enable.idempotence", idempotence), ("acks", "all"), ("linger.ms", "0")];
        let producer = client(&proxy.address(), &settings);
        let world = World { topic, proxy, producer };
        // Connections are made, and the producer has its identity.
        world.send("first").await.unwrap();
        assert_eq!(world.records(), 1);
        world
    }

    fn send<'a>(&'a self, value: &'a str) -> impl Future<Output = Result<i64, KafkaError>> + 'a {
        let record = FutureRecord::<(), _>::to(&self.topic).partition(0).payload(value);
        let sent = self.producer.send(record, PATIENCE);
        async { sent.await.map(|delivery| delivery.offset).map_err(|(error, _)| error) }
    }

    /// How many records the broker holds, asked past the proxy.
    fn records(&self) -> i64 {
        let asking: BaseConsumer = client(&kafka(), &[]);
        asking.fetch_watermarks(&self.topic, 0, PATIENCE).unwrap().1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_reaches_the_broker_when_it_is_let_go() {
    let world = World::begin("hold", "true").await;
    world.proxy.set(api::PRODUCE, Verb::Hold);
    let (sent, ()) = tokio::join!(world.send("held"), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!((world.records(), world.proxy.met(api::PRODUCE)), (1, 1));
        world.proxy.heal();
    });
    assert_eq!((sent.unwrap(), world.records()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_request_comes_later() {
    let world = World::begin("delay", "true").await;
    let delay = Duration::from_millis(400);
    world.proxy.set(api::PRODUCE, Verb::Delay(delay));
    let begun = Instant::now();
    world.send("delayed").await.unwrap();
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    assert_eq!(world.records(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_request_is_not_carried_out_and_a_dropped_response_is() {
    for (verb, held) in [(Verb::DropRequest, 1), (Verb::DropResponse, 2)] {
        let world = World::begin("drop", "true").await;
        world.proxy.set(api::PRODUCE, verb);
        let (sent, ()) = tokio::join!(world.send("dropped"), async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            assert_eq!(world.records(), held, "{verb:?}");
            assert!(world.proxy.met(api::PRODUCE) >= 1);
            world.proxy.heal();
        });
        assert_eq!(sent.unwrap(), 1, "the producer has sent it again");
        assert_eq!(world.records(), 2, "and the broker knew it, or had never seen it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_there_once_with_idempotence_and_else_twice() {
    for (idempotence, held) in [("true", 2), ("false", 3)] {
        let world = World::begin("duplicate", idempotence).await;
        world.proxy.set(api::PRODUCE, Verb::Duplicate);
        world.send("repeated").await.unwrap();
        let begun = Instant::now();
        while world.records() < held && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(world.records(), held, "idempotence {idempotence}");
        world.proxy.heal();
        assert_eq!(world.send("after").await.unwrap(), held, "the connection goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_goes_around_a_proxy_that_is_cut() {
    let world = World::begin("cut", "true").await;
    world.proxy.cut();
    let (sent, ()) = tokio::join!(world.send("late"), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(world.records(), 1);
        world.proxy.heal();
    });
    assert_eq!((sent.unwrap(), world.records()), (1, 2));
}
