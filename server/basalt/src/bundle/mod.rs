//! An app's folder as one zip: what `basalt deploy` sends and `POST /v1/admin/deploy` takes.
//!
//! Promises: an archive is read whole or refused with what is wrong with it; nothing of it is ever written to a disk,
//! and what it unpacks to is bounded before and while it is read.

mod pack;
mod unpack;

use std::collections::BTreeMap;
use std::path::Path;

use basalt_core::{Error, Result};
use basalt_data::manifest::{FILE_NAME, Files};

pub(crate) use pack::{pack, pack_folder};
pub(crate) use unpack::unpack;

/// Files by their paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bundle(pub(crate) BTreeMap<String, Vec<u8>>);

impl Bundle {
    /// What a deploy reads of it: the manifest, the schemas, the code.
    pub(crate) fn deployed(mut self) -> Self {
        let read = |path: &str| path == FILE_NAME || is_json(path) || path.starts_with("functions/");
        self.0.retain(|path, _| read(path));
        self
    }

    /// Writes it into a folder, which may be new.
    pub(crate) fn lay_out(&self, folder: &Path) -> Result<()> {
        let failed = |error: std::io::Error| Error::internal(format!("{}: {error}", folder.display()));
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
            std::fs::write(path, bytes).map_err(failed)?;
        }
        Ok(())
    }

    /// As bytes that [`unpack`] reads again; the same files are the same bytes.
    pub(crate) fn packed(&self) -> Result<Vec<u8>> {
        pack(self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))).map_err(Error::internal)
    }
}

/// Whether a path is one of a schema.
fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "json")
}

impl Files for Bundle {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = path.strip_prefix("./").unwrap_or(path);
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn list(&self, folder: &str, most: usize) -> Result<Vec<String>, String> {
        let below = |path: &&String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let found: Vec<String> = self.0.keys().filter(below).cloned().collect();
        if found.len() > most { Err(format!("there are more than {most} files")) } else { Ok(found) }
    }
}
