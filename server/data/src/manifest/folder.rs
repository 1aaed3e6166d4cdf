use std::path::{Component, Path, PathBuf};

use basalt_core::{Code, Error, Result};

/// The largest file that is read.
const FILE_BYTES: u64 = 4 << 20;

/// Where a manifest's files come from.
pub trait Files {
    /// The text of a file by its path within the app's folder; an error is a sentence for people.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// A folder on disk; what lies outside of it, by `..` or by a link, isn't read.
#[derive(Clone, Debug)]
pub struct AppFolder {
    root: PathBuf,
}

impl AppFolder {
    pub fn open(folder: &Path) -> Result<Self> {
        let root = folder.canonicalize().map_err(|error| {
            Error::new(Code::InvalidDefinition, format!("The app's folder {} can't be read.", folder.display()))
                .caused_by(error)
        })?;
        Ok(Self { root })
    }
}

impl Files for AppFolder {
    fn read(&self, path: &str) -> Result<String, String> {
        let relative = Path::new(path);
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || path.is_empty() {
            return Err("a file's path is relative to the app's folder and stays within it".to_owned());
        }
        let file = self.root.join(relative).canonicalize().map_err(|error| plain(&error))?;
        if !file.starts_with(&self.root) {
            return Err("this leads out of the app's folder".to_owned());
        }
        let metadata = std::fs::metadata(&file).map_err(|error| plain(&error))?;
        if !metadata.is_file() {
            return Err("this is not a file".to_owned());
        }
        if metadata.len() > FILE_BYTES {
            return Err(format!("the file has more than {FILE_BYTES} bytes"));
        }
        std::fs::read_to_string(&file).map_err(|error| plain(&error))
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "the file is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_read() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("schemas")).unwrap();
        std::fs::write(folder.path().join("schemas/a.json"), "{}").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
        let files = AppFolder::open(folder.path()).unwrap();
        assert_eq!(files.read("schemas/a.json").unwrap(), "{}");
        assert_eq!(files.read("./schemas/a.json").unwrap(), "{}");
        let absolute = outside.path().join("secret");
        for bad in ["link", "../secret", "schemas/../../secret", "", "schemas", "none", absolute.to_str().unwrap()] {
            assert!(files.read(bad).is_err(), "{bad}");
        }
    }
}
