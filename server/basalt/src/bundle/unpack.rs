//! Reading a zip that anybody may have made.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use basalt_core::{Code, Error, FieldError, Result};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::Bundle;

/// Files and folders.
pub(super) const ENTRIES: usize = 2_000;
/// Bytes of all files.
pub(super) const TOTAL_BYTES: u64 = 64 << 20;
/// How many times larger than itself a file may become, beyond [`FREE_BYTES`].
const RATIO: u64 = 100;
const FREE_BYTES: u64 = 1 << 20;
/// Of a path.
const NAME_BYTES: usize = 512;
const DEPTH: usize = 16;
/// Of a mode: what kind of thing it is.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
/// What each entry of the directory at an archive's end begins with, how long it is without its texts, and where it says
/// how long these are.
const SIGNATURE: [u8; 4] = *b"PK\x01\x02";
const RECORD: usize = 46;
const LENGTHS: usize = 28;

/// The files of an archive, or the first thing that is wrong with it.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Bundle> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    check_count(bytes, &archive)?;
    if archive.has_overlapping_files().map_err(broken)? {
        return Err(bad("", "zip_overlap", "Files of the archive share their bytes."));
    }
    let mut bundle = Bundle::default();
    let mut seen = BTreeSet::new();
    let mut left = TOTAL_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        let Some(path) = check(&entry, &mut seen)? else { continue };
        let allowed = entry.compressed_size().saturating_mul(RATIO).max(FREE_BYTES);
        if entry.size() > allowed {
            return Err(bad(&path, "zip_bomb", format!("It would become more than {RATIO} times as large.")));
        }
        if entry.size() > left {
            return Err(too_much(&path));
        }
        drop(entry);
        // What its header says is only what it says.
        let most = allowed.min(left);
        let mut content = Vec::new();
        let entry = archive.by_index(index).map_err(broken)?;
        entry.take(most + 1).read_to_end(&mut content).map_err(|error| broken(ZipError::Io(error)))?;
        if content.len() as u64 > most {
            let message = "It is larger than the archive says, or than it may be.";
            return Err(bad(&path, "zip_bomb", message));
        }
        left -= content.len() as u64;
        bundle.0.insert(path, content);
    }
    check_folders(&bundle)?;
    Ok(bundle)
}

/// The directory names each file once: readers differ in which of two they take.
fn check_count(bytes: &[u8], archive: &ZipArchive<Cursor<&[u8]>>) -> Result<()> {
    let start = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut count = 0_usize;
    while rest.starts_with(&SIGNATURE) && rest.len() >= RECORD {
        count += 1;
        let length = |at: usize| usize::from(u16::from_le_bytes([rest[at], rest[at + 1]]));
        let texts = length(LENGTHS) + length(LENGTHS + 2) + length(LENGTHS + 4);
        rest = rest.get(RECORD + texts..).unwrap_or_default();
    }
    if count > ENTRIES || archive.len() > ENTRIES {
        return Err(bad("", "zip_too_many", format!("There are more than {ENTRIES} entries.")));
    }
    if count != archive.len() {
        return Err(bad("", "zip_duplicate", "A file is in the archive twice."));
    }
    Ok(())
}

/// The path of a file; `None` for a folder.
fn check<R: std::io::Read>(entry: &zip::read::ZipFile<'_, R>, seen: &mut BTreeSet<String>) -> Result<Option<String>> {
    let shown = String::from_utf8_lossy(entry.name_raw()).chars().take(100).collect::<String>();
    let Ok(name) = std::str::from_utf8(entry.name_raw()) else {
        return Err(bad(&shown, "zip_bad_name", "Its name is not UTF-8."));
    };
    let is_folder = name.ends_with('/');
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.starts_with('/') || path.starts_with('\\') || path.as_bytes().get(1) == Some(&b':') {
        return Err(bad(&shown, "zip_absolute", "Its path is absolute."));
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return Err(bad(&shown, "zip_traversal", "Its path leads out of the folder."));
    }
    if !is_plain(path) {
        return Err(bad(&shown, "zip_bad_name", "Its path is not such as functions/add.ts."));
    }
    match entry.unix_mode().map_or(0, |mode| mode & KIND) {
        LINK => return Err(bad(&shown, "zip_link", "It is a link.")),
        0 | REGULAR | FOLDER => {}
        _ => return Err(bad(&shown, "zip_special", "It is neither a file nor a folder.")),
    }
    if entry.encrypted() {
        return Err(bad(&shown, "zip_encrypted", "It is encrypted."));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(bad(&shown, "zip_method", "It is compressed in a way that isn't known here: use deflate."));
    }
    // On many machines these would be one file.
    if !seen.insert(path.to_lowercase()) {
        return Err(bad(&shown, "zip_duplicate", "It is in the archive twice, at least but for upper and lower case."));
    }
    Ok((!is_folder).then(|| path.to_owned()))
}

fn is_plain(path: &str) -> bool {
    let part = |part: &str| {
        let ends_plainly = !part.ends_with('.') && !part.ends_with(' ') && !part.starts_with(' ');
        !part.is_empty() && part != "." && ends_plainly && !part.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])
    };
    path.len() <= NAME_BYTES
        && !path.chars().any(char::is_control)
        && path.split('/').count() <= DEPTH
        && path.split('/').all(part)
}

/// Nothing is a file and a folder at once.
fn check_folders(bundle: &Bundle) -> Result<()> {
    for path in bundle.0.keys() {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(both) = folders.into_iter().find(|folder| bundle.0.contains_key(*folder)) {
            return Err(bad(both, "zip_duplicate", "It is a file and a folder at once."));
        }
    }
    Ok(())
}

fn too_much(path: &str) -> Error {
    bad(path, "zip_too_large", format!("The files have more than {TOTAL_BYTES} bytes."))
}

fn broken(error: ZipError) -> Error {
    let message = match &error {
        ZipError::UnsupportedArchive(why) => format!("This archive can't be read: {why}."),
        _ => "This is no zip archive that can be read.".to_owned(),
    };
    bad("", "zip_broken", message).caused_by(error)
}

fn bad(path: &str, code: &str, message: impl Into<String>) -> Error {
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let fault = FieldError::new(path, code, message);
    Error::new(Code::InvalidDefinition, "The archive can't be deployed.").with_errors(vec![fault])
}

#[cfg(test)]
mod tests;
