//! The receiver's side is somebody else's code.

use basalt_core::{Timestamp, Trace};
use basalt_outbound::{CloudEvent, Message, SigningSecret};
use standardwebhooks::Webhook;

use crate::peer::{Peer, caps, guarded, inside, ok};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap();
    line.split_once(": ").unwrap().1
}

#[tokio::test]
async fn a_message_is_a_cloud_event_that_both_secrets_verify() {
    let peer = Peer::start(|_| ok("")).await;
    #[expect(clippy::disallowed_methods, reason = "the receiver compares with its own clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let message = Message {
        url: peer.url("/hook"),
        event: CloudEvent {
            id: "triggers.0000000000000007".into(),
            r#type: "basalt.document.created".into(),
            source: "/v1/collections/notes".into(),
            subject: Some("n 1".into()),
            time: Timestamp::from_millis(0),
        },
        body: r#"{"a":1}"#.into(),
        secrets: [NEW, OLD].map(|text| SigningSecret::parse(text).unwrap()).to_vec(),
        headers: vec![("X-Own".into(), "1".into()), ("Webhook-Id".into(), "forged".into())],
        trace: Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        at: Timestamp::from_millis(i64::try_from(now).unwrap()),
    };
    guarded().post(message, &inside(), caps()).await.unwrap();
    let request = peer.heard().remove(0);
    let body = request.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(header(&request, "ce-subject"), "n%201");
    assert_eq!(header(&request, "ce-id"), header(&request, "webhook-id"));
    assert_eq!(header(&request, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!((header(&request, "content-type"), header(&request, "x-own")), ("application/json", "1"));
    assert!(!request.contains("forged"));
    let mut headers = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, header(&request, name).parse().unwrap());
    }
    for secret in [OLD, NEW] {
        let receiver = Webhook::new(secret).unwrap();
        receiver.verify(body.as_bytes(), &headers).unwrap();
        assert!(receiver.verify(b"{\"a\":2}", &headers).is_err());
    }
}
