//! What an instance's native functions see of the call that runs in it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rquickjs::{Function, Persistent};

use super::outbox::Outbox;
use super::timers::Timers;
use crate::report::LogLevel;
use crate::wire::{Bounds, CallNumber, Word};

type Resolve = Persistent<Function<'static>>;

/// Pieces of an answer's body that may be under way.
const PIECES: usize = 4;
/// Calls of the host that may be under way at once.
pub(super) const AT_ONCE: usize = 256;

/// One per instance. Values of the engine that it holds have to be let go before the engine ends: [`Shared::clear`].
pub(super) struct Shared {
    out: Outbox,
    call: Cell<Option<CallNumber>>,
    /// Whose lines are written: the call's, and after it those of the jobs that it left.
    logs_of: Cell<Option<CallNumber>>,
    bounds: Cell<Option<Bounds>>,
    pub(super) timers: RefCell<Timers>,
    hosts: RefCell<BTreeMap<u32, Asked>>,
    /// Bytes of those.
    asking: Cell<usize>,
    host_calls: Cell<u32>,
    logged: Cell<usize>,
    logs_dropped: Cell<u32>,
    answered: Cell<Answered>,
    answer_bytes: Cell<usize>,
    pieces: Cell<usize>,
    waiting: RefCell<VecDeque<Resolve>>,
    /// The socket broke while code ran.
    broken: RefCell<Option<std::io::Error>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answered {
    #[default]
    No,
    Head,
    Whole,
    /// Nobody reads.
    Closed,
    /// More than it may be.
    TooLarge,
}

/// A call of the host that isn't answered so far.
struct Asked {
    resolve: Resolve,
    bytes: usize,
}

/// What becomes of a piece of a body.
pub(super) enum Piece {
    Room,
    Wait,
    Closed,
}

impl Shared {
    pub(super) fn new(out: Outbox) -> Self {
        Self {
            out,
            call: Cell::new(None),
            logs_of: Cell::new(None),
            bounds: Cell::new(None),
            timers: RefCell::default(),
            hosts: RefCell::default(),
            asking: Cell::new(0),
            host_calls: Cell::new(0),
            logged: Cell::new(0),
            logs_dropped: Cell::new(0),
            answered: Cell::default(),
            answer_bytes: Cell::new(0),
            pieces: Cell::new(0),
            waiting: RefCell::default(),
            broken: RefCell::default(),
        }
    }

    pub(super) fn begin(&self, call: CallNumber, bounds: Bounds) {
        self.clear();
        self.call.set(Some(call));
        self.logs_of.set(Some(call));
        self.bounds.set(Some(bounds));
        self.host_calls.set(0);
        self.logged.set(0);
        self.logs_dropped.set(0);
        self.answered.set(Answered::No);
        self.answer_bytes.set(0);
        self.pieces.set(0);
    }

    /// Lets go of everything that waits: the call is over.
    pub(super) fn clear(&self) {
        self.call.set(None);
        self.timers.borrow_mut().drop_all();
        self.hosts.borrow_mut().clear();
        self.asking.set(0);
        self.waiting.borrow_mut().clear();
    }

    /// Nothing of the call runs any longer.
    pub(super) fn hush(&self) {
        self.logs_of.set(None);
    }

    pub(super) fn is_called(&self) -> bool {
        self.call.get().is_some()
    }

    pub(super) fn host_calls(&self) -> u32 {
        self.host_calls.get()
    }

    pub(super) fn logs_dropped(&self) -> u32 {
        self.logs_dropped.get()
    }

    /// Whether an answer's body came to more than it may have.
    pub(super) fn is_too_large(&self) -> bool {
        self.answered.get() == Answered::TooLarge
    }

