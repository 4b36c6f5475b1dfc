//! UmaDB: each command reads its ticket's events by their tag, decides, and appends on the condition that none was added.

use std::sync::Arc;

use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};

use crate::clients::{Failure, Store};
use crate::ticket::{Codec, Note, Ticket};

/// Connections of one process, each shared by many clients: one for each client costs more, on both sides.
const CONNECTIONS: usize = 4;

/// UmaDB's own client.
pub struct Umadb {
    connections: Vec<AsyncUmaDbClient>,
    codec: Codec,
}

/// Connects.
///
/// # Errors
/// The server cannot be reached.
pub async fn begin(url: &str, clients: usize) -> Result<Arc<Umadb>, Failure> {
    let mut connections = Vec::new();
    for _ in 0..clients.min(CONNECTIONS) {
        connections.push(UmaDbClient::new(url.to_owned()).connect_async().await?);
    }
    Ok(Arc::new(Umadb { connections, codec: Codec::default() }))
}

impl Store for Umadb {
    async fn note(&self, client: usize, note: Note) -> Result<(), Failure> {
        let connection = &self.connections[client % self.connections.len()];
        let query = DcbQuery::new().item(DcbQueryItem::new().tags([note.ticket.as_str()]));
        let (events, head) = connection.read_with_head(Some(query.clone()), None, false, None).await?;
        let mut ticket = Ticket::default();
        for kept in &events {
            ticket = ticket.evolve(&self.codec.decode(&kept.event.data)?);
        }
        let noted = ticket.decide(&note)?;
        let event = DcbEvent::new().event_type("Noted").tags([note.ticket.as_str()]).data(self.codec.encode(&noted));
        connection.append(vec![event], Some(DcbAppendCondition::new(query).after(head)), None).await?;
        Ok(())
    }
}
