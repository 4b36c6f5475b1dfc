//! Every part of the protocol is needed: without it something goes wrong, and this is the shortest way to it.

use crate::client::Ask::{Check, Write};
use crate::explorer::Verdict;
use crate::log::Rule;
use crate::owner::Slip;
use crate::rules::BLIND;
use crate::world::{Bounds, Log};
use crate::{SOUND, peace, search, search_for};

/// Searches until something is wrong.
fn must_break(what: &str, bounds: &Bounds) {
    let (verdict, _) = search(what, bounds);
    assert!(matches!(verdict, Verdict::Broken { .. }), "{what}: nothing goes wrong within the bounds");
}

fn blind_to(part: &str) -> Rule {
    BLIND.iter().find(|(name, _)| *name == part).unwrap().1
}

#[test]
fn every_part_of_the_owners_side_is_needed() {
    for slip in
        [Slip::RejectsAtOnce, Slip::RejectsOnItsBase, Slip::KeepsTheWindow, Slip::AnswersUnread, Slip::ServesUnread]
    {
        must_break(&format!("an owner that {slip:?}"), &Bounds { slip, asks: &[Write(0), Check], ..SOUND });
    }
    let slip = Slip::BelievesItsOwnVoid;
    must_break(&format!("an owner that {slip:?}"), &Bounds { slip, asks: &[Write(0), Write(1)], ..SOUND });
}

/// These do no harm to what is said: somebody waits for ever.
#[test]
fn what_hangs_is_found() {
    for slip in [Slip::WaitsForALostClaim, Slip::WaitsForWhatHasCome] {
        let bounds = Bounds { slip, asks: &[Write(0), Check], ..SOUND };
        let what = format!("an owner that {slip:?}");
        let (verdict, _) = search_for(&what, &bounds, |world| peace::objection(&bounds, world));
        assert!(matches!(verdict, Verdict::Broken { .. }), "{what}: nobody hangs within the bounds");
    }
}

#[test]
fn every_part_of_the_rule_is_needed() {
    for (part, log) in [
        ("the claim's term", Log::Intact),
        ("the seq", Log::Intact),
        ("the entry's term", Log::Cut),
        ("the owner", Log::Cut),
        ("the number and the digest", Log::Cut),
        ("the number", Log::Altered),
        ("the digest", Log::Altered),
    ] {
        let bounds = Bounds { rule: blind_to(part), log, asks: &[Write(0), Write(1)], ..SOUND };
        must_break(&format!("a rule without {part}, {log:?} log"), &bounds);
    }
}

/// Owner, number and digest are there for logs that were cut or altered.
#[test]
fn an_intact_log_does_not_show_that_all_of_it_is_needed() {
    for part in ["the owner", "the number", "the digest"] {
        let bounds = Bounds { rule: blind_to(part), asks: &[Write(0), Write(1)], records: 4, ..SOUND };
        let (verdict, _) = search(&format!("a rule without {part}, Intact log"), &bounds);
        assert!(matches!(verdict, Verdict::Holds { .. }), "{part}");
    }
}
