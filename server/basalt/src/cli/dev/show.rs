//! What a run shows: lines for people, or an object a line for programs.

use std::path::Path;
use std::time::Duration;

use basalt_core::{Error, FieldError};
use serde_json::{Value, json};

use super::frame::frame;
use crate::bundle::Bundle;
use crate::cli::difference::told_plan;
use crate::cli::output::text;
use crate::cli::told::{plain, told_invocation, told_log};

pub(super) struct Show {
    pub(super) json: bool,
}

impl Show {
    fn event(&self, event: &str, value: &Value, told: impl FnOnce() -> String) {
        if self.json {
            let mut line = value.clone();
            line["event"] = event.into();
            text(&line.to_string());
        } else {
            text(told().trim_end());
        }
    }

    pub(super) fn ready(&self, url: &str, key: &str, setup: Option<&str>, folder: &Path) {
        let value = json!({ "url": url, "key": key, "setup": setup, "folder": folder });
        self.event("ready", &value, || {
            let setup = setup.map(|link| format!("\n  owner  {link}")).unwrap_or_default();
            format!(
                "Basalt develops {}\n  API    {url}/v1/docs\n  key    {key}{setup}\n\
                 Saved files are live at once. run NAME runs a schedule; q ends.",
                folder.display()
            )
        });
    }

    pub(super) fn note(&self, note: &str) {
        self.event("note", &json!({ "message": note }), || note.to_owned());
    }

    pub(super) fn deployed(&self, answer: &Value, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut value = answer.clone();
        value["tookMs"] = millis.into();
        self.event("deployed", &value, || {
            if answer["applied"] == true {
                return format!("{}live after {millis} ms", told_plan(answer));
            }
            format!("nothing to deploy ({millis} ms)")
        });
    }

    /// The last good version stays: this is only told.
    pub(super) fn failed(&self, error: &Error, bundle: Option<&Bundle>) {
        let faults: Vec<Value> = error.errors().iter().map(|fault| placed(fault, bundle).0).collect();
        let value = json!({ "code": error.code_text(), "detail": error.detail(), "errors": faults });
        self.event("failed", &value, || {
            let faults = error.errors().iter().map(|fault| placed(fault, bundle).1);
            let cause = error.cause().map(|cause| format!("  {cause}"));
            let lines = std::iter::once(format!("✗ {}", error.detail())).chain(faults).chain(cause);
            lines.collect::<Vec<_>>().join("\n")
        });
    }

    pub(super) fn log(&self, line: &Value) {
        self.event("log", line, || format!("  {}", told_log(line)));
    }

    pub(super) fn invocation(&self, record: &Value) {
        self.event("invocation", record, || format!("  {}", told_invocation(record)));
    }

    pub(super) fn mail(&self, mail: &Value) {
        self.event("mail", mail, || told_mail(mail));
    }
}

/// `✉ email to ann@example.com: Welcome`, and the text below.
fn told_mail(mail: &Value) -> String {
    let content = &mail["message"]["content"];
    let text = |name: &str| content[name].as_str().map(plain);
    let (mut to, mut open) = (Vec::new(), vec![&mail["message"]["to"]]);
    while let Some(value) = open.pop() {
        match value {
            Value::String(one) => to.push(plain(one)),
            Value::Array(some) => open.extend(some.iter().rev()),
            Value::Object(some) => open.extend(some.values()),
            _ => {}
        }
    }
    let channel = mail["channel"].as_str().unwrap_or("message");
    let subject = text("subject").or_else(|| text("title")).map(|subject| format!(": {subject}")).unwrap_or_default();
    let body = text("text").or_else(|| text("body")).unwrap_or_default();
    let head = format!("  ✉ {channel} to {}{subject}", to.join(", "));
    let body = body.lines().map(|line| format!("    {line}"));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

/// A fault with the file that it is in, and the lines around it.
fn placed(fault: &FieldError, bundle: Option<&Bundle>) -> (Value, String) {
    let path = fault.path.strip_prefix('/').unwrap_or(&fault.path);
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let own = bundle.and_then(|bundle| ends.into_iter().find_map(|end| bundle.0.get_key_value(&path[..end])));
    let manifest = || bundle.and_then(|bundle| bundle.0.get_key_value("app.toml"));
    // What of its file it is.
    let what = own.map_or(fault.path.as_str(), |(file, _)| path[file.len()..].trim_start_matches('/'));
    let found = own.or_else(manifest);
    let file = found.map_or("app.toml", |(file, _)| file.as_str());
    let value = json!({
        "file": file, "line": fault.line, "column": fault.column, "path": fault.path, "code": fault.code,
        "message": fault.message,
    });
    let place = match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => file.to_owned(),
    };
    let what = if what.is_empty() { String::new() } else { format!(" {what}:") };
    let shown = match (fault.line, fault.column, found) {
        (Some(line), Some(column), Some((_, bytes))) => frame(&String::from_utf8_lossy(bytes), line, column),
        _ => String::new(),
    };
    (value, format!("{place}:{what} {}\n{shown}", fault.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_told_with_whom_they_go_to() {
        let mail = json!({"channel": "email", "message": {"to": {"emails": ["a@example.com", "b@example.com"]},
            "content": {"subject": "Hi", "text": "one\ntwo"}}});
        assert_eq!(told_mail(&mail), "  ✉ email to a@example.com, b@example.com: Hi\n    one\n    two");
    }

    #[test]
    fn faults_are_placed_in_their_file() {
        let mut bundle = Bundle::default();
        bundle.0.insert("app.toml".into(), b"[functions.rules]\ninvoke = 1\n".to_vec());
        bundle.0.insert("functions/a.ts".into(), b"let a = ;\n".to_vec());
        let fault = |path: &str, line, column| FieldError {
            line: Some(line),
            column: Some(column),
            ..FieldError::new(path, "c", "Wrong.")
        };
        let (value, told) = placed(&fault("/functions/a.ts", 1, 9), Some(&bundle));
        assert_eq!(value["file"], "functions/a.ts");
        assert_eq!(told, "functions/a.ts:1:9: Wrong.\n> 1 | let a = ;\n    |         ^\n");
        let (value, told) = placed(&fault("/functions/a.ts/a/invoke", 1, 1), Some(&bundle));
        assert_eq!(
            (&value["file"], told.lines().next()),
            (&json!("functions/a.ts"), Some("functions/a.ts:1:1: a/invoke: Wrong."))
        );
        let (value, told) = placed(&fault("/functions/rules/invoke", 2, 10), Some(&bundle));
        assert_eq!(value["file"], "app.toml");
        assert!(
            told.starts_with("app.toml:2:10: /functions/rules/invoke: Wrong.\n  1 | [functions.rules]\n"),
            "{told}"
        );
    }
}
