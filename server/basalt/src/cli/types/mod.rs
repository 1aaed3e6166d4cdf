//! `basalt types`: TypeScript of a server's documents and functions, so that a front end calls a function like a local
//! one. The SDK's `basalt-types` writes the same text (`tests/vectors/types.json` holds both to it).

mod names;
mod schema;
mod sources;

use std::path::Path;

use basalt_core::{Code, Error, Result};
use basalt_data::manifest::FILE_NAME;
use serde_json::Value;

use self::names::{Names, pascal, property};
use self::schema::{Context, document_type, group, type_of, uses_json};
use self::sources::Sources;
use super::arguments;
use super::local::Local;
use super::output::{Output, text};
use super::server::Server;
use crate::configuration::Configuration;
use crate::outside::Outside;

/// What `basalt:functions` says of the types of code.
const INPUT: &str = "InputOf";
const OUTPUT: &str = "OutputOf";
/// Where a command is run.
const HERE: &str = ".";
const HEAD: &str = "// Written by basalt-types: change the collections' schemas instead.\n";

pub(super) async fn run(
    command: arguments::Types,
    configuration: Configuration,
    outside: Outside,
    output: &Output,
) -> Result<()> {
    let out = command.out.as_deref();
    let written = match of(&command, &configuration, &outside).await? {
        Of::Server(server) => {
            let written = of_server(&server, Sources::of_app(Path::new(HERE), out).as_ref()).await;
            server.leave().await;
            written?
        }
        Of::Folder(folder) => {
            let local = Local::start(folder, outside).await?;
            let written = of_server(&local.server, Sources::of_app(folder, out).as_ref()).await;
            local.stop().await;
            written?
        }
    };
    let Some(out) = &command.out else {
        text(written.trim_end());
        return Ok(());
    };
    if command.check && std::fs::read_to_string(out).ok().as_deref() != Some(&written) {
        return Err(Error::new(Code::BadRequest, format!("{} is not up to date.", out.display())));
    }
    let changed = !command.check && write(out, &written)?;
    output.result(&serde_json::json!({ "file": out, "changed": changed }), || {
        format!("{} is {}.", out.display(), if changed { "written" } else { "up to date" })
    });
    Ok(())
}

/// Whose types are written.
enum Of<'a> {
    Server(Box<Server>),
    Folder(&'a Path),
}

/// The folder or the server that was named, else the one that runs here, else this folder.
async fn of<'a>(command: &'a arguments::Types, configuration: &Configuration, outside: &Outside) -> Result<Of<'a>> {
    if let Some(folder) = &command.app {
        return Ok(Of::Folder(folder));
    }
    match Server::reach(&command.remote, configuration, outside).await {
        Ok(server) => Ok(Of::Server(Box::new(server))),
        Err(error) if error.code() == Code::Unavailable && Path::new(HERE).join(FILE_NAME).is_file() => {
            Ok(Of::Folder(Path::new(HERE)))
        }
        Err(error) => Err(error),
    }
}

/// The same for a server that is at hand, of an app's folder.
pub(super) async fn write_from(server: &Server, app: &Path, out: &Path) -> Result<()> {
    write(out, &of_server(server, Sources::of_app(app, Some(out)).as_ref()).await?).map(drop)
}

/// A file that says it already is left alone: tools that watch it see no change.
fn write(out: &Path, written: &str) -> Result<bool> {
    if std::fs::read_to_string(out).is_ok_and(|former| former == written) {
        return Ok(false);
    }
    let failed = |error| Error::new(Code::BadRequest, format!("{}: {error}", out.display()));
    std::fs::write(out, written).map(|()| true).map_err(failed)
}

async fn of_server(server: &Server, sources: Option<&Sources>) -> Result<String> {
    let collections = server.get("/v1/admin/collections").await?;
    let functions = server.get("/v1/admin/functions").await?;
    let items = |list: &Value| list["items"].as_array().cloned().unwrap_or_default();
    let mut functions = items(&functions);
    if let Some(sources) = sources {
        sources.name_modules(&mut functions);
    }
    let declarations = sources.and_then(Sources::declarations);
    Ok(types_of(&items(&collections), &functions, declarations.as_deref()))
}

