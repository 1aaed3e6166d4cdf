//! Making the zip.

use std::io::{Cursor, Write as _};
use std::path::Path;

use basalt_core::{Code, Error, Result};
use basalt_data::manifest::{AppFolder, FILE_NAME, Files, is_left_out};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::unpack::{ENTRIES, TOTAL_BYTES};
use super::{Bundle, is_json};

/// What a deploy sends of an app's folder.
const FOLDERS: [&str; 3] = ["functions", "schemas", "templates"];

/// The same files are the same bytes: no times, one order.
pub(crate) fn pack<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in files {
        writer.start_file(path, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// What of an app's folder is deployed. What app.toml names elsewhere (a schema) comes along.
pub(crate) fn pack_folder(folder: &Path) -> Result<Bundle> {
    let files = AppFolder::open(folder)?;
    let bad = |path: &str, why: String| Error::new(Code::InvalidDefinition, format!("{path}: {why}"));
    let mut bundle = Bundle::default();
    let text = files.read(FILE_NAME).map_err(|why| bad(FILE_NAME, why))?;
    for path in schemas_in(&text).into_iter().filter(|path| !path.contains("..")) {
        // One that isn't there is the manifest's fault, told with its place when it is read.
        if let Ok(bytes) = files.bytes(&path) {
            bundle.0.insert(path.strip_prefix("./").unwrap_or(&path).to_owned(), bytes);
        }
    }
    bundle.0.insert(FILE_NAME.to_owned(), text.into_bytes());
    for folder in FOLDERS {
        for path in files.list(folder, ENTRIES).map_err(|why| bad(folder, why))? {
            let bytes = files.bytes(&path).map_err(|why| bad(&path, why))?;
            bundle.0.insert(path, bytes);
        }
    }
    let total: u64 = bundle.0.values().map(|bytes| bytes.len() as u64).sum();
    if total > TOTAL_BYTES {
        let detail = format!("The app has {total} bytes to deploy; {TOTAL_BYTES} are the most.");
        return Err(Error::new(Code::TooLarge, detail));
    }
    bundle.0.retain(|path, _| !path.split('/').any(is_left_out));
    Ok(bundle)
}

/// Every text of a manifest that may be a file of JSON.
fn schemas_in(text: &str) -> Vec<String> {
    fn collect(value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::String(text) if is_json(text) => found.push(text.clone()),
            toml::Value::Table(table) => table.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        collect(&toml::Value::Table(table), &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::unpack;

    #[test]
    fn a_folder_comes_out_of_its_zip_as_it_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("app.toml", "[collections.a]\nschema = \"kinds/a.json\"\n");
        write("kinds/a.json", "{}");
        write("functions/add.ts", "export {}");
        write("functions/.secret", "no");
        write("functions/node_modules/x/index.js", "no");
        write("notes.txt", "no");
        let bundle = pack_folder(folder.path()).unwrap();
        assert_eq!(bundle.0.keys().collect::<Vec<_>>(), ["app.toml", "functions/add.ts", "kinds/a.json"]);
        let packed = bundle.packed().unwrap();
        assert_eq!(unpack(&packed).unwrap(), bundle);
        assert_eq!(packed, bundle.packed().unwrap(), "the same files are the same bytes");
    }
}
