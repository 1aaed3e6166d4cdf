//! What the worker says, gathered so that many frames go by one call of the system.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use crate::wire::{Word, push};

/// Beyond this it doesn't gather on: a flood is written, and waits when the server doesn't take it.
const GATHERED_BYTES: usize = 256 << 10;

#[derive(Clone)]
pub(super) struct Outbox(Rc<Inner>);

struct Inner {
    socket: UnixStream,
    waiting: RefCell<Vec<u8>>,
}

impl Outbox {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self(Rc::new(Inner { socket, waiting: RefCell::new(Vec::new()) }))
    }

    pub(super) fn say(&self, word: &Word, body: &[&[u8]]) -> std::io::Result<()> {
        let mut waiting = self.0.waiting.borrow_mut();
        push(&mut waiting, word, body)?;
        let full = waiting.len() > GATHERED_BYTES;
        drop(waiting);
        if full { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&self) -> std::io::Result<()> {
        let mut waiting = self.0.waiting.borrow_mut();
        if waiting.is_empty() {
            return Ok(());
        }
        (&self.0.socket).write_all(&waiting)?;
        if waiting.capacity() > GATHERED_BYTES * 2 {
            *waiting = Vec::new();
        }
        waiting.clear();
        Ok(())
    }
}
