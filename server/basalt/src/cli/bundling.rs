//! Packages of npm in functions: bundled here, by the app's own esbuild, so that the server needs no packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use basalt_core::{Code, Error, Result};

use crate::bundle::Bundle;

/// Folders above the app's in which packages are looked for.
const ABOVE: usize = 4;

/// Replaces each module that imports packages by itself with these in it.
pub(super) fn bundle_packages(folder: &Path, bundle: &mut Bundle) -> Result<Vec<String>> {
    let importing: Vec<(String, String)> = bundle
        .0
        .iter()
        .filter(|(path, _)| is_entry(path))
        .filter_map(|(path, bytes)| Some((path.clone(), first_package(&imported(path, bytes, bundle))?)))
        .collect();
    if importing.is_empty() {
        return Ok(Vec::new());
    }
    let esbuild = esbuild(folder).ok_or_else(|| {
        let (path, package) = &importing[0];
        let detail = format!(
            "{path} imports the package {package:?}, and no esbuild is there to bundle it: \
             run npm install --save-dev esbuild in the app's folder."
        );
        Error::new(Code::BadRequest, detail)
    })?;
    let mut bundled = Vec::new();
    for (path, _) in importing {
        let code = run(&esbuild, folder, &path)?;
        bundle.0.remove(&path);
        let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
        bundle.0.insert(format!("{stem}.js"), code);
        bundled.push(path);
    }
    Ok(bundled)
}

/// Directly in `functions/`: others are imported by these.
fn is_entry(path: &str) -> bool {
    let Some(name) = path.strip_prefix("functions/") else { return false };
    let code = [".ts", ".mts", ".js", ".mjs"].iter().any(|ending| name.ends_with(ending));
    code && !name.contains('/') && !name.starts_with('_') && !name.ends_with(".d.ts")
}

/// What a module and those of the folder that it imports name.
fn imported(path: &str, bytes: &[u8], bundle: &Bundle) -> Vec<String> {
    let (mut named, mut seen) = (Vec::new(), vec![path.to_owned()]);
    let mut open = vec![(path.to_owned(), bytes.to_vec())];
    while let Some((path, bytes)) = open.pop() {
        for specifier in specifiers(&String::from_utf8_lossy(&bytes)) {
            let target = specifier.starts_with('.').then(|| resolved(&path, &specifier, bundle)).flatten();
            if let Some(target) = target.filter(|target| !seen.contains(target)) {
                open.push((target.clone(), bundle.0[&target].clone()));
                seen.push(target);
            }
            named.push(specifier);
        }
    }
    named
}

fn resolved(from: &str, specifier: &str, bundle: &Bundle) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let endings = ["", ".ts", ".mts", ".js", ".mjs"];
    endings.iter().map(|ending| format!("{path}{ending}")).find(|path| bundle.0.contains_key(path))
}

/// The first that is neither of the folder nor of the server.
fn first_package(specifiers: &[String]) -> Option<String> {
    specifiers.iter().find(|name| !name.starts_with(['.', '/']) && !name.starts_with("basalt:")).cloned()
}

/// What stands behind `from`, and behind `import` itself. Types are gone when the code runs.
fn specifiers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in statements(text) {
        let is_type = ["import type ", "export type "].iter().any(|start| statement.starts_with(start));
        let rest = statement.rsplit_once(" from ").or_else(|| statement.rsplit_once("}from"));
        let rest = rest.map(|(_, rest)| rest).or_else(|| statement.strip_prefix("import"));
        let quoted = rest.map(|rest| rest.trim_start().trim_start_matches('(').trim_start());
        let name = quoted.and_then(|quoted| {
            let quote = quoted.chars().next().filter(|c| ['"', '\''].contains(c))?;
            quoted[1..].split(quote).next()
        });
        found.extend(name.filter(|name| !is_type && !name.is_empty()).map(str::to_owned));
    }
    found
}

