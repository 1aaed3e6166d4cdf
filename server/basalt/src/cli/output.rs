//! What commands print: results on standard output, failures on standard error.

use std::io::Write as _;

use basalt_core::{Code, Error, FieldError};
use serde_json::{Value, json};

use super::Failure;
use crate::wire::told;

pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// The result for programs, or the same told to people.
    pub(super) fn result(&self, value: &Value, told: impl FnOnce() -> String) {
        if self.json {
            text(&format!("{value:#}"));
        } else {
            text(told().trim_end());
        }
    }

    pub(super) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Configuration(problems) if self.json => {
                let problems: Vec<Value> = problems
                    .0
                    .iter()
                    .map(|p| json!({ "key": p.key, "origin": p.origin, "message": p.message }))
                    .collect();
                text(&format!("{:#}", json!({ "error": { "code": "bad_configuration", "problems": problems } })));
            }
            Failure::Configuration(problems) => complain(&problems.to_string()),
            Failure::Error(error) if self.json => {
                let (code, detail) = (error.code().as_str(), error.cause().unwrap_or(error.detail()));
                let mut told = json!({ "code": code, "detail": detail, "errors": error.errors() });
                for (name, more) in error.extensions() {
                    told[name.as_str()] = more.clone();
                }
                text(&format!("{:#}", json!({ "error": told })));
            }
            Failure::Error(error) => complain(&told_failure(error)),
            Failure::Interrupted => {}
        }
    }
}

/// With every fault where editors find it: of code by its file, line and column.
fn told_failure(error: &Error) -> String {
    // What went wrong here is nobody's secret.
    if let Some(cause) = error.cause().filter(|_| error.code() == Code::Internal) {
        return cause.to_owned();
    }
    if !error.errors().iter().any(|fault| in_code(&fault.path).is_some()) {
        return told(error);
    }
    let fault = |fault: &FieldError| {
        let place = fault.line.zip(fault.column).map(|(line, column)| format!("{line}:{column}"));
        let (file, what) = in_code(&fault.path).map_or((None, fault.path.as_str()), |(file, what)| (Some(file), what));
        let place = file.into_iter().chain(place.as_deref()).collect::<Vec<_>>().join(":");
        let parts: Vec<&str> = [place.as_str(), what].into_iter().filter(|part| !part.is_empty()).collect();
        format!("  {}: {}", parts.join(" "), fault.message)
    };
    let lines = std::iter::once(error.detail().to_owned()).chain(error.errors().iter().map(fault));
    lines.collect::<Vec<_>>().join("\n")
}

/// `/functions/add.ts/add/invoke` is the file, and what of it.
fn in_code(path: &str) -> Option<(&str, &str)> {
    let end = [".ts", ".mts", ".js", ".mjs"].iter().find_map(|ending| {
        let end = path.find(ending)? + ending.len();
        path[end..].chars().next().is_none_or(|next| next == '/').then_some(end)
    });
    let end = end.filter(|_| path.starts_with("/functions/"))?;
    Some((&path[1..end], path[end..].trim_start_matches('/')))
}

/// A line on standard output. Who closed it early (`| head`) has seen what he wanted.
pub(super) fn text(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A table of some members of each item.
pub(super) fn table(items: &Value, columns: &[&str]) -> String {
    let cell = |item: &Value, column: &str| match &item[column] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|p| p.as_str().unwrap_or("?")).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let mut rows = vec![columns.iter().map(ToString::to_string).collect::<Vec<_>>()];
    for item in items.as_array().into_iter().flatten() {
        rows.push(columns.iter().map(|column| cell(item, column)).collect());
    }
    let width = |index: usize| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_code_are_told_as_editors_find_them() {
        let at = |path: &str, line, column| FieldError {
            line: Some(line),
            column: Some(column),
            ..FieldError::new(path, "c", "Wrong.")
        };
        let faults = vec![
            at("/functions/lib/a.mts", 2, 9),
            at("/functions/b.ts/b/invoke", 1, 1),
            at("/collections/notes/rules/get", 3, 1),
        ];
        let error = Error::new(Code::InvalidDefinition, "No.").with_errors(faults);
        let expected = "No.\n  functions/lib/a.mts:2:9: Wrong.\n  functions/b.ts:1:1 b/invoke: Wrong.\n  \
                        3:1 /collections/notes/rules/get: Wrong.";
        assert_eq!(told_failure(&error), expected);
        assert_eq!(in_code("/functions/a.tsx"), None);
        assert_eq!(told_failure(&Error::internal("no room")), "no room");
    }

    #[test]
    fn tables_are_aligned() {
        let items = json!([{"id": "a", "scopes": ["x", "y"]}, {"id": "abc", "scopes": null}]);
        assert_eq!(table(&items, &["id", "scopes"]), "id   scopes\na    x,y\nabc  -");
    }
}
