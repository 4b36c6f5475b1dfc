//! What holds of the protocol as it is.

use crate::client::Ask::{self, Check, Reserve, Write};
use crate::explorer::Verdict;
use crate::world::{Bounds, Log};
use crate::{Reached, SOUND, peace, search, search_for};

/// So many records, or more if asked for.
fn records(usual: u8) -> u8 {
    let more = std::env::var("DAYBOOK_MODEL_MORE").map_or(0, |more| more.parse().unwrap());
    usual + more
}

fn must_hold((verdict, reached): (Verdict, Reached)) -> Reached {
    if let Verdict::Broken { why, trace, .. } = verdict {
        panic!("{why}:\n    {}", trace.join("\n    "));
    }
    reached
}

#[test]
fn commands_are_written_once_or_void() {
    let bounds = Bounds { asks: &[Write(0), Write(1)], records: records(5), ..SOUND };
    let reached = must_hold(search("two commands", &bounds));
    assert!(reached.accepted > 0 && reached.void > 0 && reached.inherited > 0, "{reached:?}");
}

#[test]
fn a_command_sent_twice_has_one_result() {
    let bounds = Bounds { asks: &[Write(0), Write(0)], records: records(5), ..SOUND };
    let reached = must_hold(search("one command, sent twice", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.void > 0, "{reached:?}");
}

#[test]
fn rejections_rest_on_what_stands_and_are_not_stale() {
    let bounds = Bounds { asks: &[Write(0), Check], records: records(5), ..SOUND };
    let reached = must_hold(search("a command and a rejection", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.inherited > 0, "{reached:?}");
}

#[test]
fn a_unique_name_is_given_once() {
    let bounds = Bounds { asks: &[Reserve(0), Reserve(1)], records: records(4), ..SOUND };
    let reached = must_hold(search("two commands for one name", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.inherited > 0, "{reached:?}");
}

/// From every world that faults can lead to.
#[test]
fn everything_is_decided_once_the_faults_stop() {
    let all: [(&str, &'static [Ask]); 2] =
        [("two commands", &[Write(0), Write(1)]), ("a command and a rejection", &[Write(0), Check])];
    for (what, asks) in all {
        let bounds = Bounds { asks, records: records(4), ..SOUND };
        must_hold(search_for(&format!("{what}, in peace"), &bounds, |world| peace::objection(&bounds, world)));
    }
}

/// Then nobody can know what was lost; but what is admitted goes on from what is there, or its reader stops.
#[test]
fn a_log_that_was_cut_or_altered_misleads_nobody() {
    for (log, repeats) in [(Log::Cut, 1), (Log::Altered, 0)] {
        let bounds =
            Bounds { asks: &[Write(0), Write(1)], log, owners: 2, claims: 2, records: records(5), repeats, ..SOUND };
        must_hold(search(&format!("two commands, {log:?} log"), &bounds));
    }
}
