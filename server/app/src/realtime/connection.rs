//! One client, as the HTTP floor holds it: what he sends goes in here, what he gets comes out of the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use basalt_core::{Code, Error};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Arrival;
use super::frames::{self, ClientFrame, Join, Refused, Subscription};
use super::hub::{ConnectionId, Going, Mail, Post};
use super::outbox::{Next, Outbox, Pushed};

/// Frames of a client that the room hasn't taken up yet.
const MOST_PENDING: usize = 256;
/// Frames a second, and at once.
const RATE: f64 = 50.0;
const BURST: f64 = 200.0;
/// Refused frames after which a client is sent away.
const PATIENCE: u32 = 1_000;

/// Dropping it is the client's going.
pub struct Connection {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    mail: mpsc::UnboundedSender<Mail>,
    pending: Arc<AtomicUsize>,
    allowance: Allowance,
    refused: u32,
    going: Going,
    _place: Budget,
}

/// Why a client is sent away: a code of RFC 6455 and a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub &'static str);

impl Connection {
    pub(super) fn open(id: u64, arrival: Arrival, mail: mpsc::UnboundedSender<Mail>, place: Budget) -> Self {
        let outbox = Arc::new(Outbox::new(arrival.transport, arrival.bell.clone()));
        let id = ConnectionId(id);
        // A hub that is gone hears nothing; the client then gets nothing, and goes.
        let _ = mail.send(Mail::Open(id, Box::new(arrival), Arc::clone(&outbox)));
        let allowance = Allowance { tokens: BURST, last: Instant::now() };
        Self { id, outbox, mail, pending: Arc::default(), allowance, refused: 0, going: Going::Broken, _place: place }
    }

    /// One text frame of the client's. An error sends him away; all else is answered by frames.
    pub fn receive(&mut self, text: &[u8]) -> Result<(), Refusal> {
        if !self.allowance.take() {
            let error = Error::new(Code::RateLimited, "Too many frames; send fewer a second.");
            return self.refuse(None, &error);
        }
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Ping { id }) => {
                self.answer(&frames::pong(id.as_deref()));
                Ok(())
            }
            Ok(frame) => self.post(frame),
            Err(Refused { id, error }) => self.refuse(id.as_deref(), &error),
        }
    }

    /// A frame that is too long: refused, the connection lives on.
    pub fn too_long(&mut self) -> Result<(), Refusal> {
        self.refuse(None, &Error::new(Code::TooLarge, "A frame has at most 64 KiB."))
    }

    /// A subscription that came with the request.
    pub fn subscribe(&mut self, subscription: Subscription) -> Result<(), Refusal> {
        self.post(ClientFrame::Subscribe(subscription))
    }

    /// A channel that came with the request.
    pub fn join(&mut self, join: Join) -> Result<(), Refusal> {
        self.post(ClientFrame::Join(join))
    }

    /// The client says goodbye: he doesn't come back.
    pub fn closes(&mut self) {
        self.going = Going::Clean;
    }

    /// What is to be sent next; `None` at the end.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match self.outbox.poll_next(context) {
                Poll::Ready(Next::Send(frame)) => return Poll::Ready(Some(frame)),
                Poll::Ready(Next::Resumed) => {
                    let _ = self.mail.send(Mail::Resumed(self.id));
                }
                Poll::Ready(Next::End) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn post(&mut self, frame: ClientFrame) -> Result<(), Refusal> {
        if self.pending.load(Ordering::Relaxed) >= MOST_PENDING {
            let error = Error::new(Code::Overloaded, "Too many frames are under way; wait for their answers.");
            return self.refuse(None, &error);
        }
        let post = Post::new(frame, &self.pending);
        self.mail.send(Mail::Frame(self.id, post)).map_err(|_| Refusal(1001, "the server stops"))
    }

    fn refuse(&mut self, id: Option<&str>, error: &Error) -> Result<(), Refusal> {
        self.refused += 1;
        if self.refused > PATIENCE {
            return Err(Refusal(1008, "too many bad frames"));
        }
        self.answer(&frames::error(id, error));
        Ok(())
    }

    /// Who doesn't read the answers to what he sends, sends too much.
    fn answer(&self, json: &[u8]) {
        if self.outbox.push_json(json) == Pushed::Overflowed {
            let _ = self.mail.send(Mail::Overflowed(self.id));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.mail.send(Mail::Gone(self.id, self.going));
    }
}

/// A bucket of frames.
struct Allowance {
    tokens: f64,
    last: Instant,
}

impl Allowance {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.last).as_secs_f64() * RATE).min(BURST);
        self.last = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// A place among the open connections, given back on drop.
pub(super) struct Budget {
    open: Arc<AtomicUsize>,
    count: usize,
}

impl Budget {
    pub(super) fn take(open: &Arc<AtomicUsize>) -> Self {
        let count = open.fetch_add(1, Ordering::Relaxed) + 1;
        Self { open: Arc::clone(open), count }
    }

    /// How many there are with this one.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
