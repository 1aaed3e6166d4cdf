//! Connections as bodies of answers: what the framework polls whenever the client can take more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::ws::{OpCode, Parser};
use actix_web::web::Payload;
use basalt_app::realtime::{Connection, Refusal, Transport};
use basalt_core::Error;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Bytes of a message, in however many pieces.
const MESSAGE: usize = 64 << 10;
/// What a frame has besides.
const HEAD: usize = 14;
/// Without anything else to send, a sign of life.
const PING: Duration = Duration::from_secs(25);
/// A client that was not heard of for so long is dead.
const SILENCE: Duration = Duration::from_secs(70);
/// Answers to the client's own pings that wait.
const PONGS: usize = 16;
/// Bytes that are handed on before they go out. The framework collects them in a buffer that it keeps: so it stays as
/// small as it was made, whatever is sent.
const PIECE: usize = 4 << 10;
/// Pieces that are read before others get their turn.
const READS: usize = 16;

type Item = Result<Bytes, Error>;

/// A WebSocket. What the client sends is read only when there is room for what he gets: who doesn't read isn't heard.
pub(super) struct Socket {
    connection: Connection,
    payload: Payload,
    buffer: BytesMut,
    /// The pieces of a message so far.
    message: Option<Message>,
    pongs: VecDeque<Bytes>,
    pings: Interval,
    heard: Instant,
    pieces: Pieces,
    last: Option<Bytes>,
    ended: bool,
}

struct Message {
    bytes: Vec<u8>,
    /// Too long already: the rest is passed over.
    too_long: bool,
}

/// An event stream.
pub(super) struct Events {
    connection: Connection,
    pings: Interval,
    pieces: Pieces,
}

/// Frames on their way out.
#[derive(Default)]
struct Pieces {
    /// The rest of a frame that has begun.
    rest: Bytes,
    /// Bytes since the last time that all went out.
    handed: usize,
}

impl Pieces {
    /// The rest of what has begun, if there is one.
    fn rest(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| self.begin(rest))
    }

    /// As much of a frame as goes out at once.
    fn begin(&mut self, mut frame: Bytes) -> Bytes {
        self.rest = frame.split_off(frame.len().min(PIECE.saturating_sub(self.handed)));
        self.handed += frame.len();
        frame
    }

    /// Whether what was handed on has to go out first; more is asked for right after that.
    fn are_full(&mut self, context: &Context<'_>) -> bool {
        let full = self.handed >= PIECE;
        if full {
            self.handed = 0;
            context.waker().wake_by_ref();
        }
        full
    }
}

fn pings() -> Interval {
    let mut pings = tokio::time::interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

impl Events {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, pings: pings(), pieces: Pieces::default() }
    }
}

impl Stream for Events {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let Self { connection, pings, pieces } = &mut *self;
        if pieces.are_full(context) {
            return Poll::Pending;
        }
        if let Some(rest) = pieces.rest() {
            return Poll::Ready(Some(Ok(rest)));
        }
        if let Poll::Ready(next) = connection.poll_next(context) {
            return Poll::Ready(next.filter(|bytes| !bytes.is_empty()).map(|frame| Ok(pieces.begin(frame))));
        }
        pieces.handed = 0;
        pings.poll_tick(context).map(|_| Some(Ok(Transport::Sse.ping())))
    }
}

impl Socket {
    pub(super) fn new(connection: Connection, payload: Payload) -> Self {
        Self {
            connection,
            payload,
            buffer: BytesMut::new(),
            message: None,
            pongs: VecDeque::new(),
            pings: pings(),
            heard: Instant::now(),
            pieces: Pieces::default(),
            last: None,
            ended: false,
        }
    }

