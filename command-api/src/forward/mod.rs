//! Forwarding: a caller's request, as it came, is sent to the instance that owns its partition, and the answer passed back.
//!
//! The owner checks the caller's token and the body itself. Nothing but the claim in the log says who the owner is, and
//! nobody but the operator says whom to believe.

use std::{
    error::Error as _,
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{HeaderValue, Response as HttpResponse, StatusCode},
    response::Response,
};
use daybook_journal::{Ownership, Role};
use daybook_platform::{
    ApiError,
    files::FileError,
    outgoing::{CallError, Outgoing, Request},
    sections::Services,
    telemetry, trace_context,
};
use metrics::{counter, histogram};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument, Span};

use crate::settings::CommandApi;

pub mod header;
mod parcel;
pub mod peers;

pub use parcel::Parcel;

use header::{FORWARD, Forward, TERM};
use parcel::end_to_end;
use peers::{Peers, PeersError, origin};

/// How many KiB of requests may wait for an owner, or for its answer.
const ROOM: usize = 64 * 1024;

/// Where a command goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To the owner in this process.
    Submit,
    /// To the owner at that address.
    Forward,
    /// Nowhere until something changes.
    Wait,
    /// Nowhere; this process should claim the partition: its owner was an earlier life of it.
    Contend,
    /// Back: this partition has halted.
    Halted,
    /// Back: the address of the owner is not one of the peers'.
    Unlisted,
}

/// What became of a forward.
#[derive(Debug)]
pub enum Fate {
    /// The owner has answered, whatever it says.
    Answered(Response),
    /// The receiver is not the owner. The term is what it knows; none where it knows nothing yet.
    Misdirected(Option<u64>),
    /// Nobody listens there.
    Refused,
    /// The connection broke, or could not be made: the command may have been decided or not.
    Broken,
}

/// Why nothing can be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum ForwarderError {
    /// Not known to whom.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// Not known as whom.
    #[error("settings: services: {0}")]
    Certificate(#[from] FileError),
}

/// Sends requests to other instances.
pub struct Forwarder {
    client: Outgoing,
    peers: Peers,
    own: Option<String>,
    room: Semaphore,
    /// The last address that was not called, so that it is logged once.
    unlisted: Mutex<Box<str>>,
}

impl Forwarder {
    /// A client for the peers of the settings.
    ///
    /// # Errors
    /// A peer is not an origin; a certificate cannot be used.
    pub fn new(settings: &CommandApi, services: &Services) -> Result<Self, ForwarderError> {
        Ok(Self {
            client: Outgoing::new(services)?,
            peers: Peers::new(&settings.peers)?,
            own: origin(&settings.url, |_| false),
            room: Semaphore::new(ROOM),
            unlisted: Mutex::default(),
        })
    }

    /// Where a command goes, as things stand.
    pub fn next(&self, known: &Ownership) -> Next {
        match known.role {
            Role::Owner | Role::Candidate => Next::Submit,
            Role::Halted => Next::Halted,
            Role::Behind => Next::Wait,
            Role::Follower if known.url.is_empty() => Next::Wait,
            Role::Follower if origin(&known.url, |_| false) == self.own => Next::Contend,
            Role::Follower if self.peers.admit(&known.url) => Next::Forward,
            Role::Follower => Next::Unlisted,
        }
    }

    /// Room for a request that cannot be given to an owner in this process; none when too many wait.
    pub fn room(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        self.room.try_acquire_many(u32::try_from(1 + bytes / 1024).ok()?).ok()
    }

    /// The refusal of a request whose owner gives an address that is not one of the peers'.
    pub fn unlisted(&self, place: &str, url: &str) -> ApiError {
        count("unlisted");
        let mut last = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != url {
            tracing::error!(
                place,
                url,
                "the owner is at an address that command_api.peers does not list; nothing is sent there"
            );
            *last = url.into();
        }
        let message = format!("the owner of {place} is at {url}, which command_api.peers does not list");
        ApiError::unavailable(message, Duration::from_secs(5))
    }

