//! Instances that share a journal: who joins late, who leaves while it serves, and who runs older code.

use std::time::{Duration, Instant};

use daybook_journal::{Digest, Header, Owner, OwnerId, Refused, Role, Settings, Standing};

use crate::ledger::{Answer, Ledger, write};
use crate::{append_raw, fresh_context, runtime, serving, settings, until};

#[test]
fn who_only_follows_claims_nothing_until_it_joins() {
    let context = fresh_context(2);
    let owner = Owner::follow(&settings(), &context, |_| Ledger::default()).unwrap();
    until("it has read the journal", || owner.status().iter().all(|status| status.standing == Standing::Following));
    std::thread::sleep(Duration::from_millis(500));
    assert!(owner.status().iter().all(|status| status.claims == 0 && !status.assigned), "{:?}", owner.status());
    assert_eq!(owner.members().unwrap(), 0);
    let refused = runtime().block_on(owner.submit(0, write(1)));
    assert!(matches!(refused, Err(Refused::NotServing { .. })), "{refused:?}");
    owner.join();
    until("it serves", || owner.status().iter().all(|status| status.standing == Standing::Serving));
    assert_eq!(owner.members().unwrap(), 1);
}

#[test]
fn an_owner_that_retires_serves_until_its_heir_has_claimed() {
    let context = fresh_context(2);
    let url = |url: &str| Settings { url: url.to_owned(), ..settings() };
    let first = serving(&url("http://first"), &context);
    let second = Owner::follow(&url("http://second"), &context, |_| Ledger::default()).unwrap();
    until("the second has read the journal", || {
        second.ownership(1).is_some_and(|known| known.term == 1 && known.role == Role::Follower)
    });
    assert_eq!(second.ownership(1).unwrap().url.as_ref(), "http://first");
    first.retire();
    until("the first has left the group", || first.members().unwrap() == 0);
    assert!(!first.has_retired(), "nobody has taken over yet");
    let runtime = runtime();
    let answered = runtime.block_on(first.submit(1, write(1))).unwrap();
    assert_eq!(answered.answer, Answer::Written);

    second.join();
    let begun = Instant::now();
    // It serves up to the claim of its heir, and turns away what comes after.
    let mut line = 1;
    let refused = loop {
        line += 1;
        match runtime.block_on(first.submit(1, write(line))) {
            Ok(_) => {}
            Err(refused) => break refused,
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody takes over");
    };
    assert!(matches!(refused, Refused::NotServing { .. } | Refused::Void), "{refused:?}");
    assert!(line > 3, "it has served while its heir joined");
    until("the second owns all", || (0..2).all(|partition| second.ownership(partition).unwrap().role == Role::Owner));
    until("the first owns nothing", || first.has_retired());
    println!("handed over {:?} after the second joined", begun.elapsed());
    let known = first.ownership(1).unwrap();
    assert_eq!((known.term, known.url.as_ref(), known.role), (2, "http://second", Role::Follower));
    runtime.block_on(second.submit(1, write(line))).unwrap();
}

#[test]
fn changes_of_ownership_are_told_to_who_watches() {
    let context = fresh_context(1);
    let owner = serving(&settings(), &context);
    let mut watch = owner.watch();
    owner.retire();
    until("it has left the group", || owner.members().unwrap() == 0);
    watch.mark_unchanged();
    let claim = Header::Claim { term: 2, owner: OwnerId([9; 16]), code_version: 1 };
    append_raw(&context, 0, &[(claim.encode(), b"http://other".to_vec())]);
    let told = runtime().block_on(async {
        tokio::time::timeout(Duration::from_secs(10), watch.wait_for(|told| told[0].term == 2)).await.unwrap().unwrap()
            [0]
        .clone()
    });
    assert_eq!((told.url.as_ref(), told.role), ("http://other", Role::Follower));
}

#[test]
fn older_code_follows_past_an_entry_that_it_cannot_apply() {
    let context = fresh_context(1);
    let older = serving(&settings(), &context);
    let claim = Header::Claim { term: 2, owner: OwnerId([9; 16]), code_version: 2 };
    // Not even eight bytes: no line of this code.
    let entry = Header::Entry { term: 2, owner: OwnerId([9; 16]), seq: 0, number: 1, previous: Digest::NONE };
    let next = Header::Claim { term: 3, owner: OwnerId([8; 16]), code_version: 2 };
    let url = b"http://newer".to_vec();
    append_raw(&context, 0, &[(claim.encode(), url.clone()), (entry.encode(), b"?".to_vec()), (next.encode(), url)]);
    until("it has read that", || older.status()[0].term == 3);
    assert_eq!(older.status()[0].standing, Standing::Outdated { highest: 2 });
    let known = older.ownership(0).unwrap();
    assert_eq!((known.url.as_ref(), known.role), ("http://newer", Role::Follower));
}
