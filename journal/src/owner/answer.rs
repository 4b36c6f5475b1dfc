//! What becomes of a command: an answer that the log has confirmed, or a refusal that promises it changed
//! nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::position::Position;

/// An answer, given only once the log has confirmed what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<A> {
    /// The machine's answer.
    pub answer: A,
    /// The entry that the command led to; none for an answer that changes nothing.
    pub position: Option<Position>,
    /// The admitted entry that confirmed the answer: the command's own, or one appended after it arrived.
    pub confirmed: Position,
}

/// What was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The book's queue: its tenant sends too much (HTTP 429).
    Book,
    /// The partition's queues, or the log is slow (HTTP 503).
    Partition,
}

/// Why there is no answer. But for [`Undecided`](Refused::Undecided), the command has changed nothing and
/// never will, and is safe to send again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already; the command was not decided.
    #[error("too many commands wait for the {}; try again in {} ms", match .scope { Scope::Book => "book", Scope::Partition => "partition" }, .retry_after.as_millis())]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
        /// What was full.
        scope: Scope,
    },
    /// It was decided twice and both times another claim came first.
    #[error("the command was overtaken by a change of owner twice; it changed nothing and may be sent again")]
    Void,
    /// This instance does not own the partition now; it may be catching up.
    #[error("this instance does not serve the partition now; try again in {} ms", .retry_after.as_millis())]
    NotServing {
        /// When to try again.
        retry_after: Duration,
    },
    /// The process ends, or the partition has halted, before the outcome could be read. The same command id
    /// sent again finds the definite answer.
    #[error("the outcome could not be read back before the owner stopped; send the same command id again")]
    Undecided,
}

/// The future of a submitted command. To drop it cancels nothing.
#[derive(Debug)]
#[must_use = "the outcome of a command is to be awaited"]
pub struct Submission<A>(pub(super) oneshot::Receiver<Outcome<A>>);

/// What a command ends with.
pub(crate) type Outcome<A> = Result<Answered<A>, Refused>;

impl<A> Future for Submission<A> {
    type Output = Outcome<A>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|received| received.unwrap_or(Err(Refused::Undecided)))
    }
}
