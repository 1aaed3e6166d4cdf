//! What an import tells.

use basalt_core::{Error, FieldError};
use serde::Serialize;
use serde_json::{Value, json};

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub status: u16,
    pub code: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub created: u64,
    pub replaced: u64,
    pub failed: u64,
    /// Every line up to this one is decided.
    pub last_line: u64,
}

impl Failure {
    pub(super) fn new(line: u64, id: Option<String>, error: &Error) -> Self {
        let (code, detail) = (error.code_text().to_owned(), error.detail().to_owned());
        Self { line, id, status: error.status(), code, detail, errors: error.errors().to_vec() }
    }
}

impl Summary {
    /// The last line of an import that came to its end.
    pub fn done(self) -> Value {
        self.told(true)
    }

    /// The last line of one that had to stop: it can go on after `lastLine`.
    pub fn stopped(self, error: &Error) -> Value {
        let mut told = self.told(false);
        told["error"] = json!({ "status": error.status(), "code": error.code_text(), "detail": error.detail() });
        told
    }

    /// A line between, for who wants to know how far it is.
    pub fn progress(self) -> Value {
        let Self { created, replaced, failed, last_line } = self;
        json!({ "created": created, "replaced": replaced, "failed": failed, "lastLine": last_line })
    }

    fn told(self, done: bool) -> Value {
        let mut told = self.progress();
        told["done"] = done.into();
        told
    }
}
