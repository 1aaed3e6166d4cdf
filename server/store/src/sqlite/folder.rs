//! The data folder: who may look into it, and that one process alone uses it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use basalt_core::{Code, Error, Result};

use super::connection::cannot_open;

pub(crate) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    lock: Mutex<Option<File>>,
}

impl Folder {
    /// Makes it if missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| cannot_open(path, &error))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| cannot_open(path, &error))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|error| cannot_open(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock: Mutex::new(Some(lock)) }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Code::Unavailable,
                format!("Another process uses the data folder {}: two on one folder would corrupt it.", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(cannot_open(&lock_path, &error)),
        }
    }

    /// Lets another process have it.
    pub(crate) fn unlock(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("data.db")
    }

    /// SQLite's write-ahead log of the database.
    pub(crate) fn wal(&self) -> PathBuf {
        self.path.join("data.db-wal")
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.path.join("records.db")
    }

    /// Where copies made before a migration are kept.
    pub(crate) fn backups(&self) -> Result<PathBuf> {
        let path = self.path.join("backups");
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| cannot_open(&path, &error))?;
        Ok(path)
    }
}
