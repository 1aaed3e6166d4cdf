//! What waits to be sent to one connection: bounded, and never waited for by who puts something in.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::bell::Bell;
use super::transport::Transport;

/// Frames that wait at most.
const FRAMES: usize = 1_024;
/// Bytes that wait at most; one frame may be larger where nothing else waits.
const BYTES: usize = 1 << 20;

/// The queue between the rooms, which push whenever something happens, and the connection, which sends as fast as its
/// client reads.
pub struct Outbox {
    transport: Transport,
    bell: Bell,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    state: State,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// What waited was dropped; nothing is taken until the client reads again.
    Stalled,
    /// The rest is sent, and then nothing more.
    Closing,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Queued,
    /// The client reads too slowly: everything that waited is dropped, and it has to be told anew what it missed.
    Overflowed,
    /// Dropped: it is stalled or closed.
    Dropped,
}

/// What a connection does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Send(Bytes),
    /// The client reads again after an overflow.
    Resumed,
    End,
}

impl Outbox {
    pub(super) fn new(transport: Transport, bell: Bell) -> Self {
        Self { transport, bell, queue: Mutex::default() }
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// One JSON text.
    pub(super) fn push_json(&self, json: &[u8]) -> Pushed {
        self.push(self.transport.frame(json, None))
    }

    /// Frames that are encoded for the transport already.
    pub fn push(&self, frames: Bytes) -> Pushed {
        let mut queue = self.lock();
        if queue.state != State::Open {
            return Pushed::Dropped;
        }
        let full = queue.frames.len() >= FRAMES || queue.bytes + frames.len() > BYTES;
        if full && !queue.frames.is_empty() {
            queue.frames.clear();
            queue.bytes = 0;
            queue.state = State::Stalled;
            self.wake(queue);
            return Pushed::Overflowed;
        }
        queue.bytes += frames.len();
        queue.frames.push_back(frames);
        self.wake(queue);
        Pushed::Queued
    }

    /// Sends what waits and this, whatever the bounds, and then ends.
    pub(super) fn close(&self, last: Bytes) {
        let mut queue = self.lock();
        if queue.state == State::Closing {
            return;
        }
        queue.state = State::Closing;
        queue.frames.push_back(last);
        self.wake(queue);
    }

    /// For the connection's own task.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let mut queue = self.lock();
        if let Some(frame) = queue.frames.pop_front() {
            queue.bytes = queue.bytes.saturating_sub(frame.len());
            return Poll::Ready(Next::Send(frame));
        }
        match queue.state {
            State::Closing => Poll::Ready(Next::End),
            State::Stalled => {
                queue.state = State::Open;
                Poll::Ready(Next::Resumed)
            }
            State::Open => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Frames that wait.
    pub fn depth(&self) -> usize {
        self.lock().frames.len()
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            self.bell.ring(waker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(outbox: &Outbox) -> Option<Next> {
        match outbox.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[test]
    fn frames_come_in_order_and_the_last_ends_it() {
        let outbox = Outbox::new(Transport::Sse, Bell::new());
        assert_eq!(outbox.push(Bytes::from_static(b"a")), Pushed::Queued);
        outbox.close(Bytes::from_static(b"z"));
        assert_eq!(outbox.push(Bytes::from_static(b"b")), Pushed::Dropped);
        assert_eq!(next(&outbox), Some(Next::Send(Bytes::from_static(b"a"))));
        assert_eq!(next(&outbox), Some(Next::Send(Bytes::from_static(b"z"))));
        assert_eq!(next(&outbox), Some(Next::End));
    }

    #[test]
    fn a_reader_that_stops_costs_no_more_than_the_bound() {
        let outbox = Outbox::new(Transport::Sse, Bell::new());
        let frame = Bytes::from(vec![0; 1_000]);
        let pushed: Vec<Pushed> = (0..5_000).map(|_| outbox.push(frame.clone())).collect();
        assert_eq!(pushed.iter().filter(|pushed| **pushed == Pushed::Overflowed).count(), 1);
        assert_eq!(outbox.depth(), 0);
        assert_eq!(next(&outbox), Some(Next::Resumed), "told once, when it reads again");
        assert_eq!(next(&outbox), None);
        assert_eq!(outbox.push(frame), Pushed::Queued);
    }

    #[test]
    fn one_large_frame_is_taken_where_nothing_waits() {
        let outbox = Outbox::new(Transport::Sse, Bell::new());
        assert_eq!(outbox.push(Bytes::from(vec![0; 2 * BYTES])), Pushed::Queued);
        assert_eq!(outbox.push(Bytes::from_static(b"a")), Pushed::Overflowed);
    }
}
