//! A WebSocket that counts what it gets, as cheap as can be: thousands share the machine with the server.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::error::Result;

/// Bytes that are read at once; one buffer for all sockets.
const BUFFER: usize = 64 << 10;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

pub(crate) struct Socket {
    stream: TcpStream,
    scanner: Scanner,
}

/// What a frame is to who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Change,
    Snapshot,
    /// An answer that doesn't count.
    Ok,
    /// The server is still there, and asks whether the client is.
    Ping,
    /// Whatever shouldn't come: an error, a resync, an end.
    Odd,
}

impl Socket {
    pub(crate) async fn open(address: &str, token: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET /v1/realtime HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: basalt.v1\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::with_capacity(512);
        let end = loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the server closed the connection instead of an upgrade".into());
            }
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            return Err(format!("no upgrade: {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(Self { stream, scanner: Scanner { carry: answer.split_off(end) } })
    }

    /// One text frame, masked with zeros.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        let length = u16::try_from(text.len())?;
        let mut frame = vec![0x81, 0x80 | 0x7e];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Reads until this many snapshots came.
    pub(crate) async fn snapshots(&mut self, mut wanted: usize) -> Result<()> {
        let mut odd = None;
        while wanted > 0 && odd.is_none() {
            poll_fn(|context| {
                self.poll_some(context, &mut |kind, text| match kind {
                    Kind::Snapshot => wanted = wanted.saturating_sub(1),
                    Kind::Odd => odd = Some(String::from_utf8_lossy(text).into_owned()),
                    Kind::Change | Kind::Ok | Kind::Ping => {}
                })
            })
            .await?;
        }
        odd.map_or(Ok(()), |text| Err(format!("instead of a snapshot: {text}").into()))
    }

    /// Hands each frame on until the server ends the connection.
    pub(crate) async fn follow(mut self, mut each: impl FnMut(Kind)) -> std::io::Error {
        loop {
            let mut pinged = false;
            let read = poll_fn(|context| {
                self.poll_some(context, &mut |kind, _| match kind {
                    Kind::Ping => pinged = true,
                    kind => each(kind),
                })
            });
            let read = read.await;
            let answered = match read {
                Ok(()) if pinged => self.stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await,
                read => read,
            };
            if let Err(error) = answered {
                return error;
            }
        }
    }

    /// Takes in what there is. A short read tells tokio that nothing more is there: one call of the system for each.
    fn poll_some(
        &mut self,
        context: &mut Context<'_>,
        each: &mut impl FnMut(Kind, &[u8]),
    ) -> Poll<std::io::Result<()>> {
        let Self { stream, scanner } = self;
        if !scanner.carry.is_empty() && scanner.rest(each) {
            return Poll::Ready(Ok(()));
        }
        SHARED.with_borrow_mut(|shared| {
            let mut read = ReadBuf::new(shared);
            ready!(Pin::new(stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(std::io::ErrorKind::UnexpectedEof.into()));
            }
            scanner.feed(read.filled(), each);
            Poll::Ready(Ok(()))
        })
    }
}

/// Finds the frames in what comes.
#[derive(Default)]
struct Scanner {
    /// The beginning of a frame whose end hasn't come.
    carry: Vec<u8>,
}

impl Scanner {
    fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Kind, &[u8])) {
        if self.carry.is_empty() {
            let taken = scan(bytes, each);
            self.carry.extend_from_slice(&bytes[taken..]);
        } else {
            self.carry.extend_from_slice(bytes);
            self.rest(each);
        }
    }

    /// Whether there was a whole frame in what is carried.
    fn rest(&mut self, each: &mut impl FnMut(Kind, &[u8])) -> bool {
        let taken = scan(&self.carry, each);
        self.carry.drain(..taken);
        if self.carry.is_empty() {
            self.carry = Vec::new();
        }
        taken > 0
    }
}

/// The bytes of the whole frames at the beginning.
fn scan(bytes: &[u8], each: &mut impl FnMut(Kind, &[u8])) -> usize {
    let mut at = 0;
    while let Some((head, length)) = lengths(&bytes[at..]).filter(|(head, length)| bytes.len() >= at + head + length) {
        let payload = &bytes[at + head..at + head + length];
        each(kind(bytes[at], payload), payload);
        at += head + length;
    }
    at
}

/// Of a frame: the bytes of its head and of what it carries. A server doesn't mask.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let whole = |at: usize, size: usize| {
        let digits = bytes.get(at..at + size)?;
        Some(digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
    };
    match *bytes.get(1)? {
        126 => Some((4, whole(2, 2)?)),
        127 => Some((10, whole(2, 8)?)),
        length => Some((2, usize::from(length))),
    }
}

fn kind(first: u8, payload: &[u8]) -> Kind {
    match first {
        0x81 if payload.starts_with(br#"{"type":"change""#) => Kind::Change,
        0x81 if payload.starts_with(br#"{"type":"snapshot""#) => Kind::Snapshot,
        0x81 if payload.starts_with(br#"{"type":"ok""#) || payload.starts_with(br#"{"id":"#) => Kind::Ok,
        0x89 => Kind::Ping,
        _ => Kind::Odd,
    }
}
