//! What is known of a request before anybody looks at it: its id, its trace, where it comes from.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use basalt_core::random::{self, Random};
use basalt_core::{Principal, Spans, Trace};

use crate::metrics::DoorMetrics;

// Looked up by a text, each would be made anew.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Put into each request's extensions by the boundary.
#[derive(Clone)]
pub(crate) struct RequestInfo(Rc<Inner>);

struct Inner {
    id: String,
    trace: Option<Joined>,
    ip: Option<IpAddr>,
    /// For the log: who it turned out to be.
    principal: OnceCell<Principal>,
    /// For the metrics: the path that it was for, where its handler came to be asked.
    door: OnceCell<Rc<DoorMetrics>>,
}

/// The trace that a request is part of, and the span that it follows from.
#[derive(Clone, Copy)]
pub(super) struct Joined {
    pub(super) trace: Trace,
    pub(super) parent: Option<[u8; 8]>,
}

impl Joined {
    /// The trace that the caller takes part in; else, where somebody collects, one that begins here, for a share of the
    /// requests. Where nobody does, what the caller said is passed on as it came.
    fn new(sent: Option<Trace>, tracing: &Tracing, random: &dyn Random) -> Option<Self> {
        if !tracing.spans.collects() {
            return sent.map(|trace| Self { trace, parent: None });
        }
        match sent {
            Some(trace) => Some(Self { trace: trace.child(random), parent: Some(trace.span) }),
            None if tracing.takes(random) => Some(Self { trace: Trace::begin(random), parent: None }),
            None => None,
        }
    }
}

/// Where spans of requests go, and of which requests.
pub(crate) struct Tracing {
    pub(crate) spans: Arc<dyn Spans>,
    /// Of the traces that begin here: 0 to 1.
    pub(crate) ratio: f64,
}

impl Tracing {
    fn takes(&self, random: &dyn Random) -> bool {
        let drawn = u32::from_be_bytes(random::bytes(random));
        f64::from(drawn) < self.ratio * 4_294_967_296.0
    }
}

impl RequestInfo {
    pub(crate) fn new(
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        trusted: &[Network],
        tracing: &Tracing,
        random: &dyn Random,
    ) -> Self {
        let sent = headers.get(TRACEPARENT).and_then(|value| Trace::parse(value.to_str().ok()?));
        Self(Rc::new(Inner {
            id: sent_id(headers).unwrap_or_else(|| random::base32hex(&random::bytes::<15>(random))),
            trace: Joined::new(sent, tracing, random),
            ip: peer.map(|peer| client_ip(headers, peer, trusted)),
            principal: OnceCell::new(),
            door: OnceCell::new(),
        }))
    }

    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| {
            let (principal, door) = (OnceCell::new(), OnceCell::new());
            Self(Rc::new(Inner { id: String::new(), trace: None, ip: None, principal, door }))
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }
    /// The request's own span in the trace that it is part of.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.0.trace.as_ref().map(|joined| &joined.trace)
    }
    pub(super) fn joined(&self) -> Option<Joined> {
        self.0.trace
    }
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.0.ip
    }
    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.0.principal.get()
    }
    pub(super) fn door(&self) -> Option<&DoorMetrics> {
        self.0.door.get().map(Rc::as_ref)
    }
    /// Notes the path that a request is for.
    pub(crate) fn at_door(request: &HttpRequest) {
        if let (Some(info), Some(door)) = (request.extensions().get::<Self>(), request.app_data::<Rc<DoorMetrics>>()) {
            info.0.door.get_or_init(|| Rc::clone(door));
        }
    }
    pub(crate) fn remember(&self, principal: &Principal) {
        self.0.principal.get_or_init(|| principal.clone());
    }
}

/// An id that the caller sent: 1 to 128 visible characters that are safe in logs and headers.
fn sent_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'=' | b'+' | b'@');
    ((1..=128).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
}

/// The client behind the proxies that we trust: the rightmost address of `X-Forwarded-For` that isn't one of them.
fn client_ip(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> IpAddr {
    let is_proxy = |ip: &IpAddr| trusted.iter().any(|network| network.contains(*ip));
    if trusted.is_empty() || !is_proxy(&peer) {
        return peer;
    }
    let mut last = peer;
    let hops = headers.get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    for text in addresses.iter().rev() {
        let Ok(ip) = text.trim().parse::<IpAddr>() else { return last };
        last = ip;
        if !is_proxy(&ip) {
            break;
        }
    }
    last
}

/// An address block such as `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: u128,
    bits: u8,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let (widest, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = prefix.map_or(Some(widest), |bits| bits.parse::<u8>().ok()).filter(|bits| *bits <= widest)?;
        let bits = bits + offset;
        Some(Self { base: mapped(address) & mask(bits), bits })
    }

    fn contains(self, ip: IpAddr) -> bool {
        mapped(ip) & mask(self.bits) == self.base
    }
}

fn mapped(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn mask(bits: u8) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn sent_request_ids_are_taken_over_when_they_are_harmless() {
        assert_eq!(sent_id(&headers(&[("x-request-id", "a-1")])).as_deref(), Some("a-1"));
        for bad in ["", "a b", "a\"b", "{}", &"x".repeat(129)] {
            assert_eq!(sent_id(&headers(&[("x-request-id", bad)])), None, "{bad:?}");
        }
    }

    #[test]
    fn forwarded_addresses_count_only_behind_trusted_proxies() {
        let trusted = [Network::parse("10.0.0.0/8").unwrap(), Network::parse("::1").unwrap()];
        let peer: IpAddr = "10.1.2.3".parse().unwrap();
        let stranger: IpAddr = "203.0.113.9".parse().unwrap();
        let sent = headers(&[("x-forwarded-for", "1.1.1.1, 198.51.100.7, 10.0.0.2")]);
        assert_eq!(client_ip(&sent, peer, &trusted).to_string(), "198.51.100.7");
        assert_eq!(client_ip(&sent, stranger, &trusted), stranger);
        assert_eq!(client_ip(&sent, peer, &[]), peer);
        assert_eq!(client_ip(&headers(&[("x-forwarded-for", "junk")]), peer, &trusted), peer);
        assert!(Network::parse("10.0.0.0/33").is_none() && Network::parse("x").is_none());
    }
}
