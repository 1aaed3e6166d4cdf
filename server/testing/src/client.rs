//! A caller with his token: sends requests and hands back whole answers.

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::answer::Answer;

/// Whom requests speak for, and to which server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    headers: HeaderMap,
}

impl Client {
    pub fn new(base: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests are the outside: they talk to the server they started")]
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trusting_nobody())
            .redirect(reqwest::redirect::Policy::none())
            // Of silence: streams may go on for longer.
            .read_timeout(std::time::Duration::from_mins(1))
            .no_proxy()
            .build()
            .expect("an HTTP client");
        Self { http, base: base.trim_end_matches('/').into(), headers: HeaderMap::new() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The headers that go with every request.
    pub(crate) fn header_pairs(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
    }

    /// The same server, with a bearer token.
    pub fn with_token(&self, token: &str) -> Self {
        self.with_header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// The same server and caller, with a header on every request.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        client.headers.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        client
    }

    /// The same server, as nobody.
    pub fn visitor(&self) -> Self {
        Self { headers: HeaderMap::new(), ..self.clone() }
    }

    /// The same server, with the cookie that an answer set, as a page of the server's own would send it.
    pub fn with_cookie(&self, answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer}: no cookie"));
        let pair = cookie.split(';').next().unwrap_or_default();
        self.with_header("Cookie", pair).with_header("Origin", &self.base)
    }

    /// The same caller at another address, on connections of its own: a server that was started anew.
    pub fn at(&self, base: &str) -> Self {
        let mut client = Self { headers: self.headers.clone(), ..Self::new(base) };
        if client.headers.contains_key("origin") {
            client = client.with_header("Origin", base);
        }
        client
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// `method` in capitals; `path` from `/v1` on.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let name = format!("{method} {path}");
        let request = self.http.request(method, format!("{}{path}", self.base)).headers(self.headers.clone());
        Call { request, name }
    }
}

/// Servers of tests speak no TLS: reading the system's certificates for each client would be for nothing.
fn trusting_nobody() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("the versions of TLS that the provider has");
    builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

/// One request that is being put together.
#[must_use]
pub struct Call {
    request: reqwest::RequestBuilder,
    name: String,
}

impl Call {
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// A body as it is, for what is no good JSON.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.header(CONTENT_TYPE, content_type).body(body.into());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.request = self.request.query(pairs);
        self
    }

    /// Sends, and fails the test when no answer comes.
    pub async fn send(self) -> Answer {
        match self.try_send().await {
            Ok(answer) => answer,
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends; the error says what was sent and why there is no answer.
    pub async fn try_send(self) -> Result<Answer, String> {
        let name = self.name;
        let response = self.request.send().await.map_err(|error| format!("{name}: no answer: {error:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| format!("{name}: the answer broke off: {error:?}"))?;
        Ok(Answer::new(name, status, headers, body.to_vec()))
    }

    /// Sends, and hands the answer over while its body is still coming.
    pub async fn stream(self) -> reqwest::Response {
        match self.request.send().await {
            Ok(response) => response,
            Err(error) => panic!("{}: no answer: {error:?}", self.name),
        }
    }

    /// Sends, and reads the answer as it comes. Fails the test where the status is another.
    pub async fn open(self, status: u16) -> Lines {
        let response = self.request.send().await.unwrap_or_else(|error| panic!("{}: no answer: {error:?}", self.name));
        assert_eq!(response.status().as_u16(), status, "{}", self.name);
        Lines { response, name: self.name, rest: Vec::new() }
    }

    /// Sends a body that comes in pieces.
    pub fn pieces<S, E>(mut self, content_type: &str, pieces: S) -> Self
    where
        S: futures_util::Stream<Item = Result<Vec<u8>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let body = reqwest::Body::wrap_stream(pieces);
        self.request = self.request.header(CONTENT_TYPE, content_type).body(body);
        self
    }

    /// Sends and expects this status.
    pub async fn expect(self, status: u16) -> Answer {
        self.send().await.expect(status)
    }

    /// Sends and expects a problem with this status and code.
    pub async fn problem(self, status: u16, code: &str) -> Answer {
        self.send().await.problem(status, code)
    }
}

/// An answer that is read a line at a time.
pub struct Lines {
    response: reqwest::Response,
    name: String,
    rest: Vec<u8>,
}

impl Lines {
    pub fn header(&self, name: &str) -> Option<String> {
        self.response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The next line, without its end; `None` where the answer is over. The error: it broke off.
    pub async fn try_next(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).take(end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.rest.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                Err(error) => return Err(format!("{}: the answer broke off: {error:?}", self.name)),
            }
        }
    }

    /// The next line; fails the test where the answer breaks off.
    pub async fn next(&mut self) -> Option<String> {
        self.try_next().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The next line that is no blank, as JSON.
    pub async fn json(&mut self) -> Option<Value> {
        loop {
            let line = self.next().await?;
            if !line.is_empty() {
                return Some(
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?} is no JSON: {error}")),
                );
            }
        }
    }

    /// The next server-sent event: its id and its data. Comments and hints are skipped.
    pub async fn event(&mut self) -> Result<Option<(String, Value)>, String> {
        let (mut id, mut data) = (String::new(), None);
        while let Some(line) = self.try_next().await? {
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = serde_json::from_str(text).ok();
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Ok(Some((id, data)));
            }
        }
        Ok(None)
    }
}