    /// Sends a request to the owner at that address.
    pub async fn send(&self, url: &str, parcel: &Parcel, forward: &Forward) -> Fate {
        let span = match telemetry::is_exporting() {
            true => tracing::info_span!("forward", otel.kind = "client", owner = url, forward = %forward),
            false => Span::none(),
        };
        let began = Instant::now();
        let fate = self.try_send(url, parcel, forward).instrument(span).await;
        histogram!("daybook_forward_seconds").record(began.elapsed().as_secs_f64());
        count(match &fate {
            Fate::Answered(_) => "answered",
            Fate::Misdirected(_) => "misdirected",
            Fate::Refused => "refused",
            Fate::Broken => "broken",
        });
        fate
    }

    async fn try_send(&self, url: &str, parcel: &Parcel, forward: &Forward) -> Fate {
        let mut headers = parcel.headers.clone();
        trace_context::inject(&mut headers);
        if let Ok(value) = HeaderValue::from_str(&forward.to_string()) {
            headers.insert(FORWARD, value);
        }
        let url = format!("{}{}", url.trim_end_matches('/'), parcel.target);
        let request = match Request::builder().method(parcel.method.clone()).uri(&url).body(parcel.body.clone()) {
            Ok(mut request) => {
                *request.headers_mut() = headers;
                request
            }
            Err(error) => return broken(&url, &error),
        };
        let (parts, body) = match self.client.send(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error @ CallError::Connection(_)) if is_refused(&error) => {
                broken(&url, &error);
                return Fate::Refused;
            }
            Err(error) => return broken(&url, &error),
        };
        if parts.status == StatusCode::MISDIRECTED_REQUEST {
            let term = parts.headers.get(TERM).and_then(|term| term.to_str().ok()?.parse().ok());
            return Fate::Misdirected(term);
        }
        let mut response = HttpResponse::new(Body::from(body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = end_to_end(&parts.headers);
        Fate::Answered(response)
    }
}

/// Counts what became of forwards, by outcome.
pub fn count(outcome: &'static str) {
    counter!("daybook_forward_total", "outcome" => outcome).increment(1);
}

fn broken(url: &str, error: &(dyn std::error::Error + 'static)) -> Fate {
    tracing::info!(url, error, "a request could not be forwarded");
    Fate::Broken
}

/// Whether nobody listens there.
fn is_refused(error: &CallError) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(role: Role, url: &str) -> Ownership {
        Ownership { term: 7, url: url.into(), role }
    }

    fn forwarder() -> Forwarder {
        let settings = CommandApi {
            url: "http://self:8080".into(),
            peers: vec!["http://self:8080".into(), "http://peer-*:8080".into()],
            ..CommandApi::default()
        };
        Forwarder::new(&settings, &Services::default()).unwrap()
    }

    #[test]
    fn a_command_goes_to_the_owner_wherever_it_is() {
        let forwarder = forwarder();
        let next = |role, url| forwarder.next(&known(role, url));
        assert_eq!(next(Role::Owner, "http://self:8080"), Next::Submit);
        assert_eq!(next(Role::Candidate, "http://peer-1:8080"), Next::Submit, "it is about to claim");
        assert_eq!(next(Role::Follower, "http://peer-1:8080"), Next::Forward);
        assert_eq!(next(Role::Follower, ""), Next::Wait, "nobody has claimed yet");
        assert_eq!(next(Role::Behind, "http://peer-1:8080"), Next::Wait, "that may be long past");
        assert_eq!(next(Role::Follower, "http://self:8080/"), Next::Contend, "an earlier life");
        assert_eq!(next(Role::Follower, "http://evil:8080"), Next::Unlisted);
        assert_eq!(next(Role::Halted, "http://peer-1:8080"), Next::Halted);
    }

    #[test]
    fn only_so_much_waits() {
        let forwarder = forwarder();
        let much = forwarder.room((ROOM - 2) * 1024).unwrap();
        assert!(forwarder.room(0).is_some());
        assert!(forwarder.room(4 * 1024).is_none());
        drop(much);
        assert!(forwarder.room(4 * 1024).is_some());
    }
}
