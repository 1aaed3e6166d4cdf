//! What commands print: results on standard output, failures on standard error.

use std::io::Write as _;

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
                let told = json!({ "error": { "code": code, "detail": detail, "errors": error.errors() } });
                text(&format!("{told:#}"));
            }
            Failure::Error(error) => complain(&told(error)),
        }
    }
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
    fn tables_are_aligned() {
        let items = json!([{"id": "a", "scopes": ["x", "y"]}, {"id": "abc", "scopes": null}]);
        assert_eq!(table(&items, &["id", "scopes"]), "id   scopes\na    x,y\nabc  -");
    }
}
