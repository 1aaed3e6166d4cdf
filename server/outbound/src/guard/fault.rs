//! What a request outside may come to.

use std::fmt;

use basalt_core::{Code, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The address is inside somebody's walls, or the port is another protocol's.
    AddressRefused,
    /// The caller's list of hosts doesn't have this one.
    EgressDenied,
    Timeout,
    TooLarge,
    /// No such name, no connection, a bad certificate, an answer that is no HTTP.
    Unreachable,
    BadUrl,
    /// A method or a header that HTTP doesn't know.
    BadRequest,
    /// Too many requests are under way to this host, or at all.
    Busy,
}

/// The message is for whoever named the URL: it tells nothing of our own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
}

impl FaultKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressRefused => "address_refused",
            Self::EgressDenied => "egress_denied",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unreachable => "unreachable",
            Self::BadUrl => "bad_url",
            Self::BadRequest => "bad_request",
            Self::Busy => "busy",
        }
    }

    /// Whether another try may go better.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable | Self::Busy)
    }
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn address_refused(host: &str) -> Self {
        let message = format!("The address of {host} is not public; this server's operators may allow its network.");
        Self::new(FaultKind::AddressRefused, message)
    }

    pub(crate) fn timeout() -> Self {
        Self::new(FaultKind::Timeout, "The server did not answer in time.")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Fault {}

/// For an answer of ours whose URL the caller named.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let code = match fault.kind {
            FaultKind::AddressRefused => Code::AddressRefused,
            FaultKind::EgressDenied => Code::Forbidden,
            FaultKind::Timeout => Code::Timeout,
            FaultKind::TooLarge => Code::TooLarge,
            FaultKind::Unreachable => Code::Unavailable,
            FaultKind::BadUrl | FaultKind::BadRequest => Code::BadRequest,
            FaultKind::Busy => Code::Overloaded,
        };
        Self::new(code, fault.message)
    }
}
