//! One kept-alive HTTP/1.1 connection, as cheap as can be: the client shares the machine with the server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Result;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a whole request and reads the whole answer; the status alone.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.send(request).await?.0)
    }

    pub(crate) async fn exchange_whole(&mut self, request: &[u8]) -> Result<Reply> {
        let (status, body_at) = self.send(request).await?;
        Ok(Reply { status, body: self.buffer[body_at..].to_vec() })
    }

    async fn send(&mut self, request: &[u8]) -> Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut head: Option<(usize, usize)> = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if head.is_none() {
                head = find_end(&self.buffer).map(|end| (end, content_length(&self.buffer[..end])));
            }
            if let Some((end, length)) = head.filter(|(end, length)| self.buffer.len() >= end + length) {
                self.buffer.truncate(end + length);
                return Ok((status(&self.buffer), end));
            }
        }
    }
}

/// A request's bytes. `token` is a bearer token.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let bearer = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    let typed = body.map_or_else(String::new, |body| {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    });
    let text =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}{typed}\r\n{}", body.unwrap_or_default());
    text.into_bytes()
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn status(bytes: &[u8]) -> u16 {
    bytes
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    line.and_then(|digits| digits.trim().parse().ok()).unwrap_or(0)
}
