//! An app's code that lies at hand, as the file that is written names it: what has no schema has the types of its code.

use std::path::{Path, PathBuf};

use basalt_data::manifest::FILE_NAME;
use serde_json::Value;

/// Where code is found on a server, and in an app's folder.
const FOLDER: &str = "functions";
/// What `basalt init` writes, so that compilers know of `basalt:functions`.
const DECLARATIONS: &str = "basalt-functions.d.ts";
/// What compilers read.
const ENDINGS: [&str; 2] = ["ts", "mts"];
/// What they are on a server, once packages are bundled with them.
const BUNDLED: [&str; 2] = ["js", "mjs"];

pub(super) struct Sources {
    code: PathBuf,
    /// The folder of the file that is written.
    from: PathBuf,
}

impl Sources {
    /// `None` where the folder is no app's. What goes to standard output is taken for a file of the present folder.
    pub(super) fn of_app(app: &Path, out: Option<&Path>) -> Option<Self> {
        if !app.join(FILE_NAME).is_file() {
            return None;
        }
        let parent = out.and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
        let from = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(Self { code: app.join(FOLDER).canonicalize().ok()?, from })
    }

    /// Adds to each function of a server the `module` that it is an export of, where that lies here.
    pub(super) fn name_modules(&self, functions: &mut [Value]) {
        for function in functions {
            let module = function["source"].as_str().and_then(|source| self.module(source));
            if let Some(module) = module {
                function["module"] = module.into();
            }
        }
    }

    /// The file that makes `basalt:functions` known, where it lies here.
    pub(super) fn declarations(&self) -> Option<String> {
        self.code.join(DECLARATIONS).is_file().then(|| self.seen(DECLARATIONS))
    }

    fn module(&self, source: &str) -> Option<String> {
        let name = source.strip_prefix(FOLDER)?.strip_prefix('/')?;
        let (stem, ending) = name.rsplit_once('.')?;
        if stem.contains('/') || !ENDINGS.iter().chain(&BUNDLED).any(|known| *known == ending) {
            return None;
        }
        let mut files = ENDINGS.iter().map(|ending| format!("{stem}.{ending}"));
        files.find(|file| self.code.join(file).is_file()).map(|file| self.seen(&file))
    }

    fn seen(&self, file: &str) -> String {
        relative(&self.from, &self.code.join(file))
    }
}

/// As a file in one folder names another: with `/`, and a dot first.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(shared).map(|_| "..".to_owned());
    let down = to.iter().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let way = up.chain(down).collect::<Vec<_>>().join("/");
    if way.starts_with("../") { way } else { format!("./{way}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_named_as_the_one_that_is_written_sees_it() {
        for (from, seen) in [
            ("/app", "./functions/add.ts"),
            ("/app/functions", "./add.ts"),
            ("/app/web/src", "../../functions/add.ts"),
            ("/front/src", "../../app/functions/add.ts"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new("/app/functions/add.ts")), seen);
        }
    }

    #[test]
    fn modules_are_those_that_lie_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (app, web) = (folder.path().join("app"), folder.path().join("web"));
        std::fs::create_dir_all(app.join("functions")).unwrap();
        std::fs::create_dir_all(&web).unwrap();
        assert!(Sources::of_app(&app, None).is_none(), "no app.toml, no app");
        for file in ["app.toml", "functions/add.ts", "functions/big.mts", "functions/old.js", "functions/sum.ts"] {
            std::fs::write(app.join(file), "").unwrap();
        }
        let sources = Sources::of_app(&app, Some(&web.join("schema.ts"))).unwrap();
        assert_eq!(sources.declarations(), None);
        std::fs::write(app.join("functions").join(DECLARATIONS), "").unwrap();
        assert_eq!(sources.declarations().unwrap(), "../app/functions/basalt-functions.d.ts");
        for (source, module) in [
            ("functions/add.ts", Some("../app/functions/add.ts")),
            ("functions/big.js", Some("../app/functions/big.mts")),
            ("functions/old.js", None),
            ("functions/sum.wasm", None),
            ("functions/gone.ts", None),
            ("functions/../functions/add.ts", None),
            ("https://example.com/add.ts", None),
        ] {
            let mut functions = [json!({"source": source})];
            sources.name_modules(&mut functions);
            assert_eq!(functions[0]["module"].as_str(), module, "{source}");
        }
        assert!(Sources::of_app(&app, Some(&folder.path().join("nowhere/schema.ts"))).is_none());
    }
}
