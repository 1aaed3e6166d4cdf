//! What is sent, and within which bounds.

use std::time::Duration;

use basalt_core::Trace;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::fault::{Fault, FaultKind};

/// Bytes of a URL.
const URL_MAX: usize = 8 << 10;
/// Headers of one request, and their bytes.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Those of one connection, and those that the client makes itself.
const OURS: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Ports of other protocols, which an HTTP request could be made to speak by accident or by intent
/// (fetch.spec.whatwg.org, "bad port").
const BAD_PORTS: [u16; 81] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
];

/// A request to a URL that somebody else named.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub method: String,
    /// `http` or `https`, without a name and a password.
    pub url: String,
    /// Those of the connection (`Host`, `Content-Length`, …) are left out.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub redirects: Redirects,
    /// Sent as `traceparent`, where no header says otherwise.
    pub trace: Option<Trace>,
}

/// What becomes of an answer that says "elsewhere".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// It is the answer.
    #[default]
    Manual,
    /// It is followed, each hop checked anew, ten at most.
    Follow,
    /// It is a failure.
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// From the first hop's name to the last byte of the body.
    pub time: Duration,
    /// Of an answer's headers.
    pub header_bytes: usize,
    /// Of an answer's body.
    pub body_bytes: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), header_bytes: 64 << 10, body_bytes: 10 << 20 }
    }
}

/// An [`Outgoing`] that HTTP can carry.
pub(super) struct Checked {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Outgoing {
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            redirects: Redirects::Manual,
            trace: None,
        }
    }

    /// Whether it can be sent at all; where it goes is asked when it goes.
    pub fn validate(&self) -> Result<(), Fault> {
        self.clone().check().map(drop)
    }

    pub(super) fn check(self) -> Result<Checked, Fault> {
        let bad = |message: String| Fault::new(FaultKind::BadRequest, message);
        let method = Method::from_bytes(self.method.as_bytes()).ok().filter(sendable);
        let method = method.ok_or_else(|| bad(format!("The method {:?} can't be sent.", self.method)))?;
        let url = parse_url(&self.url)?;
        let mut headers = HeaderMap::new();
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
            let message = format!("A request has at most {HEADERS_MAX} headers of {HEADER_BYTES_MAX} bytes together.");
            return Err(bad(message));
        }
        for (name, value) in &self.headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) = parsed.ok_or_else(|| bad(format!("The header {name:?} can't be sent.")))?;
            if !OURS.contains(&name.as_str()) {
                headers.append(name, value);
            }
        }
        let trace = self.trace.and_then(|trace| HeaderValue::from_str(&trace.to_string()).ok());
        if let Some(trace) = trace.filter(|_| !headers.contains_key("traceparent")) {
            headers.insert("traceparent", trace);
        }
        Ok(Checked { method, url, headers, body: self.body })
    }
}

fn sendable(method: &Method) -> bool {
    !matches!(method.as_str(), "CONNECT" | "TRACE" | "TRACK")
}

pub(super) fn parse_url(text: &str) -> Result<Url, Fault> {
    let bad = |message: &str| Fault::new(FaultKind::BadUrl, message);
    if text.len() > URL_MAX {
        return Err(bad("The URL is too long."));
    }
    let mut url = Url::parse(text).map_err(|_| bad("That is no absolute URL."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("Only http and https are spoken."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("A URL has no name and no password; send a header."));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("The URL has no host."));
    }
    if url.port().is_some_and(|port| port == 0 || port == 10_080 || BAD_PORTS.contains(&port)) {
        return Err(Fault::new(FaultKind::AddressRefused, "The port is another protocol's."));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(url: &str) -> Option<FaultKind> {
        parse_url(url).err().map(|fault| fault.kind)
    }

    #[test]
    fn urls_are_absolute_and_of_the_web() {
        assert_eq!(fault("https://example.org/a?b#c"), None);
        for bad in
            ["", "/a", "ftp://example.org/", "file:///etc/passwd", "http://u:p@example.org/", "gopher://x/", "http:///"]
        {
            assert_eq!(fault(bad), Some(FaultKind::BadUrl), "{bad}");
        }
        for port in [0, 22, 25, 6667, 10_080] {
            assert_eq!(fault(&format!("http://example.org:{port}/")), Some(FaultKind::AddressRefused), "{port}");
        }
    }

    #[test]
    fn headers_of_the_connection_are_ours_and_odd_ones_are_refused() {
        let mut request = Outgoing::get("http://example.org/");
        request.headers = vec![("Host".into(), "evil".into()), ("X-A".into(), "1".into()), ("te".into(), "x".into())];
        request.trace = Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let checked = request.clone().check().ok().unwrap();
        let names: Vec<&str> = checked.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-a", "traceparent"]);
        for (name, value) in [("a b", "1"), ("x", "1\r\ny: 2"), ("", "1")] {
            let headers = vec![(name.to_owned(), value.to_owned())];
            let fault = Outgoing { headers, ..request.clone() }.check().err().unwrap();
            assert_eq!(fault.kind, FaultKind::BadRequest);
        }
        for method in ["CONNECT", "TRACE", "a b", ""] {
            assert!(Outgoing { method: method.into(), ..request.clone() }.check().is_err(), "{method}");
        }
    }
}
