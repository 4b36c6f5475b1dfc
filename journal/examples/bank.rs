//! A program of cqrs-es on the journal: accounts, opened, filled and emptied by several clients at once. What it would have to
//! change, coming from another store, are the two lines that make the store.
//!
//! `cargo run -p daybook-journal --example bank -- 127.0.0.1:9092`

use std::fmt;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventStore};
use daybook_journal::Settings;
use daybook_journal::cqrs::{Journal, JournalStore, journal_cqrs};
use daybook_journal::topics::{Topic, ensure};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    balance: i64,
}

enum Command {
    Deposit(i64),
    Withdraw(i64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Deposited { amount: i64, balance: i64 },
    Withdrawn { amount: i64, balance: i64 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Event::Deposited { .. } => "Deposited".into(),
            Event::Withdrawn { .. } => "Withdrawn".into(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".into()
    }
}

#[derive(Debug)]
struct Overdrawn;

impl fmt::Display for Overdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the account does not hold that much")
    }
}

impl std::error::Error for Overdrawn {}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Error = Overdrawn;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Overdrawn> {
        let event = match command {
            Command::Withdraw(amount) if amount > self.balance => return Err(Overdrawn),
            Command::Withdraw(amount) => Event::Withdrawn { amount, balance: self.balance - amount },
            Command::Deposit(amount) => Event::Deposited { amount, balance: self.balance + amount },
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Deposited { balance, .. } | Event::Withdrawn { balance, .. } => self.balance = balance,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let brokers = std::env::args().nth(1).ok_or("which brokers? HOST:PORT")?;
    let settings = Settings { development: true, ..Settings::new(brokers, "bank") };
    ensure(&settings, &[Topic::journal("bank", 4), Topic::owners("bank", 4)], 1).await?;

    // let pool = postgres_es::default_postgress_pool(&url).await;
    let journal = Journal::open(&settings, "bank").await?;
    // let cqrs = postgres_es::postgres_cqrs(pool, vec![], ());
    let cqrs = journal_cqrs::<Account>(&journal, vec![], ());

    let account = format!("account-{}", std::process::id());
    cqrs.execute(&account, Command::Deposit(100)).await?;
    let clients = (0..20).map(|_| async {
        let mut conflicts = 0;
        loop {
            match cqrs.execute(&account, Command::Withdraw(10)).await {
                Err(AggregateError::AggregateConflict) => conflicts += 1,
                ended => return (ended.is_ok(), conflicts),
            }
        }
    });
    let ended = futures::future::join_all(clients).await;
    let (paid, conflicts) = (ended.iter().filter(|(paid, _)| *paid).count(), ended.iter().map(|(_, n)| n).sum::<u32>());
    println!("20 clients wanted 10 of 100 at once: {paid} were paid, after {conflicts} conflicts");
    let events = JournalStore::<Account>::new(&journal).load_events(&account).await?;
    for event in &events {
        println!("{:>3} {:?}", event.sequence, event.payload);
    }
    Ok(())
}
