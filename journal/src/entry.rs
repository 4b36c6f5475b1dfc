//! An admitted entry, as those who fold a journal get to see it.

use std::borrow::Cow;

use crate::checkpoint::Checkpoint;
use crate::position::Position;

/// An entry that is part of the history.
///
/// An owner's [`Machine`](crate::Machine) sees it borrowed; a [`Reader`](crate::Reader) hands out
/// `Admitted<'static>`, which owns its bytes.
#[derive(Clone, Debug)]
pub struct Admitted<'a> {
    /// Where it stands.
    pub position: Position,
    /// Its Kafka offset: a hint for seeking, never a position.
    pub offset: i64,
    /// When the broker appended it, in milliseconds since 1970 (LogAppendTime).
    pub timestamp: i64,
    /// The entry itself, exactly as it was appended.
    pub value: Cow<'a, [u8]>,
    /// The W3C trace context it was appended under.
    pub traceparent: Option<Cow<'a, str>>,
    /// Where to go on after it.
    pub checkpoint: Checkpoint,
    /// The owner's machine decided it itself and has applied it speculatively; always false for a
    /// reader.
    pub own: bool,
}

impl Admitted<'_> {
    /// The same with bytes of its own.
    pub fn into_owned(self) -> Admitted<'static> {
        Admitted {
            value: Cow::Owned(self.value.into_owned()),
            traceparent: self.traceparent.map(|text| Cow::Owned(text.into_owned())),
            ..self
        }
    }
}
