//! What holds of the protocol as it is.

use crate::client::Ask::{self, Check, Reserve, Write};
use crate::explorer::Verdict;
use crate::world::{Bounds, Log};
use crate::{Reached, SOUND, peace, search, search_for};

/// The protocol with these clients and so many records, or more if so asked.
fn sound(asks: &'static [Ask], records: u8) -> Bounds {
    let more = std::env::var("DAYBOOK_MODEL_MORE").map_or(0, |more| more.parse().unwrap());
    Bounds { asks, records: records + more, ..SOUND }
}

fn must_hold((verdict, reached): (Verdict, Reached)) -> Reached {
    if let Verdict::Broken { why, trace, .. } = verdict {
        panic!("{why}:\n    {}", trace.join("\n    "));
    }
    reached
}

#[test]
fn commands_are_written_once_or_void() {
    let bounds = sound(&[Write(0), Write(1)], 5);
    let reached = must_hold(search("two commands", &bounds));
    assert!(reached.accepted > 0 && reached.void > 0 && reached.inherited > 0, "{reached:?}");
}

#[test]
fn a_command_sent_twice_has_one_result() {
    let bounds = sound(&[Write(0), Write(0)], 5);
    let reached = must_hold(search("one command, sent twice", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.void > 0, "{reached:?}");
}

#[test]
fn rejections_rest_on_what_stands_and_are_not_stale() {
    let bounds = sound(&[Write(0), Check], 5);
    let reached = must_hold(search("a command and a rejection", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.inherited > 0, "{reached:?}");
}

#[test]
fn a_unique_name_is_given_once() {
    let bounds = sound(&[Reserve(0), Reserve(1)], 4);
    let reached = must_hold(search("two commands for one name", &bounds));
    assert!(reached.accepted > 0 && reached.rejected > 0 && reached.inherited > 0, "{reached:?}");
}

/// From every world that faults can lead to.
#[test]
fn everything_is_decided_once_the_faults_stop() {
    let all: [(&str, &'static [Ask]); 2] =
        [("two commands", &[Write(0), Write(1)]), ("a command and a rejection", &[Write(0), Check])];
    for (what, asks) in all {
        let bounds = sound(asks, 4);
        must_hold(search_for(&format!("{what}, in peace"), &bounds, |world| peace::objection(&bounds, world)));
    }
}

/// Then nobody can know what was lost; but what is admitted goes on from what is there, or its reader stops.
#[test]
fn a_log_that_was_cut_or_altered_misleads_nobody() {
    for log in [Log::Cut, Log::Altered] {
        let bounds = Bounds { log, repeats: 0, ..sound(&[Write(0), Write(1)], 4) };
        must_hold(search(&format!("two commands, {log:?} log"), &bounds));
    }
}
