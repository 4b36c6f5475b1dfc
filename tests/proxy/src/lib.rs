//! A proxy for tests that understands Kafka: it stands between one client and the broker, and can hold, drop, repeat or
//! delay requests by their API key, and cut the connection.
//!
//! A broker tells its clients where it is to be found; what it says is changed on the way, so that they come back
//! through the proxy. For one broker, without TLS.

mod connection;
mod frame;
mod rules;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use rules::Rules;
pub use rules::Verb;

/// The numbers of requests, as Kafka's protocol gives them.
pub mod api {
    /// Appends records.
    pub const PRODUCE: i16 = 0;
    /// Reads records.
    pub const FETCH: i16 = 1;
    /// Where the brokers are, and what they lead.
    pub const METADATA: i16 = 3;
    /// Which broker coordinates a group.
    pub const FIND_COORDINATOR: i16 = 10;
    /// All that members of a group send: JoinGroup, Heartbeat, LeaveGroup, SyncGroup.
    pub const GROUP: [i16; 4] = [11, 12, 13, 14];
    /// Gives an idempotent producer its identity.
    pub const INIT_PRODUCER_ID: i16 = 22;
    /// Where the brokers are, for administrators.
    pub const DESCRIBE_CLUSTER: i16 = 60;
}

/// What the connections share.
struct Shared {
    broker: SocketAddr,
    port: u16,
    rules: watch::Sender<Rules>,
    /// By API key: how many requests a verb was applied to.
    met: Mutex<BTreeMap<i16, u64>>,
}

/// A proxy that listens; to drop it ends all its connections.
pub struct Proxy {
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1, on the Tokio runtime of the caller.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(broker: SocketAddr) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { broker, port, rules: watch::Sender::default(), met: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Proxy { shared, accepting })
    }

    /// The address that clients are to be given.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.shared.port)
    }

    /// From now on this happens to requests of that API key.
    pub fn set(&self, api: i16, verb: Verb) {
        self.shared.rules.send_modify(|rules| {
            rules.verbs.insert(api, verb);
        });
    }

    /// Ends all connections, and each new one at once.
    pub fn cut(&self) {
        self.shared.rules.send_modify(|rules| rules.is_cut = true);
    }

    /// Lifts all rules: what was held goes on.
    pub fn heal(&self) {
        self.shared.rules.send_replace(Rules::default());
    }

    /// To how many requests of that API key something was done.
    pub fn met(&self, api: i16) -> u64 {
        let met = self.shared.met.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        met.get(&api).copied().unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        // How a connection ends is the client's affair.
        tokio::spawn(connection::serve(client, shared.clone()));
    }
}
