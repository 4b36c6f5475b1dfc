//! The delivery of a command to the owner of its partition, wherever that is and however often it changes.
//!
//! A caller sees a short delay, not an error: what was not decided is given again under the same key, which never does a
//! thing twice. It ends with an answer, with a refusal to take more, or with the caller's deadline.

use std::time::Duration;

use axum::{http::StatusCode, response::Response};
use daybook_journal::{Answered, Ownership, Refused, Role};
use daybook_platform::ApiError;
use metrics::counter;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    command::{Answer, Command},
    engine::Place,
    forward::{
        Fate, Forwarder, Next, Parcel, count,
        header::{Forward, MOST_HOPS, misdirected},
    },
    reply::refused,
};

/// The first and the longest pause before something is tried again though nothing has changed.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MOST: Duration = Duration::from_millis(320);

/// How long an owner's answer is waited for after another has claimed: it may be under way.
const GRACE: Duration = Duration::from_millis(250);

/// How long a forwarded request waits until this instance has read as far as its sender.
const BEHIND: Duration = Duration::from_secs(1);

/// How a delivery ends.
pub enum Delivered {
    /// Decided in this process.
    Decided(Answered<Answer>),
    /// Answered by the owner in another.
    Elsewhere(Response),
}

/// Why a command was not delivered.
pub enum Undelivered {
    /// It has changed nothing.
    Refused(ApiError),
    /// It may have been decided: the same key finds out.
    Open,
}

