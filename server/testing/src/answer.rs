//! A whole answer, with the assertions that tests make about it.

use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for messages.
    pub request: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(request: String, status: u16, headers: HeaderMap, bytes: Vec<u8>) -> Self {
        Self { request, status, headers, bytes }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null when there is none.
    pub fn body(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{self}: no JSON: {error}"))
    }

    /// A member of the body by JSON Pointer; null when it isn't there.
    pub fn at(&self, pointer: &str) -> Value {
        self.body().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// A text of the body by JSON Pointer.
    pub fn text_at(&self, pointer: &str) -> String {
        match self.at(pointer) {
            Value::String(text) => text,
            other => panic!("{self}: {pointer} is {other}"),
        }
    }

    /// The documents of a page.
    pub fn items(&self) -> Vec<Value> {
        self.at("/items").as_array().cloned().unwrap_or_else(|| panic!("{self}: no items"))
    }

    /// One field of each document of a page.
    pub fn column(&self, field: &str) -> Vec<Value> {
        self.items().into_iter().map(|item| item[field].clone()).collect()
    }

    /// All values of a header, joined by commas.
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.map(std::borrow::Cow::into_owned).reduce(|all, value| format!("{all}, {value}"))
    }

    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("{self}: no ETag"))
    }

    pub fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.bytes).ok()?;
        body["code"].as_str().map(str::to_owned)
    }

    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// A problem document (RFC 9457) with this status and code, and nothing internal in it.
    #[must_use]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code().as_deref()), (status, Some(code)), "{self}");
        self.assert_is_problem();
        self
    }

    /// What every refusal promises, whatever its code.
    pub fn assert_is_problem(&self) {
        let body = self.body();
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{self}");
        assert_eq!(body["status"], self.status, "{self}");
        assert_eq!(body["type"], "about:blank", "{self}");
        for member in ["title", "code", "detail", "requestId"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{self}: no {member}");
        }
        assert_eq!(body["requestId"].as_str(), self.header("x-request-id").as_deref(), "{self}");
        let detail = body["detail"].to_string().to_lowercase();
        for internal in
            ["select *", " from c_", "insert into", "sqlite", "postgres", "sqlx", "rusqlite", "panicked", ".rs:"]
        {
            assert!(!detail.contains(internal), "{self}: the detail shows something internal");
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.text();
        let shown: String = text.chars().take(2_000).collect();
        write!(f, "{} → {} {shown}", self.request, self.status)
    }
}
