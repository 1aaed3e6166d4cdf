//! What is said of a webhook, and whether that is good.

use std::collections::BTreeMap;
use std::time::Duration;

use basalt_core::{Code, Error, FieldError, Result};
use basalt_data::changes::EventFilter;
use basalt_outbound::{Outgoing, SigningSecret};

use crate::common::Secret;

const DESCRIPTION_CHARACTERS: usize = 1_024;
const HEADERS_MOST: usize = 20;
const HEADER_BYTES: usize = 4 << 10;
/// A request may wait for a try by hand, and has no more time than this itself.
const TIMEOUT_MOST: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(15);
const RETRIES: u32 = 7;
const RETRIES_MOST: u32 = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub url: String,
    /// CEL over the event; without it all events are meant.
    pub events: Option<String>,
    pub description: Option<String>,
    pub enabled: bool,
    /// For one try.
    pub timeout: Duration,
    /// Further tries before an event is a dead letter.
    pub retries: u32,
}

/// A definition, with what is written only.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub definition: Definition,
    /// Sent with every delivery; `None` leaves them as they are.
    pub headers: Option<BTreeMap<String, String>>,
    /// `whsec_…`; `None` leaves it as it is, and has one made for a new webhook.
    pub secret: Option<Secret>,
}

impl Default for Definition {
    fn default() -> Self {
        Self { url: String::new(), events: None, description: None, enabled: true, timeout: TIMEOUT, retries: RETRIES }
    }
}

impl Wanted {
    pub fn new(definition: Definition) -> Self {
        Self { definition, headers: None, secret: None }
    }

    pub(super) fn check(&self) -> Result<()> {
        let faults = self.faults("");
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::InvalidDefinition, "The webhook is not valid.").with_errors(faults))
    }

    /// Everything that is wrong with it, each with its place below `path`.
    pub(super) fn faults(&self, path: &str) -> Vec<FieldError> {
        let mut faults = self.definition.faults(path);
        if self.secret.as_ref().is_some_and(|secret| SigningSecret::parse(secret.expose()).is_none()) {
            let message = "A secret is \"whsec_\" and 24 to 64 bytes in base 64.";
            faults.push(FieldError::new(format!("{path}/secret"), "invalid", message));
        }
        faults.extend(self.headers.iter().flat_map(|headers| header_faults(headers, path)));
        faults
    }
}

impl Definition {
    fn faults(&self, path: &str) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut add = |key: &str, code: &str, message: String| {
            faults.push(FieldError::new(format!("{path}/{key}"), code, message));
        };
        if let Err(fault) = Outgoing::new("POST", &self.url).validate() {
            add("url", fault.kind.as_str(), fault.message);
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS) {
            let message = format!("A description has at most {DESCRIPTION_CHARACTERS} characters.");
            add("description", "too_long", message);
        }
        if self.timeout < Duration::from_millis(100) || self.timeout > TIMEOUT_MOST {
            add("timeout", "invalid", format!("A try takes 100ms to {}s.", TIMEOUT_MOST.as_secs()));
        }
        if self.retries > RETRIES_MOST {
            add("retries", "invalid", format!("There are at most {RETRIES_MOST} retries."));
        }
        if let Some(Err(error)) = self.events.as_ref().map(|text| EventFilter::compile(text, &format!("{path}/events")))
        {
            faults.extend(error.errors().iter().cloned());
        }
        faults
    }
}

fn header_faults(headers: &BTreeMap<String, String>, path: &str) -> Vec<FieldError> {
    let path = format!("{path}/headers");
    let mut faults = Vec::new();
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MOST || bytes > HEADER_BYTES {
        let message = format!("There are at most {HEADERS_MOST} headers of {HEADER_BYTES} bytes together.");
        faults.push(FieldError::new(&path, "too_many", message));
    }
    for (name, value) in headers {
        let one = Outgoing { headers: vec![(name.clone(), value.clone())], ..Outgoing::new("POST", "http://x.test/") };
        if one.validate().is_err() {
            let message = "A header is a name of A-Z, 0-9 and -, and a line of text.";
            faults.push(FieldError::new(format!("{path}/{name}"), "bad_header", message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(wanted: &Wanted) -> Vec<String> {
        let mut places: Vec<String> = wanted.faults("").into_iter().map(|fault| fault.path).collect();
        places.sort();
        places
    }

    #[test]
    fn a_definition_is_refused_with_everything_that_is_wrong() {
        let good = Definition { url: "https://example.org/hook".into(), ..Definition::default() };
        let secret = Some(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let headers = Some(BTreeMap::from([("x-key".to_owned(), "1".to_owned())]));
        assert!(places(&Wanted { definition: good, headers, secret }).is_empty());
        let bad = Definition {
            url: "ftp://example.org".into(),
            events: Some("nope ==".into()),
            description: Some("x".repeat(2_000)),
            enabled: true,
            timeout: Duration::from_mins(1),
            retries: 100,
        };
        let headers = Some(BTreeMap::from([("a b".to_owned(), "1".to_owned())]));
        let bad = Wanted { definition: bad, headers, secret: Some(Secret::new("x")) };
        let all = ["/description", "/events", "/headers/a b", "/retries", "/secret", "/timeout", "/url"];
        assert_eq!(places(&bad), all);
        assert_eq!(bad.check().unwrap_err().code(), Code::InvalidDefinition);
    }
}
