//! `fetch`: requests to other servers, where the function's version may go.

use basalt_core::{Code, Error, Result, Trace};
use basalt_runtime::HostReply;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::Call;

/// Bytes of one answer.
const ANSWER_BYTES: usize = 10 << 20;
const URL_BYTES: usize = 8 << 10;
const HEADERS: usize = 100;

/// Where a version of a function may send requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Names of hosts; `None`: any.
    pub allow: Option<Vec<String>>,
    /// Whether private addresses, too.
    pub private: bool,
}

#[derive(Clone, Debug)]
pub struct FetchRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub redirect: Redirect,
    pub body: Bytes,
    /// Sent along as `traceparent`, where the function sets none.
    pub trace: Option<Trace>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirect {
    #[default]
    Follow,
    Manual,
    Error,
}

#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: u16,
    pub status_text: String,
    pub headers: Vec<(String, String)>,
    /// Where the answer came from in the end.
    pub url: String,
    pub body: Bytes,
}

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

pub(super) async fn call(mut call: Call<'_>) -> Result<HostReply> {
    let Fetch { method, url, headers, redirect } = call.read()?;
    if url.len() > URL_BYTES || headers.len() > HEADERS {
        let detail = format!("A URL has at most {URL_BYTES} bytes, and a request {HEADERS} headers.");
        return Err(Error::new(Code::TooLarge, detail));
    }
    let method = method.unwrap_or_else(|| "GET".to_owned());
    let (trace, body) = (call.caller.request.trace, std::mem::take(&mut call.body));
    call.count(url.len() + body.len());
    let request = FetchRequest { method, url, headers, redirect, body, trace };
    let fetched = call.host.outside.fetch(request, &call.invoked.egress, ANSWER_BYTES).await?;
    call.count(fetched.body.len());
    let value = json!({
        "status": fetched.status, "statusText": fetched.status_text, "headers": fetched.headers, "url": fetched.url,
    });
    Ok(HostReply { value, body: fetched.body })
}
