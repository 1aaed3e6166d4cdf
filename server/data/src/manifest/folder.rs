use std::path::{Component, Path, PathBuf};

use basalt_core::{Code, Error, Result};

/// The largest file that is read.
const FILE_BYTES: u64 = 4 << 20;
/// Folders within folders.
const DEPTH: usize = 8;
/// What is looked at in one walk.
const ENTRIES: usize = 10_000;

/// Where a manifest's files come from.
pub trait Files {
    /// The bytes of a file by its path within the app's folder; an error is a sentence for people.
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The paths of the files below a folder, in order, at most `most`; of a folder that isn't there none. What begins
    /// with `.` and what package managers keep is left out.
    fn list(&self, folder: &str, most: usize) -> Result<Vec<String>, String>;

    /// The text of a file.
    fn read(&self, path: &str) -> Result<String, String> {
        String::from_utf8(self.bytes(path)?).map_err(|_| "the file is not UTF-8".to_owned())
    }
}

/// Whether a name in a folder is of no concern to an app.
pub fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || name == "node_modules"
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

impl AppFolder {
    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let relative = Path::new(path);
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || path.is_empty() {
            return Err("a file's path is relative to the app's folder and stays within it".to_owned());
        }
        let file = self.root.join(relative).canonicalize().map_err(|error| plain(&error))?;
        if file.starts_with(&self.root) { Ok(file) } else { Err("this leads out of the app's folder".to_owned()) }
    }

    fn walk(&self, folder: &str, depth: usize, walk: &mut Walk) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("there are more than {DEPTH} folders within each other"));
        }
        let entries = std::fs::read_dir(self.inside(folder)?).map_err(|error| plain(&error))?;
        for entry in entries {
            walk.entries += 1;
            if walk.entries > ENTRIES {
                return Err(format!("there are more than {ENTRIES} files"));
            }
            let name = entry.map_err(|error| plain(&error))?.file_name();
            let Some(name) = name.to_str() else { return Err("a file's name is not UTF-8".to_owned()) };
            if is_left_out(name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            let metadata = std::fs::metadata(self.inside(&path)?).map_err(|error| plain(&error))?;
            if metadata.is_dir() {
                self.walk(&path, depth + 1, walk)?;
            } else if metadata.is_file() {
                walk.found.push(path);
            }
            if walk.found.len() > walk.most {
                return Err(format!("there are more than {} files", walk.most));
            }
        }
        Ok(())
    }
}

/// What a walk through a folder has found.
struct Walk {
    found: Vec<String>,
    most: usize,
    entries: usize,
}

impl Files for AppFolder {
    fn list(&self, folder: &str, most: usize) -> Result<Vec<String>, String> {
        match self.inside(folder) {
            Ok(path) if !path.is_dir() => return Err("this is not a folder".to_owned()),
            Ok(_) => {}
            Err(_) if !self.root.join(folder).exists() => return Ok(Vec::new()),
            Err(why) => return Err(why),
        }
        let mut walk = Walk { found: Vec::new(), most, entries: 0 };
        self.walk(folder, 0, &mut walk)?;
        walk.found.sort();
        Ok(walk.found)
    }

    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = self.inside(path)?;
        let metadata = std::fs::metadata(&file).map_err(|error| plain(&error))?;
        if !metadata.is_file() {
            return Err("this is not a file".to_owned());
        }
        if metadata.len() > FILE_BYTES {
            return Err(format!("the file has more than {FILE_BYTES} bytes"));
        }
        std::fs::read(&file).map_err(|error| plain(&error))
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
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

    #[test]
    fn a_folder_is_listed_whole_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let files = AppFolder::open(folder.path()).unwrap();
        assert_eq!(files.list("functions", 3), Ok(Vec::new()));
        std::fs::create_dir_all(folder.path().join("functions/lib")).unwrap();
        std::fs::create_dir_all(folder.path().join("functions/node_modules/x")).unwrap();
        for name in ["functions/b.ts", "functions/lib/a.ts", "functions/.env", "functions/node_modules/x/i.js"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(files.list("functions", 3).unwrap(), ["functions/b.ts", "functions/lib/a.ts"]);
        assert!(files.list("functions", 1).is_err());
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("functions/out")).unwrap();
        assert!(files.list("functions", 3).is_err(), "a link that leads out");
    }
}
