//! Topics that would lose history are refused, in one sentence each.

use daybook_journal::topics::{Topic, check, ensure};
use daybook_journal::{JournalError, Settings};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use crate::{fresh_context, fresh_name, runtime, settings, topic};

fn refusals(settings: &Settings, topics: &[Topic]) -> Vec<String> {
    match runtime().block_on(check(settings, topics)) {
        Ok(()) => Vec::new(),
        Err(JournalError::Topics { refusals }) => refusals,
        Err(error) => panic!("{error}"),
    }
}

fn make(name: &str, partitions: i32, config: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", settings().brokers).create().unwrap();
    let mut new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (setting, value) in config {
        new = new.set(setting, value);
    }
    runtime().block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    // Settings are told by another part of the broker than the one that made them.
    crate::until("the topic is there", || {
        !refusals(&settings(), &[Topic { partitions: 99, ..Topic::journal(name.trim_start_matches("journal."), 1) }])[0]
            .contains("exist")
    });
}

#[test]
fn what_is_made_passes() {
    let context = fresh_name();
    let topics =
        [Topic::journal(&context, 3), Topic::owners(&context, 3), Topic::schemas(), Topic::public(&context, 2)];
    runtime().block_on(ensure(&settings(), &topics, 1)).unwrap();
    runtime().block_on(ensure(&settings(), &topics, 1)).expect("a second time is harmless");
    assert_eq!(refusals(&settings(), &topics), [""; 0]);
}

#[test]
fn a_broker_s_default_retention_is_refused() {
    let context = fresh_name();
    make(&topic(&context), 1, &[]);
    let name = topic(&context);
    assert_eq!(
        refusals(&settings(), &[Topic::journal(&context, 1)]),
        [
            format!("topic {name} has retention.ms=604800000 instead of -1: a journal is kept for ever"),
            format!(
                "topic {name} has message.timestamp.type=CreateTime instead of LogAppendTime: a writer's clock must not decide"
            ),
        ]
    );
}

#[test]
fn compaction_and_finite_size_are_refused() {
    let context = fresh_name();
    let config = [
        ("cleanup.policy", "compact"),
        ("retention.ms", "-1"),
        ("retention.bytes", "1000000000"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    make(&topic(&context), 1, &config);
    let refusals = refusals(&settings(), &[Topic::journal(&context, 1)]);
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert!(refusals[0].contains("cleanup.policy=compact") && refusals[1].contains("retention.bytes=1000000000"));
}

#[test]
fn another_number_of_partitions_is_refused() {
    let context = fresh_context(2);
    let refusals = refusals(&settings(), &[Topic::journal(&context, 4), Topic::journal("nobody", 4)]);
    assert!(refusals[0].contains("has 2 partitions instead of 4"), "{refusals:?}");
    assert_eq!(refusals[1], "topic journal.nobody does not exist");
}

#[test]
fn outside_of_development_one_replica_is_refused() {
    let context = fresh_context(1);
    let strict = Settings { development: false, ..settings() };
    let refusals = refusals(&strict, &[Topic::journal(&context, 1)]);
    assert!(refusals[0].contains("min.insync.replicas=1 instead of 2 or more"), "{refusals:?}");
}

#[test]
fn a_log_without_its_first_records_is_refused() {
    let context = fresh_context(1);
    crate::append_raw(&context, 0, &[(vec![], vec![1]), (vec![], vec![2])]);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", settings().brokers).create().unwrap();
    let mut before = rdkafka::TopicPartitionList::new();
    before.add_partition_offset(&topic(&context), 0, rdkafka::Offset::Offset(1)).unwrap();
    runtime().block_on(admin.delete_records(&before, &AdminOptions::new())).unwrap();
    let refusals = refusals(&settings(), &[Topic::journal(&context, 1)]);
    assert_eq!(
        refusals,
        [format!("topic {} starts at offset 1 in partition 0: its first records were deleted", topic(&context))]
    );
}
