//! One connection of a client, with the one to the broker that belongs to it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::frame::{self, RequestHeader};
use crate::rules::Verb;
use crate::{Shared, api};

/// What is to become of a response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    /// It answers a repetition.
    Swallow,
    /// The connection ends in its place.
    Break,
}

/// A response that the broker owes. They come in the order of the requests.
struct Owed {
    api: i16,
    correlation: i32,
    fate: Fate,
}

type Debts = Mutex<VecDeque<Owed>>;

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Passes everything on until one side ends, or the way is cut.
pub(crate) async fn serve(client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut rules = shared.rules.subscribe();
    if rules.borrow().is_cut {
        return Ok(());
    }
    let broker = TcpStream::connect(shared.broker).await?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let ((from_client, to_client), (from_broker, to_broker)) = (client.into_split(), broker.into_split());
    let owed = Debts::default();
    tokio::select! {
        ended = requests(from_client, to_broker, &owed, &shared) => ended,
        ended = responses(from_broker, to_client, &owed, &shared) => ended,
        // A proxy that is gone has cut everything before.
        _ = rules.wait_for(|rules| rules.is_cut) => Ok(()),
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut broker: OwnedWriteHalf,
    owed: &Debts,
    shared: &Shared,
) -> io::Result<()> {
    let mut rules = shared.rules.subscribe();
    while let Some(request) = frame::read(&mut client).await? {
        let RequestHeader { api, correlation, .. } =
            RequestHeader::parse(&request).ok_or(io::ErrorKind::InvalidData)?;
        // Whoever waits for both, this and the cut, may hear of this first.
        if rules.borrow().is_cut {
            return Ok(());
        }
        let verb = rules.borrow_and_update().verb(api);
        if verb.is_some() {
            *lock(&shared.met).entry(api).or_default() += 1;
        }
        let mut fates = &[Fate::Pass][..];
        match verb {
            None => {}
            Some(Verb::Hold) => {
                let lifted = rules.wait_for(|rules| rules.verb(api) != Some(Verb::Hold)).await;
                lifted.map_err(|_| io::ErrorKind::ConnectionAborted)?;
            }
            Some(Verb::Delay(time)) => tokio::time::sleep(time).await,
            Some(Verb::DropRequest) => return Ok(()),
            Some(Verb::DropResponse) => fates = &[Fate::Break],
            Some(Verb::Duplicate) => fates = &[Fate::Pass, Fate::Swallow],
        }
        for fate in fates {
            lock(owed).push_back(Owed { api, correlation, fate: *fate });
            frame::write(&mut broker, &request).await?;
        }
    }
    Ok(())
}

async fn responses(
    mut broker: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    owed: &Debts,
    shared: &Shared,
) -> io::Result<()> {
    while let Some(mut response) = frame::read(&mut broker).await? {
        let Some(Owed { api, fate, .. }) = settle(owed, &response) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match fate {
            Fate::Break => return Ok(()),
            Fate::Swallow => continue,
            Fate::Pass => {}
        }
        if matches!(api, api::METADATA | api::FIND_COORDINATOR | api::DESCRIBE_CLUSTER) {
            let host = shared.broker.ip().to_string();
            frame::readdress(&mut response, &host, shared.broker.port(), shared.port);
        }
        frame::write(&mut client, &response).await?;
    }
    Ok(())
}

/// What this response answers. Requests before it got none: a Produce without acknowledgement.
fn settle(owed: &Debts, response: &[u8]) -> Option<Owed> {
    let correlation = frame::correlation(response)?;
    let mut owed = lock(owed);
    while let Some(next) = owed.pop_front() {
        if next.correlation == correlation {
            return Some(next);
        }
    }
    None
}
