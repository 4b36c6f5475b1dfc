//! Whom requests may be forwarded to. The address of an owner stands in its claim, and a claim is only a record in a log:
//! a caller's token goes to nobody whom the operator has not named.

/// The origins of other instances, such as `http://daybook-*.daybook.svc:8080`. A `*` stands for letters, digits and hyphens
/// within one label.
#[derive(Debug, Clone, Default)]
pub struct Peers(Vec<String>);

/// Why a list of peers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings: command_api.peers: {0:?} is not an origin such as http://daybook-*.daybook.svc:8080")]
pub struct PeersError(String);

impl Peers {
    /// The peers of the settings.
    ///
    /// # Errors
    /// The first that is not an origin.
    pub fn new(patterns: &[String]) -> Result<Self, PeersError> {
        let usable = |pattern: &String| {
            let origin = origin(pattern, |byte| byte == b'*').ok_or_else(|| PeersError(pattern.clone()))?;
            let port = origin.rsplit_once(':').map_or("", |(_, port)| port);
            if port.contains('*') && !port.contains("//") { Err(PeersError(pattern.clone())) } else { Ok(origin) }
        };
        patterns.iter().map(usable).collect::<Result<_, _>>().map(Self)
    }

    /// Whether requests may go there.
    pub fn admit(&self, url: &str) -> bool {
        let Some(origin) = origin(url, |_| false) else { return false };
        self.0.iter().any(|pattern| fits(pattern.as_bytes(), origin.as_bytes()))
    }
}

/// The origin in lower case, if the URL is nothing but an origin.
pub fn origin(url: &str, also: impl Fn(u8) -> bool) -> Option<String> {
    let origin = url.strip_suffix('/').unwrap_or(url).to_ascii_lowercase();
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte) || also(byte);
    (!host.is_empty() && host.bytes().all(of_a_host)).then_some(origin)
}

fn fits(pattern: &[u8], origin: &[u8]) -> bool {
    match (pattern, origin) {
        ([], []) => true,
        ([b'*', rest @ ..], [byte, further @ ..]) => {
            (byte.is_ascii_alphanumeric() || *byte == b'-') && (fits(rest, further) || fits(pattern, further))
        }
        ([expected, rest @ ..], [byte, further @ ..]) => expected == byte && fits(rest, further),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(patterns: &[&str]) -> Result<Peers, PeersError> {
        Peers::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_listed_is_admitted() {
        let peers = peers(&["http://127.0.0.1:18000", "http://daybook-*.daybook.svc:8080/"]).unwrap();
        for admitted in [
            "http://127.0.0.1:18000",
            "http://127.0.0.1:18000/",
            "http://daybook-0.daybook.svc:8080",
            "http://DAYBOOK-blue-17.daybook.svc:8080",
        ] {
            assert!(peers.admit(admitted), "{admitted}");
        }
        for refused in [
            "",
            "http://",
            "127.0.0.1:18000",
            "https://127.0.0.1:18000",
            "http://127.0.0.1:18001",
            "http://127.0.0.1:180000",
            "http://daybook-.daybook.svc:8080",
            "http://daybook-0.evil.daybook.svc:8080",
            "http://daybook-0.daybook.svc:8081",
            "http://daybook-0.daybook.svc:8080.evil.example",
            "http://daybook-0.daybook.svc:8080/path",
            "http://evil.example/daybook-0.daybook.svc:8080",
            "http://evil.example#daybook-0.daybook.svc:8080",
            "http://someone@127.0.0.1:18000",
            "http://daybook-*.daybook.svc:8080",
        ] {
            assert!(!peers.admit(refused), "{refused}");
        }
        let peers = self::peers(&["https://daybook-*:8443"]).unwrap();
        assert!(peers.admit("https://daybook-0:8443") && !peers.admit("http://daybook-0:8443"));
        assert!(!Peers::default().admit("http://127.0.0.1:18000"));
    }

    #[test]
    fn what_is_no_origin_stops_the_start() {
        for wrong in ["", "daybook:8080", "ftp://daybook:8080", "http://daybook:8080/api", "http://daybook:80*", "*"] {
            assert!(peers(&[wrong]).unwrap_err().to_string().contains("command_api.peers"), "{wrong}");
        }
    }
}
