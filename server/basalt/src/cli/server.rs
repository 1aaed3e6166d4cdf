//! A server as commands reach it: by its URL and a service key, or, on the machine that it runs on, by its data folder,
//! whose socket gives a key for as long as the command takes.

use std::time::Duration;

use basalt_core::{Code, Error, FieldError, Result};
use basalt_outbound::{Caps, Egress, Fault, Guarded, Incoming, Network, Options, Outgoing};
use bytes::Bytes;
use serde_json::Value;

use super::arguments::Remote;
use crate::admin::{self, AdminCommand};
use crate::configuration::Configuration;
use crate::outside::Outside;

/// The variables that stand for `--url` and `--key`.
const URL: &str = "BASALT_URL";
const KEY: &str = "BASALT_KEY";
const PATIENCE: Duration = Duration::from_mins(2);
/// A stream of lines is followed for as long as somebody looks at it.
const LONG: Duration = Duration::from_hours(24 * 365);
const ANSWER_BYTES: usize = 64 << 20;
pub(super) const JSON: &str = "application/json";

pub(super) struct Server {
    http: Guarded,
    pub(super) url: String,
    key: String,
    /// The key's id, where it was made for this command.
    made: Option<String>,
    configuration: Configuration,
}

impl Server {
    pub(super) async fn reach(remote: &Remote, configuration: &Configuration, outside: &Outside) -> Result<Self> {
        let variable = |name: &str| outside.environment.get(name).filter(|value| !value.is_empty()).cloned();
        let url = remote.url.clone().or_else(|| variable(URL));
        let key = remote.key.clone().or_else(|| variable(KEY));
        let Some(url) = url else { return Self::local(configuration).await };
        let lacking = || {
            let detail =
                format!("A server at a URL wants a service key: say --key or {KEY} (basalt keys create --scopes '*').");
            Error::new(Code::Unauthenticated, detail)
        };
        Self::at(&url, key.ok_or_else(lacking)?, configuration)
    }

    /// One that is known.
    pub(super) fn at(url: &str, key: String, configuration: &Configuration) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { http: client()?, url, key, made: None, configuration: configuration.clone() })
    }

    async fn local(configuration: &Configuration) -> Result<Self> {
        let none = || {
            let detail = format!(
                "No server runs on {}: start one (basalt dev, basalt serve), name its data folder by --data, or say \
                 --url and --key ({URL}, {KEY}).",
                configuration.data.display()
            );
            Error::new(Code::Unavailable, detail)
        };
        if configuration.database_url.is_some() {
            return Err(none());
        }
        let answer = admin::send(&configuration.data, &AdminCommand::Session).await?.ok_or_else(none)?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned).ok_or_else(none);
        let server = Self::at(&text("url")?, text("key")?, configuration)?;
        Ok(Self { made: Some(text("id")?), ..server })
    }

    /// Takes back the key that was made for the command.
    pub(super) async fn leave(self) {
        if let Some(id) = self.made {
            // It ends by itself within a day.
            let _ = admin::send(&self.configuration.data, &AdminCommand::KeyRevoke { id }).await;
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, Some(body)).await
    }

    /// A call with JSON; what isn't 2xx is the error that its problem document tells.
    pub(super) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(|body| (JSON, Bytes::from(body.to_string())));
        self.send(method, path, body, &[]).await
    }

    /// The same with any body and further headers.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
        headers: &[(&str, &str)],
    ) -> Result<Value> {
        let caps = Caps { time: PATIENCE, body_bytes: ANSWER_BYTES, ..Caps::default() };
        let mut answer = self.request(method, path, body, headers, caps).await?;
        let status = answer.status;
        let bytes = answer.bytes().await.map_err(|fault| self.unreachable(&fault))?;
        let value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) };
        if (200..300).contains(&status) { Ok(value) } else { Err(problem(status, &value)) }
    }

    /// A stream of lines that were logged; each is handed on until the other side ends it.
    pub(super) async fn follow(&self, path: &str, mut each: impl FnMut(Value)) -> Result<()> {
        let caps = Caps { time: LONG, body_bytes: usize::MAX, ..Caps::default() };
        let mut answer = self.request("GET", path, None, &[("accept", "text/event-stream")], caps).await?;
        if answer.status != 200 {
            let bytes = answer.bytes().await.map_err(|fault| self.unreachable(&fault))?;
            return Err(problem(answer.status, &serde_json::from_slice(&bytes).unwrap_or(Value::Null)));
        }
        let mut held = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|fault| self.unreachable(&fault))? {
            held.extend_from_slice(&piece);
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = held.drain(..=end).collect();
                let data: Option<Value> =
                    line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok());
                // A problem ends the stream, and is no line.
                data.into_iter().filter(|data| data["level"].is_string()).for_each(&mut each);
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
        headers: &[(&str, &str)],
        caps: Caps,
    ) -> Result<Incoming> {
        let mut request = Outgoing::new(method, format!("{}{path}", self.url));
        // Without a key one is a visitor.
        if !self.key.is_empty() {
            request.headers.push(("authorization".to_owned(), format!("Bearer {}", self.key)));
        }
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if let Some((kind, bytes)) = body {
            request.headers.push(("content-type".to_owned(), kind.to_owned()));
            request.body = bytes;
        }
        self.http.send(request, &Egress::of_operators(), caps).await.map_err(|fault| self.unreachable(&fault))
    }

    fn unreachable(&self, fault: &Fault) -> Error {
        Error::new(Code::Unavailable, format!("{} can't be reached: {}", self.url, fault.message))
    }
}

