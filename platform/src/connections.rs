//! How many connections there may be at once: in all, and from one address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::network::{Networks, counted};
use crate::sections::Http;

/// The seats of a service.
pub(crate) struct Connections {
    free: Arc<Semaphore>,
    per_address: usize,
    trusted_proxies: Networks,
    seated: Arc<Mutex<HashMap<u128, usize>>>,
}

/// Room for one more connection.
pub(crate) struct Seat<'a> {
    connections: &'a Connections,
    permit: OwnedSemaphorePermit,
}

/// A connection that is open.
pub(crate) struct Seated {
    _permit: OwnedSemaphorePermit,
    address: u128,
    seated: Arc<Mutex<HashMap<u128, usize>>>,
}

impl Connections {
    pub fn new(settings: &Http) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.connections.clamp(1, Semaphore::MAX_PERMITS))),
            per_address: settings.connections_per_address,
            trusted_proxies: settings.trusted_proxies.clone(),
            seated: Arc::default(),
        }
    }

    /// The next connection, once there is room for it: till then it waits where the system keeps it.
    pub async fn accept(&self, listener: &TcpListener) -> (io::Result<(TcpStream, SocketAddr)>, Seat<'_>) {
        let permit = self.free.clone().acquire_owned().await.expect("nobody closes the semaphore");
        (listener.accept().await, Seat { connections: self, permit })
    }
}

impl Seat<'_> {
    /// The seat for a connection from there; none if that address has too many. Behind a proxy are many clients, so those
    /// that are trusted are not counted.
    pub fn for_address(self, address: IpAddr) -> Option<Seated> {
        let Connections { per_address, trusted_proxies, seated, .. } = self.connections;
        let (address, is_counted) = (counted(address), !trusted_proxies.hold(address));
        let mut taken = seated.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if is_counted && *count >= *per_address {
            ::metrics::counter!("http_connections_refused_total").increment(1);
            return None;
        }
        *count += 1;
        ::metrics::gauge!("http_connections").increment(1);
        Some(Seated { _permit: self.permit, address, seated: seated.clone() })
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut taken = self.seated.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
        ::metrics::gauge!("http_connections").decrement(1);
    }
}
