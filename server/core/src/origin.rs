//! Web origins that may read answers in a browser: exact ones, and those of any port.

/// `https://app.example.org`, or `http://localhost:*` for every port of a host. A lone `*` would make every site one's
/// own, so it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `scheme://host`, and the port where one port is meant.
    base: String,
    any_port: bool,
}

impl Origin {
    /// `scheme://host`, with a port or `:*`, in lower case as browsers send it. The scheme may be one of an app's shell
    /// (`capacitor`, `tauri`).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let plain = is_scheme(scheme) && is_host(host);
        match port {
            _ if !plain => None,
            Some("*") => Some(Self { base: format!("{scheme}://{host}"), any_port: true }),
            Some(port) if !is_port(port) => None,
            _ => Some(Self { base: text.to_owned(), any_port: false }),
        }
    }

    /// Whether this is the origin that a browser names.
    pub fn matches(&self, sent: &str) -> bool {
        match sent.strip_prefix(self.base.as_str()) {
            Some("") => true,
            Some(rest) => self.any_port && rest.strip_prefix(':').is_some_and(is_port),
            None => false,
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'))
}

/// A name or an address; one of IPv6 in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !text.is_empty() && text.bytes().all(plain)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, sent: &str) -> bool {
        Origin::parse(pattern).unwrap().matches(sent)
    }

    #[test]
    fn origins_match_exactly_or_but_for_the_port() {
        assert!(allows("https://app.example.org", "https://app.example.org"));
        assert!(allows("https://app.example.org:8443", "https://app.example.org:8443"));
        assert!(allows("http://localhost:*", "http://localhost:5173"));
        assert!(allows("http://localhost:*", "http://localhost"));
        assert!(allows("http://[::1]:*", "http://[::1]:3000"));
        assert!(allows("capacitor://localhost", "capacitor://localhost"));
        for bad in [
            "https://app.example.org.evil.test",
            "http://app.example.org",
            "http://localhost.evil.test",
            "http://localhost:80@evil.test",
            "https://localhost:1",
            "http://localhost:+80",
            "null",
            "",
        ] {
            assert!(!allows("https://app.example.org", bad) && !allows("http://localhost:*", bad), "{bad}");
        }
    }

    #[test]
    fn patterns_that_open_too_much_are_none() {
        for bad in [
            "*",
            "https://*",
            "https://*.example.org",
            "example.org",
            "https://a.org/",
            "HTTPS://A.org",
            "https://A.org",
            "https://",
            "https://a.org:",
            "https://a.org:http",
            "https://user@a.org",
            "https://[::1",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }
}
