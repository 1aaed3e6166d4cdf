//! Where one caller of the client may go: names of hosts, as an app declares them.

use std::fmt;

use reqwest::Url;

/// `*`, `api.example.org` or `*.example.org` (names below it), each with `:PORT` where one port is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Exactly(String),
    /// With the dot before it.
    Below(String),
}

/// What is denied wins over what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    pub allow: Vec<HostPattern>,
    pub deny: Vec<HostPattern>,
    /// Whether the private networks that the deployment allows may be reached.
    pub private: bool,
}

impl Default for Egress {
    /// Every host, and no private network.
    fn default() -> Self {
        Self { allow: vec![HostPattern { host: Host::Any, port: None }], deny: Vec::new(), private: false }
    }
}

impl Egress {
    /// Every host, and the private networks that the deployment allows: for what its operators name themselves.
    pub fn of_operators() -> Self {
        Self { private: true, ..Self::default() }
    }

    pub(super) fn permits(&self, url: &Url) -> bool {
        let fits = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(url));
        fits(&self.allow) && !fits(&self.deny)
    }
}

impl HostPattern {
    /// The message says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is no host: expected \"*\", \"api.example.org\" or \"*.example.org\", maybe with a port.")
        };
        let (host, port) = split_port(text).ok_or_else(wrong)?;
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => Host::Any,
            Some(name) => Host::Below(format!(".{}", canonical(name).ok_or_else(wrong)?)),
            None => Host::Exactly(canonical(host).ok_or_else(wrong)?),
        };
        Ok(Self { host, port })
    }

    fn matches(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        let named = match &self.host {
            Host::Any => true,
            Host::Exactly(name) => host == name,
            Host::Below(name) => host.len() > name.len() && host.ends_with(name.as_str()),
        };
        named && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Exactly(name) => f.write_str(name)?,
            Host::Below(name) => write!(f, "*{name}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port > 0)?;
            Some((host, Some(port)))
        }
        _ => Some((text, None)),
    }
}

/// A host as a URL has it: in lower case, names of other scripts in their form for the wire.
fn canonical(host: &str) -> Option<String> {
    if host.is_empty() || host.contains(['/', '?', '#', '@', '\\', '*', ' ']) {
        return None;
    }
    let url = Url::parse(&format!("http://{host}/")).ok().filter(|url| url.port().is_none())?;
    url.host_str().map(|host| host.strip_suffix('.').unwrap_or(host).to_owned()).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allow: &[&str], deny: &[&str], url: &str) -> bool {
        let patterns = |texts: &[&str]| texts.iter().map(|text| HostPattern::parse(text).unwrap()).collect();
        let egress = Egress { allow: patterns(allow), deny: patterns(deny), private: false };
        egress.permits(&Url::parse(url).unwrap())
    }

    #[test]
    fn hosts_are_named_exactly_below_or_all() {
        assert!(permits(&["*"], &[], "https://anything.example/"));
        assert!(permits(&["api.example.org"], &[], "https://API.example.org:8443/x"));
        assert!(permits(&["api.example.org"], &[], "https://api.example.org./"));
        assert!(!permits(&["api.example.org"], &[], "https://api.example.org.evil.test/"));
        assert!(permits(&["*.example.org"], &[], "https://a.b.example.org/"));
        assert!(!permits(&["*.example.org"], &[], "https://example.org/"));
        assert!(!permits(&["*.example.org"], &[], "https://evilexample.org/"));
        assert!(permits(&["example.org:8080"], &[], "http://example.org:8080/"));
        assert!(!permits(&["example.org:8080"], &[], "http://example.org/"));
        assert!(permits(&["example.org:443"], &[], "https://example.org/"));
        assert!(permits(&["[::1]:80"], &[], "http://[::1]/"));
        assert!(permits(&["127.0.0.1"], &[], "http://0x7f.1/"), "in whatever spelling");
        assert!(!permits(&[], &[], "https://example.org/"), "an empty list allows nothing");
        assert!(!permits(&["*"], &["*.internal"], "https://db.internal/"), "what is denied wins");
    }

    #[test]
    fn patterns_are_checked_and_shown() {
        for bad in ["", "https://x", "a b", "*.*.x", "x*", "a.org:", "a.org:0", "a.org:http", "u@a.org", "*."] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
        for good in ["*", "*.example.org", "api.example.org:8443", "*:443"] {
            assert_eq!(HostPattern::parse(good).unwrap().to_string(), good);
        }
    }
}
