//! An event as it is sent to somebody outside: a webhook's receiver, a function elsewhere.

use basalt_core::{Timestamp, Trace};
use bytes::Bytes;

use crate::cloud_event::CloudEvent;
use crate::guard::{Caps, Egress, Fault, Guarded, Incoming, Outgoing, Redirects};
use crate::signing::{self, SigningSecret};

/// One try to deliver an event: a POST with its attributes as CloudEvents headers, signed as Standard Webhooks has it.
/// `webhook-id` is the event's id.
#[derive(Clone, Debug)]
pub struct Message {
    pub url: String,
    pub event: CloudEvent,
    /// JSON.
    pub body: Bytes,
    /// None: it goes unsigned. Several while one replaces the other.
    pub secrets: Vec<SigningSecret>,
    /// Further ones; those of the event and its signature stand against them.
    pub headers: Vec<(String, String)>,
    pub trace: Option<Trace>,
    /// When this try is made.
    pub at: Timestamp,
}

impl Message {
    /// The request of this try. A redirect is an answer like others: whoever moves says so to his operators.
    pub fn request(self) -> Outgoing {
        let mut own = self.event.headers();
        own.push(("content-type".to_owned(), "application/json".to_owned()));
        if self.secrets.is_empty() {
            own.push(("webhook-id".to_owned(), self.event.id.clone()));
        } else {
            own.extend(signing::headers(&self.secrets, &self.event.id, self.at, &self.body));
        }
        let further = self.headers.into_iter().filter(|(name, _)| !is_own(name));
        let headers = further.chain(own).collect();
        let (body, trace) = (self.body, self.trace);
        Outgoing { headers, body, trace, redirects: Redirects::Manual, ..Outgoing::new("POST", self.url) }
    }
}

impl Guarded {
    /// Sends a [`Message`].
    pub async fn post(&self, message: Message, egress: &Egress, caps: Caps) -> Result<Incoming, Fault> {
        self.send(message.request(), egress, caps).await
    }
}

fn is_own(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("ce-") || name.starts_with("webhook-") || name == "content-type" || name == "traceparent"
}
