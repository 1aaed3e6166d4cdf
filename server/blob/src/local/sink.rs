//! Writing a stream to a file: pieces are gathered, and one block is on its way to the disk while the next gathers.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::num::NonZeroU64;

use basalt_core::{Error, Result};
use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::fault;

/// What is written in one go: small enough to have two for each upload, large enough that the hop to a blocking thread
/// costs nothing beside it.
const BLOCK: usize = 256 * 1024;
/// After so many bytes the kernel is asked to begin writing them to the disk.
const BEHIND: u64 = 4 * 1024 * 1024;

/// What happens to a file that nobody finishes is what the drop of `T` does.
pub(super) struct Target<T> {
    // First, so that it is closed before its fate is decided.
    pub(super) file: File,
    pub(super) fate: T,
    written: u64,
    begun: u64,
}

impl<T> Target<T> {
    /// A file that is written on at `offset`, where it stands.
    pub(super) fn new(file: File, fate: T, offset: u64) -> Self {
        Self { file, fate, written: offset, begun: offset }
    }

    fn write(&mut self, block: &[u8]) -> io::Result<()> {
        self.file.write_all(block)?;
        self.written += block.len() as u64;
        if self.written - self.begun >= BEHIND {
            // Linux starts to write back what it is told isn't needed soon: so a large upload doesn't fill the memory
            // with what isn't on the disk, and the sync at its end is short. That it may refuse doesn't matter.
            let _ = fadvise(&self.file, self.begun, NonZeroU64::new(self.written - self.begun), Advice::DontNeed);
            self.begun = self.written;
        }
        Ok(())
    }
}

type Opener<T> = Box<dyn FnOnce() -> io::Result<Target<T>> + Send>;
type Flight<T> = JoinHandle<io::Result<(Target<T>, Vec<u8>)>>;

enum State<T> {
    /// Not yet opened: a small file is opened, written and finished in one go.
    Unopened(Opener<T>),
    /// A block is being written.
    Flying(Flight<T>),
    /// Failed before; nothing more is written.
    Broken,
}

pub(super) struct Sink<T: Send + 'static> {
    state: State<T>,
    gathered: Vec<u8>,
    /// The buffer that was written last.
    spare: Vec<u8>,
}

impl<T: Send + 'static> Sink<T> {
    pub(super) fn new(open: impl FnOnce() -> io::Result<Target<T>> + Send + 'static) -> Self {
        Self { state: State::Unopened(Box::new(open)), gathered: Vec::new(), spare: Vec::new() }
    }

    pub(super) async fn write(&mut self, mut piece: Bytes) -> Result<()> {
        while self.gathered.len() + piece.len() >= BLOCK {
            let fits = piece.split_to(BLOCK - self.gathered.len());
            self.gathered.extend_from_slice(&fits);
            self.send().await?;
        }
        self.gathered.extend_from_slice(&piece);
        Ok(())
    }

    /// Writes the rest, and does `then` on the same thread.
    pub(super) async fn finish<R: Send + 'static>(
        mut self,
        then: impl FnOnce(Target<T>) -> io::Result<R> + Send + 'static,
    ) -> Result<R> {
        let open = self.landed().await?;
        let rest = mem::take(&mut self.gathered);
        super::blocking(move || {
            let mut target = open()?;
            target.write(&rest)?;
            then(target)
        })
        .await
    }

    /// Sends off the gathered block once the one before it has landed.
    async fn send(&mut self) -> Result<()> {
        let open = self.landed().await?;
        let next = mem::take(&mut self.spare);
        let block = mem::replace(&mut self.gathered, next);
        self.state = State::Flying(spawn_blocking(move || {
            let mut target = open()?;
            target.write(&block)?;
            Ok((target, block))
        }));
        Ok(())
    }

    /// What gives the file to write to; until it is put back the sink counts as broken.
    async fn landed(&mut self) -> Result<Opener<T>> {
        match mem::replace(&mut self.state, State::Broken) {
            State::Unopened(open) => Ok(open),
            State::Flying(flight) => {
                let (target, mut block) = flight.await.map_err(Error::internal)?.map_err(fault::of_disk)?;
                block.clear();
                self.spare = block;
                Ok(Box::new(move || Ok(target)))
            }
            State::Broken => Err(Error::internal("a file was written on after a fault")),
        }
    }
}