    /// Takes in what the client sent. `false`: he is gone.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        for _ in 0..READS {
            match self.payload.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(bytes))) => {
                    self.heard = Instant::now();
                    self.buffer.extend_from_slice(&bytes);
                    if let Err(Refusal(code, reason)) = self.frames() {
                        self.last = Some(Transport::WebSocket.close(code, reason));
                        return true;
                    }
                }
                Poll::Ready(Some(Err(_)) | None) => return false,
                Poll::Pending => return true,
            }
        }
        // There may be more: it is looked at again right after the others.
        context.waker().wake_by_ref();
        true
    }

    fn frames(&mut self) -> Result<(), Refusal> {
        while self.last.is_none() {
            let parsed = Parser::parse(&mut self.buffer, true, MESSAGE);
            match parsed.map_err(|_| Refusal(1002, "not a frame of the protocol"))? {
                Some((finished, code, payload)) => self.frame(finished, code, &payload.unwrap_or_default())?,
                // The parser would wait for the whole of a frame of any length.
                None if self.buffer.len() > MESSAGE + HEAD => return Err(Refusal(1009, "a frame is too long")),
                None => break,
            }
        }
        if self.buffer.is_empty() {
            // Idle connections hold no buffer.
            self.buffer = BytesMut::new();
        }
        Ok(())
    }

    fn frame(&mut self, finished: bool, code: OpCode, payload: &[u8]) -> Result<(), Refusal> {
        match code {
            OpCode::Text if self.message.is_none() => {
                self.message = Some(Message { bytes: Vec::new(), too_long: false });
                self.piece(finished, payload)
            }
            OpCode::Continue if self.message.is_some() => self.piece(finished, payload),
            OpCode::Ping => {
                if self.pongs.len() < PONGS {
                    self.pongs.push_back(pong(payload));
                }
                Ok(())
            }
            OpCode::Pong => Ok(()),
            OpCode::Close => {
                self.connection.closes();
                self.last = Some(Transport::WebSocket.close(1000, ""));
                Ok(())
            }
            OpCode::Binary => Err(Refusal(1003, "frames are texts")),
            OpCode::Text | OpCode::Continue | OpCode::Bad => Err(Refusal(1002, "a piece of no message")),
        }
    }

    fn piece(&mut self, finished: bool, payload: &[u8]) -> Result<(), Refusal> {
        let Some(mut message) = self.message.take() else { return Ok(()) };
        message.too_long |= message.bytes.len() + payload.len() > MESSAGE;
        if message.too_long {
            message.bytes = Vec::new();
        } else {
            message.bytes.extend_from_slice(payload);
        }
        match (finished, message.too_long) {
            (false, _) => {
                self.message = Some(message);
                Ok(())
            }
            (true, true) => self.connection.too_long(),
            (true, false) => self.connection.receive(&message.bytes),
        }
    }

    fn end(&mut self) -> Poll<Option<Item>> {
        self.ended = true;
        Poll::Ready(None)
    }
}

impl Stream for Socket {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        if this.ended || !this.read(context) {
            return this.end();
        }
        if this.pieces.are_full(context) {
            return Poll::Pending;
        }
        if let Some(rest) = this.pieces.rest() {
            return Poll::Ready(Some(Ok(rest)));
        }
        if let Some(last) = this.last.take() {
            this.ended = true;
            return Poll::Ready(Some(Ok(last)));
        }
        if let Some(pong) = this.pongs.pop_front() {
            return Poll::Ready(Some(Ok(pong)));
        }
        match this.connection.poll_next(context) {
            Poll::Ready(Some(frame)) => return Poll::Ready(Some(Ok(this.pieces.begin(frame)))),
            Poll::Ready(None) => return this.end(),
            Poll::Pending => this.pieces.handed = 0,
        }
        if this.pings.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        if this.heard.elapsed() > SILENCE {
            return this.end();
        }
        Poll::Ready(Some(Ok(Transport::WebSocket.ping())))
    }
}

fn pong(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 2);
    out.put_u8(0x8a);
    // Control frames have at most 125 bytes: the parser saw to it.
    out.put_u8(u8::try_from(payload.len()).unwrap_or(0));
    out.put_slice(payload);
    out.freeze()
}
