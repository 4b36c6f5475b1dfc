//! A frame of Kafka's wire: four bytes of length, then a request or a response. Only as much of it is read as is needed
//! to choose requests, to match responses, and to keep clients from going around the proxy.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No request or response here comes near to this.
const MOST_BYTES: usize = 64 << 20;

/// The head of every request, the same in all versions: what it asks for, and the number that its response carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    /// Who asks, as the client names itself.
    pub(crate) client: Option<String>,
}

impl RequestHeader {
    /// None if this is no request.
    pub(crate) fn parse(frame: &[u8]) -> Option<RequestHeader> {
        let (api, rest) = frame.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (correlation, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let client = match usize::try_from(i16::from_be_bytes(*length)) {
            Ok(length) => Some(String::from_utf8(rest.get(..length)?.to_vec()).ok()?),
            Err(_) => None,
        };
        Some(RequestHeader {
            api: i16::from_be_bytes(*api),
            version: i16::from_be_bytes(*version),
            correlation: i32::from_be_bytes(*correlation),
            client,
        })
    }
}

/// The number of the request that a response answers.
pub(crate) fn correlation(frame: &[u8]) -> Option<i32> {
    frame.first_chunk().map(|number| i32::from_be_bytes(*number))
}

/// Puts another port where a broker is named. In every version of every response the port, four bytes, follows the
/// host.
pub(crate) fn readdress(frame: &mut [u8], host: &str, from: u16, to: u16) {
    let named = [host.as_bytes(), &i32::from(from).to_be_bytes()].concat();
    let mut at = 0;
    while at + named.len() <= frame.len() {
        if frame[at..].starts_with(&named) {
            let port = at + host.len();
            frame[port..port + 4].copy_from_slice(&i32::from(to).to_be_bytes());
            at += named.len();
        } else {
            at += 1;
        }
    }
}

/// The next frame without its length; none where the connection has ended.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_i32().await {
        Ok(length) => usize::try_from(length).ok().filter(|length| *length <= MOST_BYTES),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut frame = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    from.read_exact(&mut frame).await?;
    Ok(Some(frame))
}

pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = i32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    to.write_all(&[&length.to_be_bytes(), frame].concat()).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Metadata (3) in version 12, correlation 7, from "rdkafka"; what follows is the body.
    const REQUEST: &[u8] = b"\x00\x03\x00\x0c\x00\x00\x00\x07\x00\x07rdkafka\x00rest";

    #[test]
    fn a_request_says_what_it_asks_for() {
        let header = RequestHeader::parse(REQUEST).unwrap();
        let client = Some("rdkafka".to_owned());
        assert_eq!(header, RequestHeader { api: 3, version: 12, correlation: 7, client });
        let nameless = RequestHeader::parse(b"\x00\x12\x00\x00\x00\x00\x01\x00\xff\xff").unwrap();
        assert_eq!((nameless.api, nameless.correlation, nameless.client), (18, 256, None));
    }

    #[test]
    fn what_is_too_short_is_no_request() {
        let whole = REQUEST.len() - "\0rest".len();
        assert!((0..whole).all(|length| RequestHeader::parse(&REQUEST[..length]).is_none()));
        assert!(RequestHeader::parse(&REQUEST[..whole]).is_some());
        assert_eq!((correlation(b"\0\0\0"), correlation(b"\0\0\0\x09rest")), (None, Some(9)));
    }

    #[test]
    fn a_broker_gets_another_port_and_nothing_else_changes() {
        let frame = |ports: [u16; 3]| {
            let [one, two, other] = ports.map(|port| i32::from(port).to_be_bytes());
            [b"\x0a127.0.0.1", &one[..], b"..\x0a127.0.0.1", &two, b"\x0a127.0.0.9", &other, b"127.0.0.1"].concat()
        };
        let mut readdressed = frame([9092, 9092, 9092]);
        readdress(&mut readdressed, "127.0.0.1", 9092, 40_000);
        assert_eq!(readdressed, frame([40_000, 40_000, 9092]));
    }

    #[tokio::test]
    async fn frames_are_written_as_they_are_read() {
        let mut wire = Vec::new();
        write(&mut wire, b"one").await.unwrap();
        write(&mut wire, b"").await.unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read(&mut from).await.unwrap().unwrap(), b"one");
        assert_eq!(read(&mut from).await.unwrap().unwrap(), b"");
        assert!(read(&mut from).await.unwrap().is_none());
        assert!(read(&mut &b"\xff\xff\xff\xff"[..]).await.is_err(), "no length");
        assert!(read(&mut &b"\0\0\0\x09half"[..]).await.is_err(), "half a frame");
    }
}
