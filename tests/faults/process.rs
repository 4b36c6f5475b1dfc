//! An owner's process as its clients see it, with a proxy of its own before the broker.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use daybook_history::Outcome;
use daybook_proxy::Proxy;
use tokio::sync::oneshot;

use crate::record::Record;

/// What the process has said of itself last.
#[derive(Default)]
struct Said {
    owner: AtomicBool,
    halted: AtomicBool,
    ended: AtomicBool,
}

/// Who waits for which attempt.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Outcome>>>>;

/// See the module. To drop it kills it.
pub struct Process {
    child: Mutex<Child>,
    orders: Mutex<Option<mpsc::Sender<String>>>,
    said: Arc<Said>,
    waiting: Waiting,
    pub proxy: Proxy,
}

impl Process {
    /// Starts one behind a proxy that `prepare` may give rules first.
    pub async fn start(
        broker: SocketAddr,
        context: &str,
        record: &Arc<Record>,
        prepare: impl FnOnce(&Proxy),
    ) -> Process {
        let proxy = Proxy::start(broker).await.unwrap();
        prepare(&proxy);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["owner", &proxy.address(), context])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (orders, to_give) = mpsc::channel();
        let (said, waiting) = (Arc::new(Said::default()), Waiting::default());
        std::thread::spawn(move || give(input, &to_give));
        {
            let (record, said, waiting) = (record.clone(), said.clone(), waiting.clone());
            std::thread::spawn(move || hear(output, &record, &said, &waiting));
        }
        Process { child: child.into(), orders: Some(orders).into(), said, waiting, proxy }
    }

    /// Makes one call. None if the process is gone before it has answered.
    pub async fn ask(&self, attempt: u64, command: u64) -> Option<Outcome> {
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(attempt, sender);
        self.order(format!("ask {attempt} {command}"));
        if self.said.ended.load(Ordering::SeqCst) {
            self.waiting.lock().unwrap().clear();
        }
        answer.await.ok()
    }

    pub fn order(&self, order: String) {
        // To one that is gone nothing can be said.
        let _ = self.orders.lock().unwrap().as_ref().map(|orders| orders.send(order));
    }

    pub fn is_owner(&self) -> bool {
        self.said.owner.load(Ordering::SeqCst) && !self.said.ended.load(Ordering::SeqCst)
    }

    pub fn has_halted(&self) -> bool {
        self.said.halted.load(Ordering::SeqCst)
    }

    /// Sends a signal, such as `-STOP`.
    pub fn signal(&self, signal: &str) {
        let id = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Ends its input and waits until it is gone; false if it had to be killed, or ended in disorder.
    pub async fn end(&self) -> bool {
        self.orders.lock().unwrap().take();
        for _ in 0..500 {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.kill();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn give(mut input: ChildStdin, orders: &mpsc::Receiver<String>) {
    for order in orders {
        if writeln!(input, "{order}").is_err() {
            return;
        }
    }
}

fn hear(output: ChildStdout, record: &Record, said: &Said, waiting: &Waiting) {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    // A kill may leave half a line.
    while output.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["role", role] = words.as_slice() {
            said.owner.store(*role == "owner", Ordering::SeqCst);
            said.halted.store(*role == "halted", Ordering::SeqCst);
        } else {
            let attempt = words[0].parse().unwrap();
            let outcome = record.answer(attempt, &words[1..]);
            if let Some(asked) = waiting.lock().unwrap().remove(&attempt) {
                // Who asked may have gone on to another process.
                let _ = asked.send(outcome);
            }
        }
        line.clear();
    }
    said.ended.store(true, Ordering::SeqCst);
    waiting.lock().unwrap().clear();
}
