//! One worker as the server sees it: a socket, and the calls that are under way there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::net::UnixStream as Pair;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};

use super::pool::{Key, WorkerId};
use crate::report::Outcome;
use crate::wire::{CallNumber, Ended, Frames, Order, Word, push};

/// Silent for so long while it has calls, a worker may be in a long computation.
const SILENCE: Duration = Duration::from_millis(5);
/// What a call may say beside what its limits count: more is no call of ours.
const SLACK: usize = 1 << 20;

pub(super) struct Worker {
    pub(super) id: WorkerId,
    pub(super) pid: u32,
    socket: UnixStream,
    out: Mutex<Vec<u8>>,
    wake: Notify,
    /// The versions whose code it has.
    defined: Mutex<BTreeSet<u32>>,
    calls: Mutex<Calls>,
    numbers: AtomicU32,
    born: Instant,
    /// When it last said something or was last given its first call, in milliseconds since `born`.
    heard: AtomicU64,
}

#[derive(Default)]
struct Calls {
    /// No call enters any longer: who would tell it of the end has been here.
    closed: bool,
    under_way: BTreeMap<CallNumber, UnderWay>,
}

/// A call that was sent to the worker.
pub(super) struct UnderWay {
    pub(super) key: Option<Key>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    /// When the worker is killed for it.
    pub(super) hard: Instant,
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) memory: usize,
    /// What it may still say, by its limits.
    pub(super) host_calls: u32,
    pub(super) bytes: usize,
    /// Bytes of its calls of the host that aren't answered so far.
    pub(super) asked: BTreeMap<u32, usize>,
}

/// What the calls in a worker may take.
pub(super) struct Load {
    /// When the worker is killed for the first of them.
    pub(super) hard: Instant,
    /// The least processor time, of those whose time may end before their deadline.
    pub(super) cpu: Option<Duration>,
    /// Bytes, of all together.
    pub(super) memory: u64,
    pub(super) calls: usize,
}

impl UnderWay {
    /// Whether its processor time may end before its deadline.
    pub(super) fn cpu_is_short(&self) -> bool {
        self.cpu < self.wall
    }

    /// One more call of the host. The worker refuses those that carry too much by itself.
    fn ask(&mut self, host: u32, bytes: usize) -> Result<()> {
        self.host_calls = self.host_calls.checked_sub(1).ok_or_else(|| Error::other("too many calls of the host"))?;
        let under_way: usize = self.asked.values().sum();
        if under_way + bytes > self.memory.saturating_add(SLACK) {
            return Err(Error::other("its calls of the host carry too much"));
        }
        self.asked.insert(host, bytes);
        Ok(())
    }
}

/// What a call hears.
pub(super) enum Event {
    Said(Word, Bytes),
    /// The worker is gone.
    Lost(Outcome),
}

impl Worker {
    pub(super) fn new(id: WorkerId, pid: u32, socket: Pair) -> Result<Self> {
        socket.set_nonblocking(true)?;
        let (born, heard) = (Instant::now(), AtomicU64::new(0));
        let (calls, numbers, defined) = (Mutex::default(), AtomicU32::new(0), Mutex::default());
        let (socket, out, wake) = (UnixStream::from_std(socket)?, Mutex::default(), Notify::new());
        Ok(Self { id, pid, socket, out, wake, defined, calls, numbers, born, heard })
    }