    pub(super) fn broken(&self) -> std::io::Result<()> {
        self.broken.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn say(&self, word: &Word, body: &[&[u8]]) {
        if let Err(error) = self.out.say(word, body) {
            *self.broken.borrow_mut() = Some(error);
        }
    }

    /// Counts one more call of the host, of so many bytes; why not, if it may not be. What is under way is held by the
    /// server, too: it may be as much as the heap.
    pub(super) fn admit(&self, bytes: usize) -> Result<(), &'static str> {
        let (Some(_), Some(bounds)) = (self.call.get(), self.bounds.get()) else {
            return Err("the host is there while a function is called");
        };
        if self.host_calls.get() >= bounds.host_calls {
            return Err("the function has called the host too often");
        }
        if self.hosts.borrow().len() >= AT_ONCE {
            return Err("the function has too many calls of the host under way");
        }
        if self.asking.get().saturating_add(bytes) > bounds.memory {
            return Err("the function's calls of the host that are under way carry too much");
        }
        self.host_calls.set(self.host_calls.get() + 1);
        Ok(())
    }

    /// Sends a call of the host that was admitted.
    pub(super) fn ask(&self, op: String, arguments: &[u8], body: &[u8], resolve: Resolve) {
        let Some(call) = self.call.get() else { return };
        let host = self.host_calls.get();
        let bytes = arguments.len() + body.len();
        self.asking.set(self.asking.get() + bytes);
        self.hosts.borrow_mut().insert(host, Asked { resolve, bytes });
        self.say(&Word::Host { call, host, op, arguments: arguments.len() }, &[arguments, body]);
    }

    pub(super) fn answered(&self, host: u32) -> Option<Resolve> {
        let Asked { resolve, bytes } = self.hosts.borrow_mut().remove(&host)?;
        self.asking.set(self.asking.get().saturating_sub(bytes));
        Some(resolve)
    }

    /// `stack` is empty, but where the line tells of an error that nobody caught.
    pub(super) fn log(&self, level: LogLevel, message: &str, stack: &str, fields: &str) {
        let (Some(call), Some(bounds)) = (self.logs_of.get(), self.bounds.get()) else { return };
        // A line costs something even when it is empty.
        let logged = self.logged.get() + message.len() + stack.len() + fields.len() + 32;
        if logged > bounds.log {
            self.logs_dropped.set(self.logs_dropped.get().saturating_add(1));
            return;
        }
        self.logged.set(logged);
        let word = Word::Log { call, level, message: message.len(), stack: stack.len() };
        self.say(&word, &[message.as_bytes(), stack.as_bytes(), fields.as_bytes()]);
    }

    pub(super) fn head(&self, status: u16, headers: &str) {
        let Some(call) = self.call.get().filter(|_| self.answered.get() == Answered::No) else { return };
        self.answered.set(Answered::Head);
        self.say(&Word::Head { call, status }, &[headers.as_bytes()]);
    }

    /// Sends a piece of the body.
    pub(super) fn piece(&self, piece: &Bytes) -> Piece {
        let (Some(call), Some(bounds)) = (self.call.get(), self.bounds.get()) else { return Piece::Closed };
        if self.answered.get() != Answered::Head {
            return Piece::Closed;
        }
        let bytes = self.answer_bytes.get() + piece.len();
        self.answer_bytes.set(bytes);
        if bytes > bounds.result {
            self.answered.set(Answered::TooLarge);
            return Piece::Closed;
        }
        self.say(&Word::Piece { call }, &[piece]);
        self.pieces.set(self.pieces.get() + 1);
        if self.pieces.get() < PIECES { Piece::Room } else { Piece::Wait }
    }

    pub(super) fn wait_for_room(&self, resolve: Resolve) {
        self.waiting.borrow_mut().push_back(resolve);
    }

    /// A piece was taken: who waited for that goes on, or all of them where nobody reads any longer.
    pub(super) fn taken(&self, open: bool) -> Vec<Resolve> {
        self.pieces.set(self.pieces.get().saturating_sub(1));
        let mut waiting = self.waiting.borrow_mut();
        if open {
            return waiting.pop_front().into_iter().collect();
        }
        self.answered.set(Answered::Closed);
        waiting.drain(..).collect()
    }

    pub(super) fn whole(&self) {
        let Some(call) = self.call.get().filter(|_| self.answered.get() == Answered::Head) else { return };
        self.answered.set(Answered::Whole);
        self.say(&Word::Whole { call }, &[]);
    }
}
