//! What becomes of which requests.

use std::collections::BTreeMap;
use std::time::Duration;

/// What happens to a request that was chosen by its API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It waits, with all that comes behind it on the same connection, until the rule is lifted.
    Hold,
    /// It comes this much later, and all behind it.
    Delay(Duration),
    /// It never reaches the broker. The connection ends with it, as nothing is lost inside of one.
    DropRequest,
    /// The broker carries it out, and the client never hears of it: the connection ends instead.
    DropResponse,
    /// The broker gets it twice, and the client its first response.
    Duplicate,
}

/// The rules that hold now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) verbs: BTreeMap<i16, Verb>,
    /// There is no way to the broker.
    pub(crate) is_cut: bool,
}

impl Rules {
    pub(crate) fn verb(&self, api: i16) -> Option<Verb> {
        self.verbs.get(&api).copied()
    }
}
