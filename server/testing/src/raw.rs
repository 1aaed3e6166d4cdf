//! Requests as no good client sends them: the target and the headers go out as they are.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::client::Client;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

impl Client {
    /// Sends `METHOD TARGET` with the caller's headers, these, and the bytes behind them, and reads until the server
    /// closes. Without an answer the test fails.
    pub async fn raw(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.try_raw(request, headers, body).await;
        answer.unwrap_or_else(|| panic!("{request}: no answer"))
    }

    /// `None` where the server closed without an answer.
    pub async fn try_raw(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
        let own = self.header_pairs();
        let given = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        for (name, value) in own.chain(given) {
            head.extend_from_slice(format!("{name}: ").as_bytes());
            head.extend_from_slice(&value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let mut stream = TcpStream::connect(self.base().trim_start_matches("http://")).await.expect("a connection");
        // The server may refuse, and close, before all of it is sent.
        let _ = stream.write_all(&head).await;
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        // A reset behind the answer is no harm.
        let _ = read.unwrap_or_else(|_| panic!("{request}: no end of the answer"));
        parse(request, &answer)
    }
}

fn parse(request: &str, bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header's value"));
    }
    let body = &bytes[end + 4..];
    let in_chunks = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let body = match length {
        // What comes behind is another answer.
        Some(length) => body[..body.len().min(length)].to_vec(),
        None if in_chunks => dechunked(body),
        None => body.to_vec(),
    };
    // What is said first may be an invitation to send the rest.
    if status == 100 {
        parse(request, &bytes[end + 4..])
    } else {
        Some(Answer::new(request.to_owned(), status, headers, body))
    }
}

fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = String::from_utf8_lossy(&bytes[..line]).into_owned();
        let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
        let start = line + 2;
        if size == 0 || bytes.len() < start + size {
            break;
        }
        body.extend_from_slice(&bytes[start..start + size]);
        bytes = bytes.get(start + size + 2..).unwrap_or_default();
    }
    body
}
