//! A body that is too large or not JSON is refused, and its sender gets to know why.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::edge::{error, routes};
use crate::stand::{Service, client};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_10_mb_is_413_also_when_it_does_not_say_its_length() {
    let service = Service::start(routes()).await;
    let big = vec![b'x'; 10 * 1024 * 1024];
    let whole = client().post(service.url("/echo")).body(big.clone()).send().await.unwrap();
    let (status, error_) = error(whole).await;
    assert_eq!((status, &error_["code"]), (413, &json!("BODY_TOO_LARGE")));
    assert!(error_["message"].as_str().unwrap().contains("65536 bytes"), "{error_}");

    // Chunked by hand, since a client that knows the length says it. The whole of it is sent before the answer is read.
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    for chunk in big.chunks(64 * 1024) {
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await.unwrap();
        stream.write_all(chunk).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("BODY_TOO_LARGE"), "{answer}");

    // A refusal that never looked at the body reaches its client too.
    let unread = client().post(service.url("/unread")).body(vec![b'x'; 60_000]).send().await.unwrap();
    assert_eq!(error(unread).await.0, 403);

    let fits = client().post(service.url("/echo")).body(vec![b'x'; 64 * 1024]).send().await.unwrap();
    assert_eq!(fits.bytes().await.unwrap().len(), 64 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_is_told_where() {
    let service = Service::start(routes()).await;
    let send = async |content_type: &str, body: &'static str| {
        let request = client().post(service.url("/json")).header("content-type", content_type).body(body);
        error(request.send().await.unwrap()).await
    };
    let (status, error_) = send("application/json", "{\"title\": }").await;
    assert_eq!(status, 400);
    assert!(error_["message"].as_str().unwrap().contains("line 1 column 11"), "{error_}");
    assert_eq!(send("text/plain", "{}").await.0, 415);
    assert_eq!(send("application/json", "").await.0, 400);
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains('}') {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