/// The guarded client, for whom it is not: whoever calls a command names his own server, wherever it is.
fn client() -> Result<Guarded> {
    let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(Network::parse);
    Guarded::new(&Options { private: everywhere.collect(), ..Options::default() })
}

fn problem(status: u16, value: &Value) -> Error {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let detail = match text("detail") {
        "" => format!("The server answered {status}."),
        detail => detail.to_owned(),
    };
    let known = Code::ALL.iter().find(|code| code.as_str() == text("code"));
    let error = match known {
        Some(code) => Error::new(*code, detail),
        None => Error::of_function(status, text("code"), detail),
    };
    let faults = value["errors"].as_array().into_iter().flatten().map(|fault| FieldError {
        line: fault["line"].as_u64().and_then(|line| line.try_into().ok()),
        column: fault["column"].as_u64().and_then(|column| column.try_into().ok()),
        ..FieldError::new(
            fault["path"].as_str().unwrap_or_default(),
            fault["code"].as_str().unwrap_or_default(),
            fault["message"].as_str().unwrap_or_default(),
        )
    });
    let members = ["plan", "breaking", "refusals", "acknowledge", "invocationId"];
    let more = members.into_iter().filter_map(|name| Some((name, value.get(name)?.clone())));
    more.fold(error.with_errors(faults.collect()), |error, (name, value)| error.with(name, value))
}

/// `?a=b&c=d` of what is said.
pub(super) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
        text.bytes()
            .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let said = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(value.as_deref()?))));
    let said: Vec<String> = said.collect();
    if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_become_the_errors_that_they_tell() {
        let told = json!({"code": "plan_refused", "detail": "No.", "plan": {"a": 1},
            "errors": [{"path": "/x", "code": "c", "message": "m", "line": 3, "column": 4}]});
        let error = problem(409, &told);
        assert_eq!((error.code(), error.detail()), (Code::PlanRefused, "No."));
        assert_eq!(error.errors()[0].line, Some(3));
        assert_eq!(error.extensions()["plan"]["a"], 1);
        let own = problem(418, &json!({"code": "teapot", "detail": "d"}));
        assert_eq!((own.status(), own.code_text()), (418, "teapot"));
    }

    #[test]
    fn queries_are_encoded() {
        let text = query(&[("filter", Some("a == 'b'&c".into())), ("limit", None), ("x", Some("1".into()))]);
        assert_eq!(text, "?filter=a%20%3D%3D%20%27b%27%26c&x=1");
        assert_eq!(query(&[("x", None)]), "");
    }
}
