//! The folders of finished files, each made when a file first comes to it: all 256 at the start would have it wait for
//! the disk.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{make_folder, sync_folder};

/// Those whose names are on the disk.
#[derive(Default)]
pub(super) struct Folders(Mutex<HashSet<OsString>>);

impl Folders {
    /// Of what lies in a folder and is on the disk.
    pub(super) fn remember(&self, blobs: &Path) -> io::Result<()> {
        let names = std::fs::read_dir(blobs)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        self.lasting(|lasting| lasting.extend(names));
        Ok(())
    }

    fn lasting<T>(&self, look: impl FnOnce(&mut HashSet<OsString>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a finished file is to lie.
pub(super) struct Destination {
    pub(super) path: PathBuf,
    pub(super) folders: Arc<Folders>,
}

impl Destination {
    /// Has its folder there, also after a power loss.
    pub(super) fn prepare(&self) -> io::Result<()> {
        let Some((folder, blobs)) = self.path.parent().and_then(|folder| Some((folder, folder.parent()?))) else {
            return Err(io::Error::other("a file's place has no folder"));
        };
        let name = folder.file_name().unwrap_or_default();
        if self.folders.lasting(|lasting| lasting.contains(name)) {
            return Ok(());
        }
        make_folder(folder)?;
        sync_folder(blobs)?;
        self.folders.lasting(|lasting| lasting.insert(name.to_owned()));
        Ok(())
    }
}