impl From<ApiError> for Undelivered {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// Delivers the command of a caller. To be dropped at the caller's deadline.
///
/// # Errors
/// The owner takes no more; too many wait; the partition has halted; its owner is at an address that is not to be called.
pub async fn deliver(
    place: &Place<'_>,
    forwarder: &Forwarder,
    command: &Command,
    parcel: impl Fn() -> Parcel,
) -> Result<Delivered, Undelivered> {
    // Whether an attempt has ended without telling that it changed nothing.
    let mut is_open = false;
    let delivered = attempt(place, forwarder, command, parcel, &mut is_open).await;
    match delivered {
        // "Try again later" promises that nothing was done.
        Ok(Delivered::Elsewhere(response)) if is_open && is_put_off(response.status()) => Err(Undelivered::Open),
        Err(_) if is_open => Err(Undelivered::Open),
        delivered => Ok(delivered?),
    }
}

fn is_put_off(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

async fn attempt(
    place: &Place<'_>,
    forwarder: &Forwarder,
    command: &Command,
    parcel: impl Fn() -> Parcel,
    is_open: &mut bool,
) -> Result<Delivered, ApiError> {
    let mut watch = place.owner.watch();
    let mut parcelled: Option<Parcel> = None;
    let mut room = None;
    let mut pause = PAUSE;
    loop {
        // What changes from here on ends the pause below.
        watch.mark_unchanged();
        let known = place.owner.ownership(place.partition).unwrap_or_default();
        let next = forwarder.next(&known);
        if next != Next::Submit && room.is_none() {
            room = Some(forwarder.room(command.size).ok_or_else(too_many)?);
        }
        match next {
            Next::Submit => match place.owner.submit(place.partition, command.clone()).await {
                Ok(answered) => return Ok(Delivered::Decided(answered)),
                Err(overloaded @ Refused::Overloaded { .. }) => return Err(refused(overloaded)),
                Err(Refused::Void | Refused::NotServing { .. }) => {}
                Err(Refused::Undecided) => *is_open = true,
            },
            Next::Forward => {
                let forward = Forward {
                    context: place.context.into(),
                    partition: place.partition,
                    term: known.term,
                    hops: MOST_HOPS,
                };
                let parcel = parcelled.get_or_insert_with(&parcel);
                let fate = send(forwarder, &known, parcel, &forward, place.owner.watch()).await;
                *is_open |= !matches!(fate, Some(Fate::Answered(_) | Fate::Refused));
                match fate {
                    Some(Fate::Answered(response)) => return Ok(Delivered::Elsewhere(response)),
                    // It owns the partition as far as we know, and decides nothing.
                    Some(Fate::Refused | Fate::Misdirected(None)) => place.owner.contend(place.partition, known.term),
                    Some(Fate::Misdirected(Some(term))) if term == known.term => {
                        place.owner.contend(place.partition, known.term);
                    }
                    // Behind us, past us, or slow: one of the two will read more.
                    Some(Fate::Misdirected(_) | Fate::Broken) | None => {}
                }
            }
            Next::Contend => place.owner.contend(place.partition, known.term),
            Next::Wait => {}
            Next::Halted => return Err(refused(Refused::NotServing { retry_after: Duration::from_secs(5) })),
            Next::Unlisted => {
                return Err(forwarder.unlisted(&format!("{}/{}", place.context, place.partition), &known.url));
            }
        }
        match timeout(pause, watch.changed()).await {
            Ok(_) => pause = PAUSE,
            Err(_) => pause = (pause * 2).min(PAUSE_MOST),
        }
    }
}

/// Sends a request to the owner, and gives it up a little after the log shows another one.
async fn send(
    forwarder: &Forwarder,
    known: &Ownership,
    parcel: &Parcel,
    forward: &Forward,
    mut watch: watch::Receiver<Vec<Ownership>>,
) -> Option<Fate> {
    let at = usize::try_from(forward.partition).ok()?;
    let sending = forwarder.send(&known.url, parcel, forward);
    tokio::pin!(sending);
    let succeeded = async {
        let has_successor = |told: &Vec<Ownership>| told.get(at).is_some_and(|now| now.term > known.term);
        watch.wait_for(has_successor).await.is_ok()
    };
    let fate = tokio::select! {
        fate = &mut sending => Some(fate),
        _ = succeeded => timeout(GRACE, sending).await.ok(),
    };
    if fate.is_none() {
        count("abandoned");
    }
    fate
}

/// Takes a command that another instance has forwarded. It is never handed on: its sender finds the owner.
///
/// # Errors
/// 421 with the own term, if this instance is not the owner of that term; else those of [`deliver`].
pub async fn receive(place: &Place<'_>, forward: &Forward, command: &Command) -> Result<Delivered, Undelivered> {
    if (place.context, place.partition) != (&*forward.context, forward.partition) {
        let message = format!("is for {}/{}, but the request is not", forward.context, forward.partition);
        return Err(ApiError::field("Daybook-Forward", message).into());
    }
    let mut watch = place.owner.watch();
    let patience = Instant::now() + BEHIND;
    loop {
        watch.mark_unchanged();
        let known = place.owner.ownership(place.partition).unwrap_or_default();
        match judge(&known, forward.term) {
            Verdict::Decide => match place.owner.submit(place.partition, command.clone()).await {
                Ok(answered) => {
                    received("decided");
                    return Ok(Delivered::Decided(answered));
                }
                Err(overloaded @ Refused::Overloaded { .. }) => {
                    received("overloaded");
                    return Err(refused(overloaded).into());
                }
                // Its sender takes any 421 for one that leaves this open.
                Err(_) => {}
            },
            Verdict::Wait => {}
            Verdict::Misdirect => {
                received("misdirected");
                return Err(misdirected(Some(known.term)).into());
            }
        }
        if timeout_at(patience, watch.changed()).await.is_err() {
            received("misdirected");
            return Err(misdirected(Some(known.term)).into());
        }
    }
}

/// What becomes of a command that was forwarded to this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is decided here.
    Decide,
    /// This instance has read less than the sender.
    Wait,
    /// Another instance decides it.
    Misdirect,
}

/// The verdict on a command for the owner of that term.
fn judge(known: &Ownership, term: u64) -> Verdict {
    match known.role {
        Role::Halted => Verdict::Misdirect,
        _ if known.term > term => Verdict::Misdirect,
        Role::Behind => Verdict::Wait,
        _ if known.term < term => Verdict::Wait,
        Role::Owner | Role::Candidate => Verdict::Decide,
        Role::Follower => Verdict::Misdirect,
    }
}

fn received(outcome: &'static str) {
    counter!("daybook_forward_received_total", "outcome" => outcome).increment(1);
}

fn too_many() -> ApiError {
    ApiError::unavailable("too many commands wait for the owner of their partition", Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_term_decides_what_is_forwarded_to_it() {
        let judge = |term, role| judge(&Ownership { term, url: "".into(), role }, 7);
        assert_eq!(judge(7, Role::Owner), Verdict::Decide);
        assert_eq!(judge(7, Role::Candidate), Verdict::Decide, "it claims again what is its own");
        assert_eq!(judge(6, Role::Candidate), Verdict::Wait, "it has not read its claim yet");
        assert_eq!(judge(6, Role::Follower), Verdict::Wait);
        assert_eq!(judge(3, Role::Behind), Verdict::Wait);
        assert_eq!(judge(7, Role::Follower), Verdict::Misdirect, "an earlier life of it was");
        assert_eq!(judge(8, Role::Owner), Verdict::Misdirect);
        assert_eq!(judge(8, Role::Follower), Verdict::Misdirect);
        assert_eq!(judge(7, Role::Halted), Verdict::Misdirect);
    }
}
