//! CloudEvents 1.0 in binary mode: attributes are headers, the body is the data
//! (github.com/cloudevents/spec, "HTTP Protocol Binding").

use std::fmt::Write as _;

use basalt_core::Timestamp;

/// The attributes of one event; an `id` is unique for its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    pub id: String,
    pub r#type: String,
    pub source: String,
    pub subject: Option<String>,
    pub time: Timestamp,
}

impl CloudEvent {
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let time = self.time.to_string();
        let attributes = [
            ("specversion", Some("1.0")),
            ("id", Some(self.id.as_str())),
            ("type", Some(self.r#type.as_str())),
            ("source", Some(self.source.as_str())),
            ("subject", self.subject.as_deref()),
            ("time", Some(time.as_str())),
        ];
        let header = |(name, value): (&str, Option<&str>)| Some((format!("ce-{name}"), encoded(value?)));
        attributes.into_iter().filter_map(header).collect()
    }
}

/// Space, `"`, `%` and what isn't printable ASCII, as the bytes of UTF-8 in percent.
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_headers_with_what_a_header_cannot_carry_in_percent() {
        let event = CloudEvent {
            id: "triggers.0000000000000007".into(),
            r#type: "basalt.file.created".into(),
            source: "/v1/buckets/images".into(),
            subject: Some("Euro € 😀 100%\".png".into()),
            time: Timestamp::from_millis(0),
        };
        let headers = event.headers();
        let subject = headers.iter().find(|(name, _)| name == "ce-subject").unwrap();
        assert_eq!(subject.1, "Euro%20%E2%82%AC%20%F0%9F%98%80%20100%25%22.png");
        assert_eq!(headers.len(), 6);
        assert!(headers.contains(&("ce-specversion".into(), "1.0".into())));
        assert!(headers.contains(&("ce-time".into(), "1970-01-01T00:00:00.000Z".into())));
    }
}
