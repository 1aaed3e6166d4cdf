//! Reading a file in pieces: from the page cache at once, from the disk on a blocking thread.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use basalt_core::{Error, Result};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{Local, blocking};
use crate::{ByteStream, Key, fault};

/// What a reader holds of a file at a time.
const PIECE: u64 = 64 * 1024;

impl Local {
    pub(crate) async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream> {
        let (path, key) = (self.blob(key), key.clone());
        let opened = blocking(move || match File::open(&path) {
            Ok(file) => Ok(Some((file.metadata()?.len(), file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        let (length, file) = opened.await?.ok_or_else(|| fault::missing(&key))?;
        if range.end > length {
            return Err(Error::internal(format!("{key} has {length} bytes, {range:?} were asked for")));
        }
        let file = Arc::new(file);
        Ok(stream::try_unfold(range, move |left| piece(Arc::clone(&file), left)).boxed())
    }
}

async fn piece(file: Arc<File>, left: Range<u64>) -> Result<Option<(Bytes, Range<u64>)>> {
    if left.is_empty() {
        return Ok(None);
    }
    let length = usize::try_from(PIECE.min(left.end - left.start)).unwrap_or(usize::MAX);
    let at = left.start;
    let bytes = match cached(&file, at, length).map_err(fault::of_disk)? {
        Some(bytes) => bytes,
        None => blocking(move || from_disk(&file, at, length)).await?,
    };
    let next = at + bytes.len() as u64..left.end;
    Ok(Some((Bytes::from(bytes), next)))
}

/// What is in memory, without waiting for the disk; `None` where nothing is, or the file system can't tell.
fn cached(file: &File, at: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; length];
    match preadv2(file, &mut [IoSliceMut::new(&mut bytes)], at, ReadWriteFlags::NOWAIT) {
        Ok(0) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(None),
        Ok(read) => {
            bytes.truncate(read);
            Ok(Some(bytes))
        }
        Err(error) => Err(error.into()),
    }
}

fn from_disk(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}
