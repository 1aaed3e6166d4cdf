//! `basalt init`: an app's folder to begin with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use basalt_core::{Code, Error, Result};
use serde_json::json;

use super::output::Output;

/// What is written: the example that tests run, and what only a folder of one's own needs.
const FILES: &[(&str, &str)] = &[
    ("app.toml", include_str!("../../../../examples/starter/app.toml")),
    ("functions/hello.ts", include_str!("../../../../examples/starter/functions/hello.ts")),
    ("functions/basalt-functions.d.ts", include_str!("../../../../examples/starter/functions/basalt-functions.d.ts")),
    ("tests/hello.test.toml", include_str!("../../../../examples/starter/tests/hello.test.toml")),
    ("tsconfig.json", include_str!("../../../../examples/starter/tsconfig.json")),
    (".gitignore", include_str!("../../../../examples/starter/.gitignore")),
];

pub(super) fn run(folder: Option<PathBuf>, output: &Output) -> Result<()> {
    let folder = folder.unwrap_or_else(|| PathBuf::from("."));
    if let Some((taken, _)) = FILES.iter().find(|(path, _)| folder.join(path).exists()) {
        let detail = format!("{} is there already: basalt init overwrites nothing.", folder.join(taken).display());
        return Err(Error::new(Code::BadRequest, detail));
    }
    for (path, text) in FILES {
        write(&folder.join(path), text)?;
    }
    let written: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
    output.result(&json!({ "folder": folder, "written": written }), || {
        let files: Vec<String> = written.iter().map(|path| format!("  {path}")).collect();
        let at = if folder == Path::new(".") { String::new() } else { format!(" {}", folder.display()) };
        format!(
            "Made an app in {}:\n{}\nRun it: basalt dev{at}\nTry it: basalt test{at}",
            folder.display(),
            files.join("\n")
        )
    });
    Ok(())
}

/// A file that came meanwhile is left as it is.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        let detail = match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already.", path.display()),
            _ => format!("{}: {error}", path.display()),
        };
        Error::new(Code::BadRequest, detail)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}