/// Statements of imports and exports, each on one line.
fn statements(text: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), None::<String>);
    for line in text.lines().map(str::trim) {
        let starts = ["import ", "import\"", "import'", "import{", "export {", "export{", "export *", "export type {"];
        if open.is_none() && starts.iter().any(|start| line.starts_with(start)) {
            open = Some(String::new());
        }
        let Some(statement) = &mut open else { continue };
        statement.push_str(line);
        statement.push(' ');
        let quoted = statement.matches(['"', '\'']).count();
        if (quoted > 0 && quoted % 2 == 0)
            || line.ends_with(';')
            || line.ends_with('}') && !statement.starts_with("import")
        {
            found.extend(open.take());
        }
    }
    found
}

/// As packages' own tools find it: in the folder, or in those above it.
fn esbuild(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let places = folder.ancestors().take(ABOVE + 1).map(|above| above.join("node_modules/.bin/esbuild"));
    places.into_iter().find(|path| path.is_file())
}

fn run(esbuild: &Path, folder: &Path, path: &str) -> Result<Vec<u8>> {
    let output = Command::new(esbuild)
        .current_dir(folder)
        .arg(path)
        .args(["--bundle", "--format=esm", "--platform=neutral", "--target=es2023", "--charset=utf8"])
        .args(["--main-fields=module,main", "--conditions=worker,import", "--external:basalt:*", "--log-level=error"])
        .output()
        .map_err(|error| Error::new(Code::BadRequest, format!("{} can't be run: {error}.", esbuild.display())))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::new(Code::InvalidDefinition, format!("{path} can't be bundled:\n{told}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_from_files_and_from_types() {
        let text = r#"
            import { callable } from "basalt:functions";
            import type { X } from "only-types";
            import lib from './lib.ts';
            import {
              a,
              b,
            } from "left-pad";
            export { c } from "right-pad";
            export const from = "nothing";
            // import nothing
        "#;
        assert_eq!(specifiers(text), ["basalt:functions", "./lib.ts", "left-pad", "right-pad"]);
        let mut bundle = Bundle::default();
        bundle.0.insert("functions/a.ts".into(), b"import './lib';".to_vec());
        bundle.0.insert("functions/lib.ts".into(), b"import \"zod\";".to_vec());
        let named = imported("functions/a.ts", &bundle.0["functions/a.ts"], &bundle);
        assert_eq!(first_package(&named).as_deref(), Some("zod"));
        assert!(is_entry("functions/a.ts") && !is_entry("functions/x/a.ts") && !is_entry("functions/_a.ts"));
    }

    #[test]
    fn without_esbuild_it_is_said_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundle = Bundle::default();
        bundle.0.insert("functions/a.ts".into(), b"import zod from \"zod\";".to_vec());
        let error = bundle_packages(folder.path(), &mut bundle).unwrap_err();
        assert!(error.detail().contains("npm install --save-dev esbuild"), "{}", error.detail());
        bundle.0.insert("functions/a.ts".into(), b"import x from \"./x\";".to_vec());
        assert_eq!(bundle_packages(folder.path(), &mut bundle).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_module_with_packages_becomes_what_esbuild_makes_of_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("node_modules/.bin/esbuild");
        std::fs::create_dir_all(tool.parent().unwrap()).unwrap();
        std::fs::write(&tool, "#!/bin/sh\necho \"// $1 by $2\"\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let app = folder.path().join("app");
        std::fs::create_dir(&app).unwrap();
        let mut bundle = Bundle::default();
        bundle.0.insert("functions/a.ts".into(), b"import zod from \"zod\";".to_vec());
        bundle.0.insert("functions/b.ts".into(), b"export {};".to_vec());
        assert_eq!(bundle_packages(&app, &mut bundle).unwrap(), ["functions/a.ts"]);
        assert_eq!(bundle.0.keys().collect::<Vec<_>>(), ["functions/a.js", "functions/b.ts"]);
        assert_eq!(bundle.0["functions/a.js"], b"// functions/a.ts by --bundle\n");
        std::fs::write(&tool, "#!/bin/sh\necho 'zod is not there' >&2; exit 1\n").unwrap();
        bundle.0.insert("functions/a.ts".into(), b"import zod from \"zod\";".to_vec());
        let error = bundle_packages(&app, &mut bundle).unwrap_err();
        assert!(error.detail().contains("zod is not there"), "{}", error.detail());
    }
}
