use basalt_outbound::{FaultKind, Outgoing, Redirects};

use crate::peer::{Peer, caps, guarded, inside, ok};

fn to(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

fn following(method: &str, url: String) -> Outgoing {
    Outgoing { redirects: Redirects::Follow, ..Outgoing::new(method, url) }
}

#[tokio::test]
async fn each_hop_is_checked_anew() {
    let peer = Peer::start(|request| match path(request) {
        "/metadata" => to(302, "http://169.254.169.254/latest/meta-data/"),
        "/file" => to(302, "file:///etc/passwd"),
        "/port" => to(302, "http://127.0.0.1:22/"),
        "/round" => to(302, "/round"),
        _ => ok("end"),
    })
    .await;
    for (start, kind) in [
        ("/metadata", FaultKind::AddressRefused),
        ("/file", FaultKind::BadUrl),
        ("/port", FaultKind::AddressRefused),
        ("/round", FaultKind::Unreachable),
    ] {
        let answer = guarded().send(following("GET", peer.url(start)), &inside(), caps()).await;
        assert_eq!(answer.err().unwrap().kind, kind, "{start}");
    }
    let round = peer.heard().iter().filter(|request| path(request) == "/round").count();
    assert_eq!(round, 11);
    let manual = guarded().send(Outgoing::get(peer.url("/round")), &inside(), caps()).await.unwrap();
    assert_eq!((manual.status, manual.header("location")), (302, Some("/round")));
    let request = Outgoing { redirects: Redirects::Error, ..Outgoing::get(peer.url("/round")) };
    assert_eq!(guarded().send(request, &inside(), caps()).await.err().unwrap().kind, FaultKind::Unreachable);
}

#[tokio::test]
async fn secrets_stay_with_the_origin_and_bodies_with_the_method() {
    let target = Peer::start(|_| ok("end")).await;
    let elsewhere = target.url("/end");
    let peer = Peer::start(move |request| match path(request) {
        "/308" => to(308, &elsewhere),
        "/303" => to(303, "/near"),
        _ => ok("near"),
    })
    .await;
    let sent = |url: String| Outgoing {
        headers: [("Authorization", "Bearer x"), ("Cookie", "a=1"), ("X-Own", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: "body".into(),
        ..following("POST", url)
    };
    let mut answer = guarded().send(sent(peer.url("/308")), &inside(), caps()).await.unwrap();
    assert_eq!((answer.redirects, answer.url.as_str()), (1, target.url("/end").as_str()));
    assert_eq!(answer.bytes().await.unwrap(), "end");
    let there = target.heard().remove(0);
    assert!(there.starts_with("POST ") && there.ends_with("body") && there.contains("x-own: 1"), "{there}");
    assert!(!there.contains("authorization") && !there.contains("cookie"), "{there}");
    guarded().send(sent(peer.url("/303")), &inside(), caps()).await.unwrap();
    let near = peer.heard().pop().unwrap();
    assert!(
        near.starts_with("GET /near") && near.contains("authorization: Bearer x") && !near.contains("body"),
        "{near}"
    );
}