    pub(super) fn next_number(&self) -> CallNumber {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the worker still takes calls.
    pub(super) fn enter(&self, call: CallNumber, under_way: UnderWay) -> bool {
        let mut calls = self.calls();
        if calls.closed {
            return false;
        }
        if calls.under_way.is_empty() {
            self.hear();
        }
        calls.under_way.insert(call, under_way);
        true
    }

    /// Takes all calls out; no other enters.
    pub(super) fn close_calls(&self) -> BTreeMap<CallNumber, UnderWay> {
        let mut calls = self.calls();
        calls.closed = true;
        std::mem::take(&mut calls.under_way)
    }

    /// What its calls make of it, where there are any.
    pub(super) fn load(&self) -> Option<Load> {
        let calls = self.calls();
        let calls = || calls.under_way.values();
        let hard = calls().map(|call| call.hard).min()?;
        let cpu = calls().filter(|call| call.cpu_is_short()).map(|call| call.cpu).min();
        let memory = calls().map(|call| call.memory as u64).sum();
        Some(Load { hard, cpu, memory, calls: calls().count() })
    }

    /// When it was last heard, in milliseconds of its life.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    pub(super) fn is_silent(&self) -> bool {
        self.age().saturating_sub(self.heard()) > u64::try_from(SILENCE.as_millis()).unwrap_or(0)
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hear(&self) {
        self.heard.store(self.age(), Ordering::Relaxed);
    }

    /// Sees to it that the worker has the code of a version.
    pub(super) fn define(&self, version: u32, bundle: &[u8]) {
        let mut defined = self.defined.lock().unwrap_or_else(PoisonError::into_inner);
        if defined.insert(version) {
            self.send(&Order::Define { version }, &[bundle]);
        }
    }

    pub(super) fn forget(&self, version: u32) {
        let mut defined = self.defined.lock().unwrap_or_else(PoisonError::into_inner);
        if defined.remove(&version) {
            self.send(&Order::Forget { version }, &[]);
        }
    }

    /// Never waits: what the socket doesn't take now follows. A worker that is gone is noticed by who reads.
    pub(super) fn send(&self, order: &Order, body: &[&[u8]]) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = out.is_empty();
        if let Err(error) = push(&mut out, order, body) {
            tracing::error!(%error, "an order to a worker can't be written");
        }
        if was_empty {
            self.write(&mut out);
        }
        if !out.is_empty() {
            self.wake.notify_one();
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut written = 0;
        while let Ok(bytes) = self.socket.try_write(&out[written..]) {
            written += bytes;
            if bytes == 0 || written == out.len() {
                break;
            }
        }
        out.drain(..written);
        if out.capacity() > (1 << 20) && out.is_empty() {
            *out = Vec::new();
        }
    }

    fn is_written(&self) -> bool {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What a call of the host carried is held no longer.
    pub(super) fn answered(&self, call: CallNumber, host: u32) {
        if let Some(call) = self.calls().under_way.get_mut(&call) {
            call.asked.remove(&host);
        }
    }

    /// Its end of the socket: an idle worker ends by it.
    pub(super) fn close(&self) {
        // A socket that is closed already is closed.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// Reads and writes until the worker is gone. `ended` is told of each call that is over.
    pub(super) async fn serve(&self, mut ended: impl FnMut(Option<Key>, &Ended)) -> Result<()> {
        let mut frames = Frames::default();
        loop {
            let written = self.is_written();
            tokio::select! {
                ready = self.socket.readable() => {
                    ready?;
                    self.read(&mut frames)?;
                    while let Some((word, body)) = frames.next::<Word>()? {
                        self.hear();
                        self.tell(word, body, &mut ended)?;
                    }
                }
                ready = self.socket.writable(), if !written => {
                    ready?;
                    self.write(&mut self.out.lock().unwrap_or_else(PoisonError::into_inner));
                }
                () = self.wake.notified(), if written => {}
            }
        }
    }

    fn read(&self, frames: &mut Frames) -> Result<()> {
        frames.buffer.reserve(64 << 10);
        match self.socket.try_read_buf(&mut frames.buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn tell(&self, word: Word, body: Bytes, ended: &mut impl FnMut(Option<Key>, &Ended)) -> Result<()> {
        let mut calls = self.calls();
        let call = match &word {
            Word::Unfiltered { why } => {
                unfiltered(why);
                return Ok(());
            }
            Word::Ended(end) => {
                let Some(call) = calls.under_way.remove(&end.call) else { return Ok(()) };
                drop(calls);
                ended(call.key, end);
                // Who has dropped the call doesn't hear of it.
                let _ = call.events.send(Event::Said(word, body));
                return Ok(());
            }
            Word::Host { call, .. }
            | Word::Log { call, .. }
            | Word::Head { call, .. }
            | Word::Piece { call }
            | Word::Whole { call } => *call,
            // A worker that compiles does nothing else.
            Word::Compiled | Word::Declared(_) | Word::Faulty(_) => 0,
        };
        let Some(call) = calls.under_way.get_mut(&call) else { return Ok(()) };
        if let Word::Host { host, .. } = &word {
            call.ask(*host, body.len())?;
        }
        if let Word::Log { .. } | Word::Piece { .. } = &word {
            call.bytes = call.bytes.checked_sub(body.len()).ok_or_else(|| Error::other("it says too much"))?;
        }
        let _ = call.events.send(Event::Said(word, body));
        Ok(())
    }
}

/// Told once, since it is so with each worker.
fn unfiltered(why: &str) {
    static TOLD: Once = Once::new();
    let why: String = why.chars().take(200).collect();
    TOLD.call_once(|| tracing::warn!(why, "workers run without a filter of system calls: the kernel sets none"));
}

/// How many bytes a call may say by its limits.
pub(super) fn sayable(limits: &crate::Limits) -> usize {
    limits.log.saturating_add(limits.result).saturating_add(SLACK)
}