/// Collections are `{name, definition}`, functions `{name, kind, input?, output?, module?}`; `declarations` is the file
/// that makes `basalt:functions` known, which modules import.
fn types_of(collections: &[Value], functions: &[Value], declarations: Option<&str>) -> String {
    let mut names = Names::new(&["Schema", "Functions", "Json", INPUT, OUTPUT]);
    let word = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let sorted = |list: &[Value]| {
        let mut list = list.to_vec();
        list.sort_by_key(|value| word(value, "name"));
        list
    };
    let listed: Vec<(String, String, Value)> = sorted(collections)
        .iter()
        .map(|collection| {
            let name = word(collection, "name");
            let kind = names.take(&pascal(&name));
            (name, kind, collection["definition"]["schema"].clone())
        })
        .collect();
    let mut parts: Vec<String> =
        listed.iter().map(|(_, kind, schema)| document_type(kind, schema, &mut names)).collect();
    let members: Vec<String> = listed.iter().map(|(name, kind, _)| format!("  {}: {kind};", property(name))).collect();
    let callables: Vec<Value> =
        sorted(functions).into_iter().filter(|function| function["kind"] == "callable").collect();
    if !callables.is_empty() {
        parts.push(functions_type(&callables, &mut names));
    }
    let body = parts.join("\n");
    format!(
        "{HEAD}{}\n/** The documents of each collection, for createClient<Schema>(). */\n\
         export interface Schema {{\n{}\n}}\n\n{body}",
        imports(&body, declarations),
        members.join("\n")
    )
}

/// What the text names that is said elsewhere.
fn imports(body: &str, declarations: Option<&str>) -> String {
    let mut lines = Vec::new();
    let of_code: Vec<&str> =
        [INPUT, OUTPUT].into_iter().filter(|name| body.contains(&format!("{name}<typeof import("))).collect();
    if let Some(path) = declarations.filter(|_| !of_code.is_empty()) {
        lines.push(format!("/// <reference path={} />\n", Value::from(path)));
    }
    if uses_json(body) {
        lines.push("import type { Json } from \"@basalt/client\";\n".to_owned());
    }
    if !of_code.is_empty() {
        lines.push(format!("import type {{ {} }} from \"basalt:functions\";\n", of_code.join(", ")));
    }
    lines.concat()
}

/// What callables take and give.
fn functions_type(functions: &[Value], names: &mut Names) -> String {
    let (mut members, mut written) = (Vec::new(), Vec::new());
    for function in functions {
        let name = function["name"].as_str().unwrap_or_default();
        let mut side = |side: &str, suffix: &str, of_code: &str| {
            let schema = &function[side];
            if schema.is_null() {
                let Some(module) = function["module"].as_str() else { return "Json".to_owned() };
                return format!("{of_code}<typeof import({}).{name}>", Value::from(module));
            }
            let prefix = format!("{}{suffix}", pascal(name));
            let mut context = Context::new(schema, names, prefix);
            let shape = type_of(schema, &mut context, 0, "  ");
            written.extend(context.written);
            group(&shape)
        };
        let (input, output) = (side("input", "Input", INPUT), side("output", "Output", OUTPUT));
        members.push(format!("  {}: {{ input: {input}; output: {output} }};", property(name)));
    }
    let head = "/** What functions take and give, for withFunctions(createClient<Schema, Functions>()). */\nexport interface Functions {";
    let interface = format!("{head}\n{}\n}}\n", members.join("\n"));
    std::iter::once(interface).chain(written).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_the_sdk_writes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/types.json");
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for vector in vectors["cases"].as_array().unwrap() {
            let list = |name: &str| vector[name].as_array().cloned().unwrap_or_default();
            let expected: Vec<&str> =
                vector["text"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            let written = types_of(&list("collections"), &list("functions"), vector["declarations"].as_str());
            assert_eq!(written.split('\n').collect::<Vec<_>>(), expected, "{}", vector["name"]);
        }
    }

    #[test]
    fn a_file_that_is_up_to_date_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("schema.ts");
        assert!(write(&out, "a").unwrap());
        assert!(!write(&out, "a").unwrap());
        assert!(write(&out, "b").unwrap());
    }
}
