//! Atomic over several aggregates of one book, under load: transfers between accounts, each one entry that changes two of
//! them, while the process that owns the book is killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daybook_history::{Change, Entry, History, Outcome, Place, read_record};
use daybook_journal::{Answered, Owner, Refused, Standing};

use crate::bank::{ACCOUNTS, Bank, OPENING, Told, Transfer};
use crate::{fresh_context, lines, runtime, settings, topic, until};

const WRITERS: u64 = 64;
const KILLS: u64 = 4;

/// So many commands at least are open at kills.
const OPEN: usize = 8;

/// The machine's clock: all processes here share it.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// One attempt, written down before it is made and after it is answered; true if the answer is definite.
async fn attempt(owner: &Owner<Bank>, context: &str, attempts: &AtomicU64, command: u64) -> bool {
    let attempt = attempts.fetch_add(1, Ordering::Relaxed);
    println!(r#"{{"attempt":{attempt},"at":{},"invoke":{{"book":"bank","command":"{command}"}}}}"#, now());
    let answer = match owner.submit(0, command).await {
        Ok(Answered { answer: Told::Transferred(number, transfer), .. }) => {
            let (log, (account, version, _)) = (topic(context), transfer.sides[0]);
            format!(r#"{{"accepted":{{"position":"{log}/0#{number}","aggregate":"{account}","version":{version}}}}}"#)
        }
        Ok(Answered { answer: Told::Refused(account, version), .. }) => {
            format!(r#"{{"rejected":{{"aggregate":"{account}","version":{version}}}}}"#)
        }
        Err(Refused::Undecided) => r#""unknown""#.to_owned(),
        Err(_) => r#""void""#.to_owned(),
    };
    println!(r#"{{"attempt":{attempt},"at":{},"answer":{answer}}}"#, now());
    !matches!(answer.as_str(), r#""void""# | r#""unknown""#)
}

/// A process that owns the book and has all the writers. Its standard input says what to send again, and ends when it is
/// to end.
#[test]
fn bank_process() {
    let Ok(context) = std::env::var("DAYBOOK_TEST_BANK") else { return };
    let round: u64 = std::env::var("DAYBOOK_TEST_ROUND").unwrap().parse().unwrap();
    let owner = Arc::new(Owner::open(&settings(), &context, |_| Bank::default()).unwrap());
    until("the owner serves", || {
        let serves = owner.status()[0].standing == Standing::Serving;
        if !serves {
            // Whom it follows was killed: nobody waits for the group to notice.
            owner.contend(0, owner.ownership(0).unwrap().term);
        }
        serves
    });
    println!("\nserving");
    let (attempts, enough) = (Arc::new(AtomicU64::new(round * 1_000_000_000)), Arc::new(AtomicBool::new(false)));
    let runtime = runtime();
    let again = Arc::new(Mutex::new(Vec::new()));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (owner, attempts, enough, again) = (owner.clone(), attempts.clone(), enough.clone(), again.clone());
        let context = context.clone();
        writers.push(runtime.spawn(async move {
            let mut turn = 0;
            while !enough.load(Ordering::Relaxed) {
                turn += 1;
                let fresh = 1 + (round * WRITERS + writer) * 1_000_000 + turn;
                let command: u64 = again.lock().unwrap().pop().unwrap_or(fresh);
                while !attempt(&owner, &context, &attempts, command).await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }));
    }
    for line in std::io::stdin().lines() {
        again.lock().unwrap().push(line.unwrap().parse().unwrap());
    }
    enough.store(true, Ordering::Relaxed);
    for writer in writers {
        runtime.block_on(writer).unwrap();
    }
}

/// Such a process, as its parent sees it.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    reading: std::thread::JoinHandle<String>,
    serving: Arc<AtomicBool>,
}

impl Running {
    fn start(context: &str, round: u64) -> Running {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "transfers::bank_process", "--nocapture"])
            .envs([("DAYBOOK_TEST_BANK", context), ("DAYBOOK_TEST_ROUND", &round.to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let serving = Arc::new(AtomicBool::new(false));
        let is_serving = serving.clone();
        let reading = std::thread::spawn(move || {
            let mut record = String::new();
            for line in BufReader::new(output).lines().map(Result::unwrap) {
                is_serving.fetch_or(line == "serving", Ordering::Relaxed);
                // A kill may leave half a line.
                if line.starts_with('{') && line.ends_with('}') {
                    record.extend([line.as_str(), "\n"]);
                }
            }
            record
        });
        let running = Running { child, input, reading, serving };
        until("the process serves", || running.serving.load(Ordering::Relaxed));
        running
    }

    /// What was written down until it had ended.
    fn ended(mut self) -> (String, bool) {
        let done = self.child.wait().unwrap().success();
        (self.reading.join().unwrap(), done)
    }
}

fn open_commands(record: &str) -> BTreeSet<String> {
    let calls = read_record(record).unwrap();
    calls.into_iter().filter(|call| call.answered.is_none()).map(|call| call.command).collect()
}

/// The journal, as the checker and the sum need it.
fn journal(context: &str) -> Vec<(Entry, Transfer)> {
    let entry = |(number, value): (u64, Vec<u8>)| {
        let transfer = Transfer::decode(&value);
        let change = |(account, version, balance): (u64, u64, i64)| Change {
            aggregate: account.to_string(),
            version,
            event: "transferred".to_owned(),
            body: balance.into(),
        };
        let is_barrier = transfer.command == 0;
        let entry = Entry {
            place: Place { log: format!("{}/0", topic(context)), number },
            micros: transfer.micros,
            book: "bank".to_owned(),
            book_number: transfer.book_number,
            command: (!is_barrier).then(|| transfer.command.to_string()),
            changes: if is_barrier { Vec::new() } else { transfer.sides.map(change).into() },
        };
        (entry, transfer)
    };
    lines(context, 0).into_iter().map(entry).collect()
}

#[test]
fn transfers_stay_whole_while_their_owners_are_killed() {
    let context = fresh_context(1);
    let mut record = String::new();
    let mut running = Running::start(&context, 0);
    let (mut kill, mut repeated) = (0, 0);
    // On a machine that has nothing else to do an answer takes a millisecond, and a kill may find nobody waiting.
    while kill < KILLS || (repeated < OPEN && kill < 4 * KILLS) {
        kill += 1;
        std::thread::sleep(Duration::from_millis(1_500));
        running.child.kill().unwrap();
        let (written, _) = running.ended();
        let open = open_commands(&written);
        record.push_str(&written);
        running = Running::start(&context, kill);
        // The same commands again: they may be in the journal or not, and the answer is definite.
        let mut input = running.input.as_ref().unwrap();
        open.iter().for_each(|command| writeln!(input, "{command}").unwrap());
        repeated += open.len();
    }
    std::thread::sleep(Duration::from_millis(1_500));
    drop(running.input.take());
    let (written, done) = running.ended();
    assert!(done, "the last process ended as it should");
    record.push_str(&written);

    let calls = read_record(&record).unwrap();
    let journal = journal(&context);
    let mut balances: BTreeMap<u64, i64> = (0..ACCOUNTS).map(|account| (account, OPENING)).collect();
    for (entry, transfer) in journal.iter().filter(|(entry, _)| entry.command.is_some()) {
        balances.extend(transfer.sides.map(|(account, _, balance)| (account, balance)));
        assert!(balances.values().all(|balance| *balance >= 0), "{}: {balances:?}", entry.place);
        assert_eq!(balances.values().sum::<i64>(), OPENING * ACCOUNTS as i64, "the sum after {}", entry.place);
    }
    let entries: Vec<Entry> = journal.into_iter().map(|(entry, _)| entry).collect();
    let of = |is: fn(&Outcome) -> bool| calls.iter().filter(|call| is(&call.outcome)).count();
    println!(
        "{} entries, {} calls: {} accepted, {} rejected, {} void, {} unknown; {repeated} open at a kill and sent again",
        entries.len(),
        calls.len(),
        of(|outcome| matches!(outcome, Outcome::Accepted { .. })),
        of(|outcome| matches!(outcome, Outcome::Rejected { .. })),
        of(|outcome| *outcome == Outcome::Void),
        of(|outcome| *outcome == Outcome::Unknown),
    );
    assert!(repeated >= OPEN, "the kills came in the middle of the work: {repeated} commands were open");
    assert!(of(|outcome| matches!(outcome, Outcome::Accepted { .. })) > 1_000);
    assert_eq!(History { entries, calls }.violations(), []);
}
