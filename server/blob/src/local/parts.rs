//! Uploads that go on later: one file each, whose durable length the caller keeps.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use super::folders::Destination;
use super::sink::{Sink, Target};
use super::{Local, absent_is_fine, blocking, settle, size_of, sync_folder, sync_parent};
use crate::{Key, Parts};

/// How long to wait for who writes to the same file: no longer than a block takes a slow disk.
const PATIENCE: Duration = Duration::from_secs(10);

type Lock = tokio::sync::Mutex<()>;

/// One writer per part file, until its last block has landed: one that was given up must not write beside its
/// successor, or into the finished file.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<Key, Weak<Lock>>>);

impl Held {
    async fn take(&self, key: &Key) -> Result<OwnedMutexGuard<()>> {
        let lock = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|_, lock| lock.strong_count() > 0);
            let lock = held.get(key).and_then(Weak::upgrade).unwrap_or_default();
            held.insert(key.clone(), Arc::downgrade(&lock));
            lock
        };
        let busy = || Error::new(Code::Unavailable, "Another request still writes to this upload; try again.");
        tokio::time::timeout(PATIENCE, lock.lock_owned()).await.map_err(|_| busy())
    }
}

/// A stretch that is being written. Dropped unsaved, what it wrote is cut off, which matters on a disk that is full.
struct Stretch {
    path: PathBuf,
    offset: u64,
    saved: bool,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Stretch {
    fn drop(&mut self) {
        if self.saved {
            return;
        }
        let (path, offset, held) = (mem::take(&mut self.path), self.offset, self.held.take());
        let cut = move || {
            let _held = held;
            // Where that fails the next stretch does it.
            let file = OpenOptions::new().write(true).open(&path);
            let cut = file.and_then(|file| shorten(&file, offset));
            if let Err(error) = cut {
                tracing::debug!(path = %path.display(), %error, "an unsaved stretch stays until it is written over");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(cut)),
            Err(_) => cut(),
        }
    }
}

/// One more stretch of an upload.
pub(crate) struct Appending {
    sink: Sink<Stretch>,
    folder: PathBuf,
    /// What was there before.
    before: Parts,
    added: u64,
}

impl Local {
    /// Goes on where `parts` ends; what lies beyond, of a try that was given up, is cut off.
    pub(crate) async fn append(&self, parts: &Parts) -> Result<Appending> {
        let held = self.held.take(&parts.key).await?;
        let (path, offset) = (self.partial(&parts.key), parts.offset);
        let sink = Sink::new(move || {
            let file = open(&path, offset)?;
            Ok(Target::new(file, Stretch { path, offset, saved: false, held: Some(held) }, offset))
        });
        Ok(Appending { sink, folder: self.partial_folder(), before: parts.clone(), added: 0 })
    }

    pub(crate) async fn complete(&self, key: &Key, offset: u64) -> Result<()> {
        let held = self.held.take(key).await?;
        let (partial, blob) = (self.partial(key), self.destination(key));
        blocking(move || {
            let _held = held;
            complete(&partial, &blob, offset)
        })
        .await
    }

    pub(crate) async fn abandon(&self, key: &Key) -> Result<()> {
        let held = self.held.take(key).await?;
        let path = self.partial(key);
        blocking(move || {
            let _held = held;
            absent_is_fine(fs::remove_file(&path))
        })
        .await
    }
}

impl Appending {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.added += piece.len() as u64;
        self.sink.write(piece).await
    }

    /// Everything up to the new offset is on the disk.
    pub(crate) async fn save(self) -> Result<Parts> {
        let Self { sink, folder, before, added } = self;
        let offset = before.offset;
        sink.finish(move |mut target| {
            target.file.sync_data()?;
            // The file's name is on the disk since the first stretch.
            if offset == 0 {
                sync_folder(&folder)?;
            }
            target.fate.saved = true;
            Ok(())
        })
        .await?;
        Ok(Parts { offset: offset + added, ..before })
    }
}

fn open(path: &Path, offset: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(offset == 0).truncate(false).mode(0o600).open(path)?;
    shorten(&file, offset)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

fn shorten(file: &File, length: u64) -> io::Result<()> {
    let there = file.metadata()?.len();
    match there.cmp(&length) {
        std::cmp::Ordering::Less => Err(io::Error::other(format!("a part has {there} of its {length} bytes"))),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => file.set_len(length),
    }
}

fn complete(partial: &Path, blob: &Destination, length: u64) -> io::Result<()> {
    if size_of(&blob.path)? == Some(length) {
        // A crash may have come between the rename and its sync.
        return sync_parent(&blob.path);
    }
    let file = open(partial, length)?;
    file.sync_data()?;
    settle(partial, blob)
}
