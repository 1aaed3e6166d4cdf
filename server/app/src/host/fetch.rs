//! `fetch`: requests to other servers, where the function's version may go.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use basalt_core::trace::{Span, SpanKind};
use basalt_core::{Error, Result, Timestamp, Trace};
use basalt_outbound::{Caps, Fault, Incoming, Outgoing, Redirects};
use basalt_runtime::HostReply;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Call;

/// Bytes of one answer.
const ANSWER_BYTES: usize = 10 << 20;
/// The longest that one request takes; the function's own time may be over before.
const LONGEST: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    redirect: Redirect,
}

/// As `fetch` of browsers has it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Redirect {
    #[default]
    Follow,
    Manual,
    Error,
}

impl From<Redirect> for Redirects {
    fn from(redirect: Redirect) -> Self {
        match redirect {
            Redirect::Follow => Self::Follow,
            Redirect::Manual => Self::Manual,
            Redirect::Error => Self::Error,
        }
    }
}

pub(super) async fn call(mut call: Call<'_>) -> Result<HostReply> {
    let Fetch { method, url, headers, redirect } = call.read()?;
    let body = std::mem::take(&mut call.body);
    let traced = Traced::begin(&call);
    let trace = traced.as_ref().map_or(call.caller.request.trace, |traced| Some(traced.own));
    call.count(url.len() + body.len());
    let method = method.unwrap_or_else(|| "GET".to_owned());
    let request = Outgoing { headers, redirects: redirect.into(), body, trace, ..Outgoing::new(method, url) };
    let caps = Caps { time: LONGEST, body_bytes: ANSWER_BYTES, ..Caps::default() };
    let host = host_of(&request.url);
    let fetched = fetched(&call, request, caps).await;
    if let Some(traced) = traced {
        traced.end(&call, &host, fetched.as_ref().err());
    }
    let (answer, body) = fetched.map_err(refused)?;
    call.count(body.len());
    Ok(HostReply { value: head(&answer), body })
}

async fn fetched(call: &Call<'_>, request: Outgoing, caps: Caps) -> Result<(Incoming, Bytes), Fault> {
    let mut answer = call.host.guarded.send(request, &call.invoked.egress, caps).await?;
    let body = answer.bytes().await?;
    Ok((answer, body))
}

/// A request's span, where somebody collects them.
struct Traced {
    own: Trace,
    parent: [u8; 8],
    at: Timestamp,
    started: Instant,
}

impl Traced {
    fn begin(call: &Call<'_>) -> Option<Self> {
        let trace = call.caller.request.trace.filter(|trace| trace.sampled && call.host.spans.collects())?;
        let db = &call.host.db;
        Some(Self { own: trace.child(db.random()), parent: trace.span, at: db.now(), started: Instant::now() })
    }

    fn end(self, call: &Call<'_>, host: &str, fault: Option<&Fault>) {
        let Self { own, parent, at, started } = self;
        call.host.spans.record(Span {
            trace: own,
            parent: Some(parent),
            name: Cow::Owned(format!("fetch {host}")),
            kind: SpanKind::Client,
            start: at,
            duration: started.elapsed(),
            attributes: Map::new(),
            error: fault.map(|fault| fault.kind.as_str().to_owned()),
        });
    }
}

/// For people: what is asked was checked by who asks it.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit('@').next().unwrap_or_default().chars().take(128).collect()
}

fn head(answer: &Incoming) -> Value {
    json!({"status": answer.status, "statusText": "", "headers": answer.headers, "url": answer.url})
}

/// With the kind of fault, which `code` is too broad for.
fn refused(fault: Fault) -> Error {
    let kind = fault.kind.as_str();
    Error::from(fault).with("fault", kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_names_the_host_and_no_secret_of_the_url() {
        assert_eq!(host_of("https://user:pass@api.example.com:8443/v1?token=1"), "api.example.com:8443");
        assert_eq!(host_of("nonsense"), "nonsense");
    }
}
