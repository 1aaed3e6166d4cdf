//! `fetch`: requests to other servers, where the function's version may go.

use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_outbound::{Caps, Fault, Incoming, Outgoing, Redirects};
use basalt_runtime::HostReply;
use serde::Deserialize;
use serde_json::{Value, json};

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
    let (trace, body) = (call.caller.request.trace, std::mem::take(&mut call.body));
    call.count(url.len() + body.len());
    let method = method.unwrap_or_else(|| "GET".to_owned());
    let request = Outgoing { headers, redirects: redirect.into(), body, trace, ..Outgoing::new(method, url) };
    let caps = Caps { time: LONGEST, body_bytes: ANSWER_BYTES, ..Caps::default() };
    let sent = call.host.guarded.send(request, &call.invoked.egress, caps).await;
    let mut answer = sent.map_err(refused)?;
    let body = answer.bytes().await.map_err(refused)?;
    call.count(body.len());
    Ok(HostReply { value: head(&answer), body })
}

fn head(answer: &Incoming) -> Value {
    json!({"status": answer.status, "statusText": "", "headers": answer.headers, "url": answer.url})
}

/// With the kind of fault, which `code` is too broad for.
fn refused(fault: Fault) -> Error {
    let kind = fault.kind.as_str();
    Error::from(fault).with("fault", kind)
}
