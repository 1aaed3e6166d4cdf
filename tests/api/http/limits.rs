//! Bodies, headers and slow peers are bounded.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{define_open, documents};

on_both_engines! {
    a_body_over_the_limit_is_refused_before_it_is_read,
    a_lying_length_is_no_harm,
    headers_are_bounded,
    nonsense_on_the_wire_is_no_harm,
    a_compressed_body_is_refused,
}

async fn raw(server: &TestServer, bytes: &[u8]) -> String {
    let address = server.base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may refuse and close before all of it is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 64 * 1024];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let length = read.map_or(0, |read| read.unwrap_or(0));
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

async fn a_body_over_the_limit_is_refused_before_it_is_read(server: TestServer) {
    define_open(&server).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{{",
        documents("open")
    );
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

async fn a_lying_length_is_no_harm(server: TestServer) {
    define_open(&server).await;
    let body = "{\"a\":1}";
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}x",
        documents("open"),
        body.len()
    );
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let both = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(&server, both.as_bytes()).await;
    assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}");
    server.visitor().get("/health/live").expect(200).await;
}

async fn headers_are_bounded(server: TestServer) {
    let head = format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    let many = "X-One: more\r\n".repeat(2_000);
    let answer = raw(&server, format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    server.visitor().get("/health/live").expect(200).await;
}

async fn nonsense_on_the_wire_is_no_harm(server: TestServer) {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ] {
        let address = server.base().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        drop(stream);
    }
    server.visitor().get("/health/live").expect(200).await;
}

/// Nothing is inflated, so nothing has to be limited after it.
async fn a_compressed_body_is_refused(server: TestServer) {
    define_open(&server).await;
    for coding in ["gzip", "zstd", "br", "deflate"] {
        let call = server.service().post(&documents("open")).header("Content-Encoding", coding);
        let call = call.body("application/json", json!({"a": 1}).to_string());
        call.problem(415, "unsupported_media_type").await;
    }
}
