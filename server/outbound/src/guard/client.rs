use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Error, Result};
use reqwest::header::{self, HeaderMap};
use reqwest::{Client, Method, Response, Url, redirect};
use tokio::time::Instant;

use super::address::{Network, permitted};
use super::egress::Egress;
use super::fault::{Fault, FaultKind};
use super::gates::Gates;
use super::incoming::Incoming;
use super::outgoing::{Caps, Checked, Outgoing, Redirects, parse_url};
use super::resolve::Resolver;
use super::tls;

/// Hops of one request.
const HOPS: u32 = 10;
const HEADERS_MAX: usize = 100;
/// Idle connections are kept for this long, and so many to one host.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 4;

#[derive(Clone, Debug)]
pub struct Options {
    /// Networks that may be reached although they are private.
    pub private: Vec<Network>,
    pub connect_timeout: Duration,
    /// Requests under way at once: in all, and to one host.
    pub concurrency: usize,
    pub per_host: usize,
    /// `basalt/0.1.0`
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            private: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            concurrency: 512,
            per_host: 64,
            user_agent: concat!("basalt/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The one HTTP client for URLs that others name; cheap to clone.
#[derive(Clone)]
pub struct Guarded(Arc<Inner>);

struct Inner {
    /// For public addresses alone. Connections are kept apart, so that one that was opened for a caller who may reach
    /// private networks is never another's.
    public: Reach,
    private: Reach,
    gates: Gates,
}

struct Reach {
    client: Client,
    networks: Arc<[Network]>,
}

impl Guarded {
    pub fn new(options: &Options) -> Result<Self> {
        let public = Reach::new(&[], options)?;
        let private = Reach::new(&options.private, options)?;
        Ok(Self(Arc::new(Inner { public, private, gates: Gates::new(options.concurrency, options.per_host) })))
    }

    /// Sends a request where it may go, and gives its answer's head; dropping the answer ends the request.
    pub async fn send(&self, request: Outgoing, egress: &Egress, caps: Caps) -> Result<Incoming, Fault> {
        let deadline = Instant::now() + caps.time;
        let redirects = request.redirects;
        let mut next = request.check()?;
        let mut hops = 0;
        loop {
            let answer = self.hop(&next, egress, caps, deadline).await?;
            let to = location(&answer, &next.url);
            match (redirects, to) {
                (Redirects::Manual, _) | (_, None) => return Ok(Incoming { redirects: hops, ..answer }),
                (Redirects::Error, Some(_)) => {
                    return Err(Fault::new(FaultKind::Unreachable, "The server redirects, which was not wanted."));
                }
                (Redirects::Follow, Some(_)) if hops == HOPS => {
                    return Err(Fault::new(FaultKind::Unreachable, format!("More than {HOPS} redirects.")));
                }
                (Redirects::Follow, Some(to)) => next = next.redirected(answer.status, parse_url(&to)?),
            }
            hops += 1;
        }
    }

    /// One request to one server.
    async fn hop(&self, request: &Checked, egress: &Egress, caps: Caps, deadline: Instant) -> Result<Incoming, Fault> {
        let host = request.url.host_str().unwrap_or_default();
        if !egress.permits(&request.url) {
            let message = format!("{host} is not among the hosts that may be called from here.");
            return Err(Fault::new(FaultKind::EgressDenied, message));
        }
        let reach = if egress.private { &self.0.private } else { &self.0.public };
        reach.check_literal(host)?;
        let port = request.url.port_or_known_default().unwrap_or_default();
        let pass = tokio::time::timeout_at(deadline, self.0.gates.enter(&format!("{host}:{port}"))).await;
        let busy = || Fault::new(FaultKind::Busy, format!("Too many requests to {host} are under way."));
        let pass = pass.ok().flatten().ok_or_else(busy)?;
        let sent = reach.client.execute(request.to_request());
        let response = tokio::time::timeout_at(deadline, sent).await.map_err(|_| Fault::timeout())?;
        let response = response.map_err(|error| told(&error, host))?;
        let headers = readable(&response, caps.header_bytes)?;
        Ok(Incoming {
            status: response.status().as_u16(),
            headers,
            url: request.url.to_string(),
            redirects: 0,
            response,
            read: 0,
            most: caps.body_bytes,
            deadline,
            _pass: pass,
        })
    }
}

impl Reach {
    fn new(networks: &[Network], options: &Options) -> Result<Self> {
        let networks: Arc<[Network]> = networks.into();
        #[expect(clippy::disallowed_methods, reason = "this is the guarded client")]
        let builder = Client::builder();
        let client = builder
            .tls_backend_preconfigured(tls::config()?)
            .dns_resolver(Resolver { private: Arc::clone(&networks) })
            // One that the environment names would connect to what was never checked.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .http1_only()
            .http1_max_headers(HEADERS_MAX)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .user_agent(&options.user_agent)
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, networks })
    }

    /// An address in a URL is connected to without asking anybody. It has one spelling here: URLs are parsed as browsers
    /// do, so `0x7f.1` and `2130706433` have become `127.0.0.1`.
    fn check_literal(&self, host: &str) -> Result<(), Fault> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) if !permitted(address, &self.networks) => Err(Fault::address_refused(host)),
            _ => Ok(()),
        }
    }
}

impl Checked {
    fn to_request(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        let empty = self.body.is_empty() && !matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        if !empty {
            *request.body_mut() = Some(self.body.clone().into());
        }
        request
    }

    /// The next hop, as browsers do it: what was secret for one origin isn't told to another.
    fn redirected(mut self, status: u16, to: Url) -> Self {
        let rewritten = match status {
            303 => !matches!(self.method, Method::GET | Method::HEAD),
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if rewritten {
            self.method = Method::GET;
            self.body = bytes::Bytes::new();
            for name in
                [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION]
            {
                self.headers.remove(name);
            }
        }
        if to.origin() != self.url.origin() {
            for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
                self.headers.remove(name);
            }
        }
        Self { url: to, ..self }
    }
}

/// Where an answer says to go instead.
fn location(answer: &Incoming, from: &Url) -> Option<String> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(answer.header("location")?).ok().map(String::from)
}

fn readable(response: &Response, most: usize) -> Result<Vec<(String, String)>, Fault> {
    let headers: &HeaderMap = response.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > most {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("The headers of the answer are larger than {most} bytes."),
        ));
    }
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
}

/// The client's failure in our words; what it says itself may name addresses, and is for our log.
pub(super) fn told(error: &reqwest::Error, host: &str) -> Fault {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        cause = error.source();
    }
    tracing::debug!(?error, host, "a request outside failed");
    let message = match error {
        error if error.is_timeout() => return Fault::timeout(),
        error if error.is_connect() => format!("{host} can't be connected to."),
        error if error.is_body() || error.is_decode() => "The answer broke off.".to_owned(),
        _ => format!("{host} did not answer in HTTP."),
    };
    Fault::new(FaultKind::Unreachable, message)
}
