//! How a partition passes from one instance to another, step by step: what searching would find only by luck.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::ledger::{Command, Ledger};
use crate::digest::{Digest, OwnerId};
use crate::gate::Halt;
use crate::header::Header;
use crate::owner::answer::Refused;
use crate::owner::status::{Role, Standing};
use crate::owner::tenure::{Identity, Now, Tenure};
use crate::settings::Limits;
use crate::track::{Record, Track};

/// One instance, and the log as far as it has read it.
struct Instance {
    tenure: Tenure<Ledger>,
    offset: i64,
    start: Instant,
}

impl Instance {
    fn new(code_version: u32) -> Instance {
        let identity = Identity { url: "http://self".into(), code_version, limits: Limits::default() };
        let track = Track::new(Arc::from("journal.test"), 0, None);
        let mut tenure = Tenure::new(track, Ledger::default(), identity, Box::new(|| 7));
        tenure.caught_up();
        Instance { tenure, offset: 0, start: Instant::now() }
    }

    fn at(&self, millis: u64) -> Now {
        Now { instant: self.start + Duration::from_millis(millis), micros: 1_000 * (1 + millis as i64) }
    }

    fn read(&mut self, header: &Header, value: &[u8], millis: u64) {
        let gate = header.encode();
        let record = Record { offset: self.offset, timestamp: 0, gate: &gate, traceparent: None, value };
        self.offset += 1;
        self.tenure.read(&record, self.at(millis));
    }

    fn read_claim(&mut self, term: u64, code_version: u32, millis: u64) {
        let claim = Header::Claim { term, owner: OwnerId([9; 16]), code_version };
        self.read(&claim, b"http://other", millis);
    }

    /// Claims and reads its own claim.
    fn serve(&mut self) {
        self.tenure.assign(true);
        self.tenure.work(self.at(0));
        let claim = self.tenure.next_append().expect("a claim").clone();
        self.tenure.appended();
        self.read(&Header::decode(&claim.header).unwrap(), &claim.value, 1);
        assert_eq!(self.tenure.role(), Role::Owner);
    }
}

#[test]
fn who_waits_at_a_deposed_owner_is_turned_away_at_once() {
    let mut instance = Instance::new(1);
    instance.serve();
    // One is decided and under way, one waits to be.
    let (reply, mut decided) = oneshot::channel();
    instance.tenure.submit(Command::Write { id: 1, attempt: 1 }, reply, instance.at(2));
    instance.tenure.work(instance.at(2));
    let (reply, mut queued) = oneshot::channel();
    instance.tenure.submit(Command::Write { id: 2, attempt: 1 }, reply, instance.at(3));
    instance.tenure.assign(false);
    assert_eq!(decided.try_recv(), Err(TryRecvError::Empty));

    instance.read_claim(2, 1, 4);
    for outcome in [&mut decided, &mut queued] {
        assert!(matches!(outcome.try_recv(), Ok(Err(Refused::NotServing { .. }))));
    }
    assert_eq!(instance.tenure.ownership().url.as_ref(), "http://other");
}

#[test]
fn an_owner_that_retires_serves_until_it_is_deposed_and_claims_no_more() {
    let mut instance = Instance::new(1);
    instance.serve();
    instance.tenure.retire();
    let (reply, mut outcome) = oneshot::channel();
    instance.tenure.submit(Command::Write { id: 1, attempt: 1 }, reply, instance.at(2));
    instance.tenure.work(instance.at(2));
    let entry = instance.tenure.next_append().expect("it still decides").clone();
    instance.tenure.appended();
    instance.read(&Header::decode(&entry.header).unwrap(), &entry.value, 3);
    assert!(matches!(outcome.try_recv(), Ok(Ok(_))));

    instance.read_claim(2, 1, 4);
    instance.tenure.contend(2, instance.at(5));
    instance.tenure.work(instance.at(60_000));
    assert!(instance.tenure.next_append().is_none(), "it has claimed again");
    assert_eq!(instance.tenure.role(), Role::Follower);
}

#[test]
fn only_the_owner_of_the_present_term_is_contended_with() {
    let mut instance = Instance::new(1);
    instance.read_claim(1, 1, 0);
    instance.read_claim(2, 1, 1);
    instance.tenure.contend(1, instance.at(2));
    assert_eq!(instance.tenure.role(), Role::Follower, "the owner of term 1 is gone anyway");
    instance.tenure.contend(2, instance.at(3));
    assert_eq!(instance.tenure.role(), Role::Candidate);
    // Somebody else was quicker.
    instance.read_claim(3, 1, 4);
    instance.tenure.work(instance.at(60_000));
    assert!(instance.tenure.next_append().is_none(), "it deposes who has just taken over");
}

#[test]
fn an_entry_of_newer_code_halts_nobody_who_is_only_outdated() {
    for (code_version, halts) in [(1, false), (2, true)] {
        let mut instance = Instance::new(code_version);
        instance.tenure.assign(true);
        instance.read_claim(1, 2, 0);
        let header = Header::Entry { term: 1, owner: OwnerId([9; 16]), seq: 0, number: 1, previous: Digest::NONE };
        instance.read(&header, b"?", 1);
        let standing = instance.tenure.standing(instance.at(1).instant);
        if halts {
            assert!(matches!(standing, Standing::Halted(Halt::Poisoned { number: 1, .. })), "{standing:?}");
            continue;
        }
        assert_eq!(standing, Standing::Outdated { highest: 2 });
        // It still knows whom to forward to.
        instance.read_claim(2, 2, 2);
        assert_eq!((instance.tenure.role(), instance.tenure.ownership().term), (Role::Follower, 2));
        instance.tenure.work(instance.at(60_000));
        assert!(instance.tenure.next_append().is_none(), "it has claimed");
    }
}
