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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_when_a_file_first_comes_to_it() {
        let place = tempfile::tempdir().expect("a folder");
        let blobs = place.path();
        std::fs::create_dir(blobs.join("ab")).expect("a folder");
        let folders = Arc::new(Folders::default());
        folders.remember(blobs).expect("remembered");
        let prepared = |path: &str| Destination { path: blobs.join(path), folders: Arc::clone(&folders) }.prepare();
        prepared("ab/file").expect("it is there");
        assert!(!blobs.join("cd").exists());
        prepared("cd/file").expect("it is made");
        assert!(blobs.join("cd").is_dir());
        assert_eq!(folders.lasting(|lasting| lasting.len()), 2);
    }
}
