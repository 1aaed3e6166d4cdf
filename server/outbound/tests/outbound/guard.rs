use std::time::Duration;

use basalt_outbound::{Caps, Egress, FaultKind, Guarded, HostPattern, Options, Outgoing};

use crate::peer::{Peer, caps, guarded, inside, ok};

async fn fault(client: &Guarded, url: &str, egress: &Egress, caps: Caps) -> FaultKind {
    match client.send(Outgoing::get(url), egress, caps).await {
        Ok(mut answer) => answer.bytes().await.unwrap_err().kind,
        Err(fault) => fault.kind,
    }
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_spelling_and_nothing_is_sent_there() {
    let peer = Peer::start(|_| ok("secret")).await;
    let port = peer.address.port();
    let closed = Guarded::new(&Options::default()).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "①②⑦.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "[fe80::1]",
    ] {
        let url = format!("http://{host}:{port}/");
        for egress in [Egress::default(), inside()] {
            assert_eq!(fault(&closed, &url, &egress, caps()).await, FaultKind::AddressRefused, "{url}");
        }
    }
    // What the deployment lets in is still no one's who didn't ask for it.
    let url = peer.url("/");
    assert_eq!(fault(&guarded(), &url, &Egress::default(), caps()).await, FaultKind::AddressRefused);
    assert!(peer.heard().is_empty());
    let mut answer = guarded().send(Outgoing::get(&url), &inside(), caps()).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), "secret");
    // A connection that is open by now isn't used for the other one.
    let shared = guarded();
    shared.send(Outgoing::get(&url), &inside(), caps()).await.unwrap().bytes().await.unwrap();
    assert_eq!(fault(&shared, &url, &Egress::default(), caps()).await, FaultKind::AddressRefused);
}

#[tokio::test]
async fn only_hosts_of_the_list_are_asked() {
    let peer = Peer::start(|_| ok("")).await;
    let only = |host: &str| Egress { allow: vec![HostPattern::parse(host).unwrap()], deny: Vec::new(), private: true };
    let url = peer.url("/");
    assert_eq!(fault(&guarded(), &url, &only("api.example.org"), caps()).await, FaultKind::EgressDenied);
    assert!(guarded().send(Outgoing::get(&url), &only("127.0.0.1"), caps()).await.is_ok());
    let denied = Egress { deny: vec![HostPattern::parse("127.0.0.1").unwrap()], ..inside() };
    assert_eq!(fault(&guarded(), &url, &denied, caps()).await, FaultKind::EgressDenied);
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_in_time() {
    let large = "x".repeat(2_000);
    let peer = Peer::start(move |request| match request.split(' ').nth(1) {
        Some("/large") => ok(&large),
        Some("/head") => format!("HTTP/1.1 200 OK\r\nx-a: {large}\r\ncontent-length: 0\r\n\r\n").into_bytes(),
        Some("/endless") => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_vec(),
        Some("/noise") => b"SSH-2.0-OpenSSH_9\r\n".to_vec(),
        _ => Vec::new(),
    })
    .await;
    let client = guarded();
    let small = Caps { time: Duration::from_millis(300), header_bytes: 1_000, body_bytes: 1_000 };
    for (path, kind) in [
        ("/large", FaultKind::TooLarge),
        ("/head", FaultKind::TooLarge),
        ("/endless", FaultKind::Timeout),
        ("/silence", FaultKind::Timeout),
        ("/noise", FaultKind::Unreachable),
    ] {
        assert_eq!(fault(&client, &peer.url(path), &inside(), small).await, kind, "{path}");
    }
    let mut answer = client.send(Outgoing::get(peer.url("/large")), &inside(), small).await.unwrap();
    assert_eq!(answer.beginning(10).await.len(), 10, "a log has its beginning");
}

#[tokio::test]
async fn nobody_there_is_told_without_our_addresses() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = guarded().send(Outgoing::get(format!("http://{gone}/")), &inside(), caps()).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::Unreachable);
    let nowhere = Outgoing::get("http://nowhere.invalid/");
    let fault = guarded().send(nowhere, &inside(), caps()).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::Unreachable);
}

#[tokio::test]
async fn requests_to_one_host_wait_for_each_other_and_no_longer_than_they_may() {
    let peer = Peer::start(|_| Vec::new()).await;
    let private = vec![basalt_outbound::Network::parse("127.0.0.1").unwrap()];
    let client = Guarded::new(&Options { private, per_host: 1, ..Options::default() }).unwrap();
    let soon = Caps { time: Duration::from_millis(100), ..caps() };
    let (url, egress) = (peer.url("/"), inside());
    let first = client.send(Outgoing::get(&url), &egress, caps());
    let second = client.send(Outgoing::get(&url), &egress, soon);
    tokio::select! {
        biased;
        _ = first => panic!("nothing is answered"),
        second = second => assert_eq!(second.err().unwrap().kind, FaultKind::Busy),
    }
    // Whoever goes leaves his place.
    let third = client.send(Outgoing::get(&url), &egress, soon).await;
    assert_eq!(third.err().unwrap().kind, FaultKind::Timeout);
}
