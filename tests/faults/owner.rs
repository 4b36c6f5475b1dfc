//! An owner of the journal as a process of its own. Each line on its standard input is an order, each line on its
//! standard output an answer; it ends when its input does.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use daybook_journal::{Answered, Owner, Refused, Role, Settings};

use crate::bank::{Bank, Told};

/// How far this process's clock is off, in seconds.
static CLOCK_OFF: AtomicI64 = AtomicI64::new(0);

fn clock() -> SystemTime {
    let off = CLOCK_OFF.load(Ordering::Relaxed);
    let by = Duration::from_secs(off.unsigned_abs());
    if off < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
}

/// Runs one. Orders: `ask ATTEMPT COMMAND`, `contend`, `clock SECONDS`. Answers: `role …` whenever it changes, and for
/// each attempt `ATTEMPT accepted NUMBER ACCOUNT VERSION`, `ATTEMPT rejected ACCOUNT VERSION`, `ATTEMPT void` or
/// `ATTEMPT unknown`.
pub fn run(brokers: &str, context: &str) {
    let settings = Settings { development: true, clock, ..Settings::new(brokers, "faults") };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let owner = loop {
        match Owner::open(&settings, context, |_| Bank::default()) {
            Ok(owner) => break Arc::new(owner),
            Err(error) => eprintln!("{error}; trying again"),
        }
    };
    let mut ownership = owner.watch();
    ownership.mark_changed();
    runtime.spawn(async move {
        while ownership.changed().await.is_ok() {
            let role = match ownership.borrow_and_update()[0].role {
                Role::Owner => "owner",
                Role::Halted => "halted",
                Role::Behind => "behind",
                Role::Follower | Role::Candidate => "follower",
            };
            println!("role {role}");
        }
    });
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        match order.split(' ').collect::<Vec<_>>().as_slice() {
            ["ask", attempt, command] => {
                let (attempt, asked) = ((*attempt).to_owned(), owner.submit(0, command.parse().unwrap()));
                runtime.spawn(async move { println!("{attempt} {}", told(asked.await)) });
            }
            // Whom it follows does not answer.
            ["contend"] => owner.contend(0, owner.ownership(0).unwrap().term),
            ["clock", seconds] => CLOCK_OFF.store(seconds.parse().unwrap(), Ordering::Relaxed),
            _ => panic!("an order that nobody knows: {order}"),
        }
    }
}

fn told(outcome: Result<Answered<Told>, Refused>) -> String {
    match outcome {
        Ok(Answered { answer: Told::Transferred(number, transfer), .. }) => {
            let (account, version, _) = transfer.sides[0];
            format!("accepted {number} {account} {version}")
        }
        Ok(Answered { answer: Told::Refused(account, version), .. }) => format!("rejected {account} {version}"),
        Err(Refused::Undecided) => "unknown".to_owned(),
        Err(_) => "void".to_owned(),
    }
}
