//! `basalt functions`, `secrets`, `schedules` and `logs`: what goes on in a server's functions.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::arguments::{Functions, Logs, Schedules, Secrets};
use super::difference::told_access;
use super::output::{Output, table, text};
use super::server::{Server, query};
use super::told::{plain, told_log};

/// Of a value that is read from standard input.
const MOST_BYTES: u64 = 64 << 10;
/// How often a call's record is looked for.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn functions(command: Functions, server: &Server, output: &Output) -> Result<()> {
    match command {
        Functions::List => {
            let listed = server.get("/v1/admin/functions").await?;
            output.result(&listed, || table(&listed["items"], &["name", "kind", "version", "invoke", "updatedAt"]));
        }
        Functions::Deploy { files, alias, acknowledge } => {
            deploy(server, &files, (alias, &acknowledge), output).await?;
        }
        Functions::Invoke { name, input, alias } => {
            let input = parse(input.as_deref().unwrap_or("null"))?;
            let path = format!("/v1/functions/{name}{}", query(&[("alias", alias)]));
            let answer = match server.post(&path, &input).await {
                Err(error) if !output.json => return Err(explained(error, server).await),
                answer => answer?,
            };
            output.result(&answer, || format!("{answer:#}"));
        }
        Functions::Rollback { name, alias, version } => {
            let mut body = Map::new();
            body.extend(alias.map(|alias| ("alias".to_owned(), alias.into())));
            body.extend(version.map(|version| ("version".to_owned(), version.into())));
            let path = format!("/v1/admin/functions/{name}/rollback");
            let answer = server.post(&path, &Value::Object(body)).await?;
            output.result(&answer, || format!("{name} is at {}.", versions(&answer)));
        }
        Functions::Logs { name, follow, level, limit } => {
            let wanted = Logs { function: Some(name), follow, level, limit, ..Logs::default() };
            logs(wanted, server, output).await?;
        }
    }
    Ok(())
}

/// With what callers aren't told: the message and the stack of an error that the function didn't mean to answer with.
async fn explained(error: Error, server: &Server) -> Error {
    if !Code::ALL.iter().any(|code| code.as_str() == error.code_text()) {
        let told = format!("{}: {}", error.code_text(), error.detail());
        return Error::of_function(error.status(), error.code_text(), told);
    }
    let id = error.extensions().get("invocationId").and_then(Value::as_str);
    let Some(id) = id.filter(|_| error.code() == Code::FunctionFailed) else { return error };
    let path = format!("/v1/admin/invocations/{id}");
    // It is written down a moment after the answer.
    for _ in 0..LOOKS {
        if let Ok(record) = server.get(&path).await {
            let lines = ["message", "stack"].map(|name| record["error"][name].as_str().map(plain));
            let lines: Vec<String> = lines.into_iter().flatten().collect();
            return Error::new(Code::FunctionFailed, format!("The function failed. {}", lines.join("\n")));
        }
        tokio::time::sleep(PAUSE).await;
    }
    error
}

/// Single files, without the rest of an app.
async fn deploy(
    server: &Server,
    files: &[PathBuf],
    (alias, acknowledge): (Option<String>, &[String]),
    output: &Output,
) -> Result<()> {
    let mut sources = Map::new();
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let bad = |error| Error::new(Code::BadRequest, format!("{}: {error}", path.display()));
        let content = std::fs::read(path).map_err(bad)?;
        let content = match String::from_utf8(content) {
            Ok(text) => Value::from(text),
            Err(bytes) => json!({ "base64": STANDARD.encode(bytes.as_bytes()) }),
        };
        sources.insert(format!("functions/{name}"), content);
    }
    let meant: Vec<String> = acknowledge.iter().map(|name| opening(name)).collect();
    let mut body = json!({ "files": sources, "acknowledge": meant });
    if let Some(alias) = alias {
        body["alias"] = alias.into();
    }
    let answer = server.post("/v1/admin/functions/deploy", &body).await.map_err(refused)?;
    output.result(&answer, || {
        let items = answer["plan"].as_array().into_iter().flatten();
        let access = told_access(items.map(|item| &item["access"]).filter(|change| !change.is_null()));
        let warnings = answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let warnings: Vec<String> = warnings.map(|warning| format!("! {warning}")).collect();
        format!("{}\n{access}{}", table(&answer["plan"], &["function", "change", "version"]), warnings.join("\n"))
    });
    Ok(())
}

