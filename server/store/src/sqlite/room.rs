//! Room in the file of the write-ahead log. A commit that makes the file longer is synced with the file system's own
//! journal, which takes twice as long as the data, and far longer where others write too: so the file is made longer
//! ahead, a good piece at a time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is kept free at least, and what the file grows by.
const AHEAD: u64 = 512 << 10;
const PIECE: usize = 1 << 20;

pub(crate) struct LogRoom {
    /// `None` once that failed: the log grows by itself then.
    file: Option<File>,
}

impl LogRoom {
    pub(crate) fn new(wal: &Path) -> Self {
        let opened = OpenOptions::new().write(true).open(wal);
        if let Err(error) = &opened {
            tracing::warn!(%error, "the write-ahead log isn't made longer ahead");
        }
        Self { file: opened.ok() }
    }

    /// For the thread alone that appends to the log, between its commits: what lies behind the file's end is nobody's.
    /// SQLite takes zeros for the end of the log.
    pub(crate) fn keep_ahead(&mut self, used: u64) {
        if let Some(Err(error)) = self.file.as_ref().map(|file| lengthen(file, used)) {
            tracing::warn!(%error, "the write-ahead log isn't made longer ahead");
            self.file = None;
        }
    }
}

fn lengthen(file: &File, used: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    if length.saturating_sub(used) < AHEAD {
        file.write_all_at(&vec![0; PIECE], length.max(used))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_ahead_and_what_is_there_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wal");
        std::fs::write(&path, b"frames").expect("a log");
        let mut room = LogRoom::new(&path);
        room.keep_ahead(6);
        let long = std::fs::read(&path).expect("the log");
        assert_eq!((long.len(), &long[..7]), (6 + PIECE, &b"frames\0"[..]));
        room.keep_ahead(PIECE as u64 / 4);
        assert_eq!(std::fs::metadata(&path).expect("the log").len(), 6 + PIECE as u64, "there is enough");
        room.keep_ahead(PIECE as u64);
        assert_eq!(std::fs::metadata(&path).expect("the log").len(), 6 + 2 * PIECE as u64);
    }
}
