//! Where a request comes from: the other end of its connection, or what a proxy that we trust says of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

/// The header by which a proxy says whom it speaks for: one address for each hop, the nearest last.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection; every request that came by it carries this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether it has shown a certificate of the authority of our own services.
    pub is_service: bool,
}

/// Networks in the form `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Networks {
    said: Vec<String>,
    /// The first address and the length of the prefix of each, all as IPv6.
    blocks: Vec<(u128, u32)>,
}

/// What is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError(String);

impl TryFrom<Vec<String>> for Networks {
    type Error = NetworkError;

    fn try_from(said: Vec<String>) -> Result<Self, NetworkError> {
        let block = |text: &String| network(text).ok_or_else(|| NetworkError(text.clone()));
        Ok(Self { blocks: said.iter().map(block).collect::<Result<_, _>>()?, said })
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.said
    }
}

impl Networks {
    /// Whether an address is in one of them.
    pub fn hold(&self, address: IpAddr) -> bool {
        let bits = whole(address);
        self.blocks.iter().any(|(first, prefix)| head(bits, *prefix) == *first)
    }

    /// The client's address: the peer's own, unless that is one of these networks' and says whom it speaks for. Names are
    /// believed from the nearest on as long as a trusted proxy says them; whatever a client wrote there itself is not.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.hold(client) {
            return client;
        }
        let said: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for named in said.iter().rev().flat_map(|value| value.to_str().unwrap_or("?").rsplit(',')) {
            let Some(address) = address(named.trim()) else { break };
            client = address;
            if !self.hold(client) {
                break;
            }
        }
        client
    }
}

/// An address, with or without a port, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let parsed = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

fn network(text: &str) -> Option<(u128, u32)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()?
        }
        Some(_) => return None,
        None => all,
    };
    let prefix = (prefix <= all).then_some(128 - all + prefix)?;
    Some((head(whole(address), prefix), prefix))
}

/// An address as 128 bits; one of IPv4 as IPv6 maps it.
fn whole(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn head(bits: u128, prefix: u32) -> u128 {
    match prefix {
        0 => 0,
        prefix => bits >> (128 - prefix) << (128 - prefix),
    }
}

/// What is counted as one: an address of IPv4, but a network of 64 bits of IPv6, since a customer is given as much.
pub(crate) fn counted(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(_) => whole(address),
        IpAddr::V6(address) => head(Ipv6Addr::to_bits(address), 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Result<Networks, NetworkError> {
        Networks::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn client(trusted: &[&str], peer: &str, said: &[&str]) -> String {
        let headers = said.iter().map(|value| (FORWARDED_FOR, value.parse().unwrap())).collect();
        networks(trusted).unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn an_address_is_in_a_network_or_not() {
        let some = networks(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]).unwrap();
        for inside in ["10.255.0.1", "::ffff:10.1.2.3", "2001:db8:1::1", "192.0.2.7"] {
            assert!(some.hold(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "2001:db9::1", "192.0.2.8", "::1"] {
            assert!(!some.hold(outside.parse().unwrap()), "{outside}");
        }
        assert!(networks(&["0.0.0.0/0"]).unwrap().hold("8.8.8.8".parse().unwrap()));
        assert!(!networks(&["0.0.0.0/0"]).unwrap().hold("2001:db8::1".parse().unwrap()));
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "host/8", "2001:db8::/129"] {
            assert!(networks(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_whom_it_speaks_for() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client(trusted, "192.0.2.1", &["198.51.100.9"]), "192.0.2.1", "a client says it itself");
        assert_eq!(client(trusted, "10.0.0.1", &["198.51.100.9"]), "198.51.100.9");
        assert_eq!(client(trusted, "::ffff:10.0.0.1", &["198.51.100.9:4711"]), "198.51.100.9");
        assert_eq!(client(trusted, "10.0.0.1", &["203.0.113.5, 198.51.100.9, 10.0.0.2"]), "198.51.100.9");
        assert_eq!(client(trusted, "10.0.0.1", &["203.0.113.5", "198.51.100.9"]), "198.51.100.9", "two headers");
        assert_eq!(client(trusted, "10.0.0.1", &["198.51.100.9, nonsense"]), "10.0.0.1");
        assert_eq!(client(trusted, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&[], "10.0.0.1", &["198.51.100.9"]), "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_counted_as_one() {
        let counted = |text: &str| counted(text.parse().unwrap());
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
        assert_ne!(counted("2001:db8:0:1::1"), counted("2001:db8::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert_ne!(counted("192.0.2.2"), counted("192.0.2.1"));
    }
}