/// `add` and `function:add` are `add.invoke`: what a deploy of functions has acknowledged.
fn opening(name: &str) -> String {
    let name = name.strip_prefix("function:").unwrap_or(name);
    format!("{}.invoke", name.strip_suffix(".invoke").unwrap_or(name))
}

/// With what to say where it is meant.
fn refused(error: Error) -> Error {
    let open = error.extensions().get("acknowledge").and_then(Value::as_array);
    let open = open.into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<&str> = open.map(|name| name.strip_suffix(".invoke").unwrap_or(name)).collect();
    if error.code() != Code::PlanRefused || names.is_empty() {
        return error;
    }
    let names = names.join(",");
    let detail = format!("Everybody could call this from now on: {names}. If that is meant: --acknowledge {names}");
    Error::new(Code::PlanRefused, detail)
}

fn versions(answer: &Value) -> String {
    let shares = answer["versions"].as_array().into_iter().flatten();
    let told = shares.map(|share| format!("version {} ({} %)", share["version"], share["weight"]));
    let told: Vec<String> = told.collect();
    if told.is_empty() { format!("version {}", answer["version"]) } else { told.join(", ") }
}

pub(super) async fn secrets(command: Secrets, server: &Server, output: &Output) -> Result<()> {
    match command {
        Secrets::Set { name, alias } => {
            let mut body = json!({ "value": read()? });
            if let Some(alias) = alias {
                body["alias"] = alias.into();
            }
            server.call("PUT", &format!("/v1/admin/secrets/{name}"), Some(&body)).await?;
            output.result(&json!({ "set": name }), || format!("The secret {name} is set."));
        }
        Secrets::List => {
            let listed = server.get("/v1/admin/secrets").await?;
            output.result(&listed, || table(&listed["items"], &["name", "alias", "updatedAt"]));
        }
        Secrets::Delete { name, alias } => {
            server.call("DELETE", &format!("/v1/admin/secrets/{name}{}", query(&[("alias", alias)])), None).await?;
            output.result(&json!({ "deleted": name }), || format!("The secret {name} is gone."));
        }
    }
    Ok(())
}

/// Never among the arguments, which other users of a machine may see.
fn read() -> Result<String> {
    let mut value = String::new();
    std::io::stdin().take(MOST_BYTES).read_to_string(&mut value).map_err(Error::internal)?;
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err(Error::new(Code::BadRequest, "There is no value on standard input."));
    }
    Ok(value.to_owned())
}

pub(super) async fn schedules(command: Schedules, server: &Server, output: &Output) -> Result<()> {
    match command {
        Schedules::List => {
            let listed = server.get("/v1/admin/schedules").await?;
            output.result(&listed, || {
                table(&listed["items"], &["name", "cron", "timezone", "function", "nextRunAt", "enabled"])
            });
        }
        Schedules::Run { name } => {
            let answer = server.post(&format!("/v1/admin/schedules/{name}/run"), &json!({})).await?;
            output.result(&answer, || format!("{name} runs."));
        }
    }
    Ok(())
}

pub(super) async fn logs(wanted: Logs, server: &Server, output: &Output) -> Result<()> {
    let Logs { function, invocation, level, filter, follow, limit } = wanted;
    let parameters = [
        ("function", function),
        ("invocation", invocation),
        ("level", level),
        ("filter", filter),
        ("limit", (!follow).then(|| limit.to_string())),
        ("follow", follow.then(|| "true".to_owned())),
    ];
    let path = format!("/v1/admin/logs{}", query(&parameters));
    let show = |line: &Value| {
        if output.json {
            text(&line.to_string());
        } else {
            text(&told_log(line));
        }
    };
    if follow {
        return server.follow(&path, |line| show(&line)).await;
    }
    let listed = server.get(&path).await?;
    listed["items"].as_array().into_iter().flatten().for_each(show);
    Ok(())
}

fn parse(text: &str) -> Result<Value> {
    let bad = |error| Error::new(Code::BadJson, format!("The input is no JSON: {error}."));
    serde_json::from_str(text).map_err(bad)
}
