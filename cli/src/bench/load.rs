//! The two ways of giving load. Open: commands begin at their times whatever becomes of those before, and an answer's time
//! counts from when its command should have begun, so that a stall is charged to all it delays. Closed: every client gives
//! its next command as soon as the last is answered, which shows the highest rate.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::filled::Filled;
use super::fresh::Samples;
use super::script::{Bodies, Client, Done};
use super::stage::Desk;
use super::wire::{Address, Wire};
use crate::progress::Progress;

/// What a load came to.
pub struct Load {
    /// The answers' times, in microseconds.
    pub answers: Histogram<u64>,
    /// Commands that were not acknowledged, by what came instead.
    pub errors: BTreeMap<String, u64>,
    /// The incident reported last.
    pub last: Option<Uuid>,
    /// How long it took.
    pub took: Duration,
}

impl Load {
    /// Commands acknowledged in a second.
    pub fn per_second(&self) -> f64 {
        self.answers.len() as f64 / self.took.as_secs_f64().max(0.001)
    }

    /// The time within which that share of the answers came, in milliseconds.
    pub fn millis(&self, quantile: f64) -> f64 {
        self.answers.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// All that were not acknowledged.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn record(&mut self, from: Instant, outcome: &Result<Done, String>) {
        if let Ok(Done::Reported(id)) = outcome {
            self.last = Some(*id);
        }
        match outcome {
            Ok(_) => self.answers.saturating_record(u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX)),
            Err(error) => *self.errors.entry(error.chars().take(160).collect()).or_insert(0) += 1,
        }
    }

    fn ended(&mut self, begin: Instant) -> Self {
        Self {
            answers: self.answers.clone(),
            errors: std::mem::take(&mut self.errors),
            last: self.last,
            took: begin.elapsed(),
        }
    }

    /// Prints the first few kinds of errors.
    pub fn print_errors(&self) {
        for (error, count) in self.errors.iter().take(5) {
            println!("  {count} × {error}");
        }
    }
}

/// The clients of a load, and what they share.
pub struct Crowd {
    clients: Vec<Client>,
    tally: Rc<RefCell<Load>>,
}

impl Crowd {
    /// That many clients, spread over the desks.
    pub fn new(address: &Address, desks: &[Desk], run: &str, commands: &Rc<Cell<u64>>, clients: usize) -> Self {
        let run: Rc<str> = run.into();
        let bodies: Vec<_> = desks.iter().map(|desk| Rc::new(Bodies::of(desk))).collect();
        let client = |place: usize| {
            let desk = place % desks.len();
            let wire = Wire::new(address.clone(), &desks[desk].token);
            Client::new(wire, bodies[desk].clone(), run.clone(), commands.clone())
        };
        let answers = Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are valid");
        let load = Load { answers, errors: BTreeMap::new(), last: None, took: Duration::ZERO };
        Self { clients: (0..clients).map(client).collect(), tally: Rc::new(RefCell::new(load)) }
    }

    /// Every client only comments on what its desk's tenant was filled with; there are as many of those as desks.
    pub fn commenting_on(mut self, filled: &[Filled]) -> Self {
        let old = filled.iter().cycle();
        self.clients = self.clients.into_iter().zip(old).map(|(client, old)| client.commenting_on(*old)).collect();
        self
    }

    /// What becomes of the load, also of one that is ended from outside.
    pub fn tally(&self) -> Rc<RefCell<Load>> {
        self.tally.clone()
    }

    /// Commands at a rate per second for that long; some of the reports are followed into the stores.
    pub async fn open(self, rate: u32, lasts: Duration, samples: Option<&Samples>) -> Load {
        let all = u64::from(rate) * lasts.as_secs();
        let progress = samples.map(|_| Progress::of("open loop", all));
        let width = self.clients.len() as u64;
        // A moment for the clients to be there.
        let begin = Instant::now() + Duration::from_millis(100);
        let tally = &self.tally;
        let work = self.clients.into_iter().enumerate().map(|(place, mut client)| {
            let progress = progress.as_ref();
            async move {
                let mut number = place as u64;
                while number < all {
                    let due = begin + Duration::from_nanos(number * 1_000_000_000 / u64::from(rate));
                    sleep_until(due).await;
                    let outcome = client.next(true).await;
                    tally.borrow_mut().record(due, &outcome);
                    if let (Ok(Done::Reported(id)), Some(samples)) = (outcome, samples) {
                        samples.offer(id);
                    }
                    if let Some(progress) = progress {
                        progress.one();
                    }
                    number += width;
                }
            }
        });
        join_all(work).await;
        tally.borrow_mut().ended(begin)
    }

    /// As many commands as the clients can give in that time, or as are asked for; without `life` they only report.
    pub async fn closed(self, what: &str, lasts: Duration, most: u64, life: bool) -> Load {
        let bounded = most < u64::MAX;
        let progress = bounded.then(|| Progress::of(what, most));
        if !bounded {
            eprintln!("{what}: {} clients for {} s", self.clients.len(), lasts.as_secs());
        }
        let begin = Instant::now();
        let left = Cell::new(most);
        let tally = &self.tally;
        let work = self.clients.into_iter().map(|mut client| {
            let (progress, left) = (progress.as_ref(), &left);
            async move {
                while left.get() > 0 && begin.elapsed() < lasts {
                    left.set(left.get() - 1);
                    let from = Instant::now();
                    let outcome = client.next(life).await;
                    tally.borrow_mut().record(from, &outcome);
                    if outcome.is_err() {
                        // Whoever is told to come back later does not come back at once.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    if let Some(progress) = progress {
                        progress.one();
                    }
                }
            }
        });
        join_all(work).await;
        tally.borrow_mut().ended(begin)
    }
}
