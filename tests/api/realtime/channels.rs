//! Channels: who may be in one, what is said in it, who is there.

use std::time::Duration;

use basalt_testing::{Client, Socket, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document};

on_both_engines!(
    members_of_a_room_talk_and_see_each_other,
    who_may_not_is_told_so,
    presence_is_changed_and_taken_back,
    who_breaks_off_is_waited_for_and_who_leaves_is_gone,
    who_comes_back_keeps_his_place,
    a_member_who_is_taken_out_hears_no_more,
    rules_that_change_act_on_who_is_in,
    who_signs_out_is_a_visitor_at_once,
    messages_come_in_the_order_of_their_sender,
    messages_over_http_are_for_who_may_publish,
    services_need_a_scope,
    an_event_stream_is_in_channels_too,
    limits_hold,
);

/// Members of a room may talk in its channel, and everybody hears the news.
async fn define(server: &TestServer, members: Value) {
    server.define("rooms", &json!({})).await;
    create(server.service(), "rooms", json!({"id": "r", "members": members})).await;
    let member = "auth.id in get('rooms', params.room).members";
    declare(server, "room:%7Broom%7D", json!({"join": member, "publish": format!("{member} && event != 'secret'")}))
        .await;
    declare(server, "news", json!({"join": "true", "publish": "data.n > 0 && auth != null"})).await;
}

async fn declare(server: &TestServer, pattern: &str, rules: Value) {
    let body = json!({ "rules": rules });
    server.owner().put(&format!("/v1/admin/channels/{pattern}")).json(&body).expect(200).await;
}

/// Joins, and hands back his key and who is there.
async fn join(socket: &mut Socket, channel: &str, presence: Value) -> (Value, Value) {
    socket.send(&json!({"type": "join", "id": "j", "channel": channel, "presence": presence})).await;
    let ok = socket.next_of("ok").await;
    assert_eq!(ok["id"], "j", "{ok}");
    let state = socket.next().await;
    assert_eq!((&state["type"], &state["channel"]), (&json!("presence"), &json!(channel)));
    (ok["key"].clone(), state["state"].clone())
}

/// What is told of one who came, went or changed; others are passed over.
async fn told(socket: &mut Socket, kind: &str, key: &Value) -> Value {
    loop {
        let frame = socket.next_of("presence").await;
        let found = frame[kind].as_array().into_iter().flatten().find(|member| member["key"] == *key);
        if let Some(member) = found {
            return member.clone();
        }
    }
}

/// Asks a door until the channel is as wanted.
async fn until_there(client: &Client, channel: &str, wanted: usize) {
    let look = async {
        while client.get(&format!("/v1/channels/{channel}/presence")).expect(200).await.at("/count") != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("in time");
}

async fn members_of_a_room_talk_and_see_each_other(server: TestServer) {
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    define(&server, json!([ann.id, ben.id])).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    let (anns_key, there) = join(&mut anns, "room:r", json!({"typing": false})).await;
    assert_eq!((&there[0]["key"], &there[0]["userId"]), (&anns_key, &json!(ann.id)));
    assert_eq!(there[0]["data"], json!({"typing": false}));
    let (bens_key, there) = join(&mut bens, "room:r", json!({})).await;
    assert_eq!((there.as_array().unwrap().len(), &there[0]["key"]), (2, &anns_key));
    assert_eq!(told(&mut anns, "joined", &bens_key).await["userId"], json!(ben.id));
    let frame = json!({"type": "publish", "id": "p", "channel": "room:r", "event": "chat", "data": {"text": "hi"}});
    bens.send(&frame).await;
    assert_eq!(bens.next_of("ok").await, json!({"type": "ok", "id": "p"}));
    let message = anns.next_of("message").await;
    let expected = json!({
        "type": "message", "channel": "room:r", "event": "chat", "data": {"text": "hi"}, "userId": ben.id,
        "id": message["id"], "at": message["at"],
    });
    assert_eq!(message, expected);
    assert!(message["id"].is_string() && message["at"].as_str().unwrap().ends_with('Z'));
    bens.expect_no_message().await;
}

async fn who_may_not_is_told_so(server: TestServer) {
    let (ann, cat) = (server.user("ann").await, server.user("cat").await);
    define(&server, json!([ann.id])).await;
    let mut stranger = cat.socket().await;
    let mut visitor = server.visitor().socket().await;
    for (is_visitor, channel, code) in [
        (false, "room:r", "rule_denied"),
        (true, "room:r", "unauthenticated"),
        (false, "room:none", "rule_denied"),
        (false, "other", "rule_missing"),
    ] {
        let socket = if is_visitor { &mut visitor } else { &mut stranger };
        socket.send(&json!({"type": "join", "id": "j", "channel": channel})).await;
        let frame = socket.next().await;
        assert_eq!((&frame["type"], &frame["id"], &frame["code"]), (&json!("error"), &json!("j"), &json!(code)));
        socket.send(&json!({"type": "publish", "id": "p", "channel": channel, "event": "e"})).await;
        let frame = socket.next().await;
        assert_eq!((&frame["id"], &frame["code"]), (&json!("p"), &json!(code)), "{frame}");
    }
    // What is said is looked at, too.
    let mut anns = ann.socket().await;
    join(&mut anns, "room:r", Value::Null).await;
    anns.send(&json!({"type": "publish", "id": "p", "channel": "room:r", "event": "secret"})).await;
    assert_eq!(anns.next_of("error").await["code"], "rule_denied");
    anns.send(&json!({"type": "publish", "id": "p", "channel": "news", "event": "e", "data": {"n": 0}})).await;
    assert_eq!(anns.next_of("error").await["code"], "rule_denied");
    anns.send(&json!({"type": "publish", "id": "p", "channel": "news", "event": "e", "data": {"n": 1}})).await;
    anns.next_of("ok").await;
}

async fn presence_is_changed_and_taken_back(server: TestServer) {
    let ann = server.user("ann").await;
    define(&server, json!([])).await;
    let mut anns = ann.socket().await;
    let mut visitor = server.visitor().socket().await;
    let (key, there) = join(&mut visitor, "news", Value::Null).await;
    assert_eq!((key, there), (Value::Null, json!([])), "a listener isn't shown");
    let (key, _) = join(&mut anns, "news", json!({"n": 1})).await;
    told(&mut visitor, "joined", &key).await;
    anns.send(&json!({"type": "track", "channel": "news", "presence": {"n": 2}})).await;
    assert_eq!(told(&mut visitor, "updated", &key).await["data"], json!({"n": 2}));
    anns.send(&json!({"type": "track", "id": "t", "channel": "news", "presence": null})).await;
    assert_eq!(told(&mut visitor, "left", &key).await, json!({"key": key, "userId": ann.id}));
    anns.send(&json!({"type": "track", "id": "t", "channel": "room:r", "presence": {}})).await;
    assert_eq!(anns.next_of("error").await["code"], "channel_not_found");
}

async fn who_breaks_off_is_waited_for_and_who_leaves_is_gone(server: TestServer) {
    define(&server, json!([])).await;
    let mut watcher = server.visitor().socket().await;
    join(&mut watcher, "news", Value::Null).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = server.visitor().socket().await;
        let (key, _) = join(&mut socket, "news", json!({})).await;
        told(&mut watcher, "joined", &key).await;
        sockets.push((socket, key));
    }
    let [(breaking, first), (mut leaving, second), (mut closing, third)] = <[_; 3]>::try_from(sockets).ok().unwrap();
    leaving.send(&json!({"type": "leave", "id": "l", "channel": "news"})).await;
    assert_eq!(leaving.next_of("ok").await["id"], "l");
    told(&mut watcher, "left", &second).await;
    closing.stream().close(None).await.unwrap();
    told(&mut watcher, "left", &third).await;
    drop(breaking);
    watcher.expect_no_message().await;
    until_there(&server.visitor(), "news", 1).await;
    // That the connection broke is noticed at some time; he is given up ten seconds after.
    let visitor = server.visitor();
    let left = async {
        while visitor.get("/v1/channels/news/presence").expect(200).await.at("/count") != 0 {
            server.clock().advance(Duration::from_secs(2));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), left).await.expect("he is given up");
    told(&mut watcher, "left", &first).await;
}

async fn who_comes_back_keeps_his_place(server: TestServer) {
    let ann = server.user("ann").await;
    define(&server, json!([])).await;
    let mut watcher = server.visitor().socket().await;
    join(&mut watcher, "news", Value::Null).await;
    let mut first = ann.socket().await;
    let (key, there) = join(&mut first, "news", json!({"n": 1})).await;
    told(&mut watcher, "joined", &key).await;
    drop(first);
    // It takes a moment until the server notices; before that he is somebody else there.
    let back = async {
        loop {
            let mut socket = ann.socket().await;
            let (again, state) = join(&mut socket, "news", json!({"n": 1})).await;
            if again == key {
                return (socket, state);
            }
            socket.send(&json!({"type": "leave", "id": "l", "channel": "news"})).await;
            socket.next_of("ok").await;
        }
    };
    let (_socket, state) = tokio::time::timeout(Duration::from_secs(20), back).await.expect("noticed");
    assert_eq!(state[0]["since"], there[0]["since"]);
    server.clock().advance(Duration::from_secs(11));
    until_there(&server.visitor(), "news", 1).await;
}

async fn a_member_who_is_taken_out_hears_no_more(server: TestServer) {
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    define(&server, json!([ann.id, ben.id])).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    join(&mut anns, "room:r", json!({})).await;
    let (key, _) = join(&mut bens, "room:r", json!({})).await;
    // Who comes and goes before that is told is told of not at all.
    told(&mut anns, "joined", &key).await;
    let patch = json!({"members": {"$remove": [ben.id]}});
    server.service().patch(&document("rooms", "r")).json(&patch).expect(200).await;
    let error = bens.next_of("error").await;
    assert_eq!(
        (&error["id"], &error["channel"], &error["code"]),
        (&json!("j"), &json!("room:r"), &json!("rule_denied"))
    );
    told(&mut anns, "left", &key).await;
    anns.send(&json!({"type": "publish", "id": "p", "channel": "room:r", "event": "e"})).await;
    anns.next_of("ok").await;
    bens.expect_no_message().await;
    bens.send(&json!({"type": "publish", "id": "p", "channel": "room:r", "event": "e"})).await;
    assert_eq!(bens.next_of("error").await["code"], "rule_denied");
}

async fn rules_that_change_act_on_who_is_in(server: TestServer) {
    define(&server, json!([])).await;
    let mut socket = server.visitor().socket().await;
    join(&mut socket, "news", Value::Null).await;
    declare(&server, "news", json!({"join": "auth != null"})).await;
    assert_eq!(socket.next_of("error").await["code"], "unauthenticated");
    let ann = server.user("ann").await;
    let mut anns = ann.socket().await;
    join(&mut anns, "news", Value::Null).await;
    server.owner().delete("/v1/admin/channels/news").expect(204).await;
    assert_eq!(anns.next_of("error").await["code"], "rule_missing");
}

async fn who_signs_out_is_a_visitor_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    define(&server, json!([ann.id])).await;
    let mut socket = ann.socket().await;
    join(&mut socket, "room:r", json!({})).await;
    let (key, _) = join(&mut socket, "news", json!({})).await;
    // Who comes before that is told is told of as he is then.
    told(&mut socket, "joined", &key).await;
    ann.post("/v1/auth/logout").json(&json!({})).expect(204).await;
    socket.next_of("auth_expired").await;
    let error = socket.next_of("error").await;
    assert_eq!((&error["channel"], &error["code"]), (&json!("room:r"), &json!("unauthenticated")));
    // The news are everybody's: there he is nobody in particular now.
    assert_eq!(told(&mut socket, "updated", &key).await["userId"], Value::Null);
}

async fn messages_come_in_the_order_of_their_sender(server: TestServer) {
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    define(&server, json!([ann.id, ben.id])).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    join(&mut anns, "room:r", Value::Null).await;
    join(&mut bens, "room:r", Value::Null).await;
    for n in 0..40 {
        anns.send(&json!({"type": "publish", "channel": "room:r", "event": "n", "data": n})).await;
    }
    for n in 0..40 {
        assert_eq!(bens.next_of("message").await["data"], n);
    }
    anns.expect_no_message().await;
}

async fn messages_over_http_are_for_who_may_publish(server: TestServer) {
    let (ann, cat) = (server.user("ann").await, server.user("cat").await);
    define(&server, json!([ann.id])).await;
    let mut socket = ann.socket().await;
    join(&mut socket, "room:r", json!({"n": 1})).await;
    let (messages, presence) = ("/v1/channels/room:r/messages", "/v1/channels/room:r/presence");
    let body = json!({"event": "chat", "data": [1]});
    server.visitor().post(messages).json(&body).problem(401, "unauthenticated").await;
    cat.post(messages).json(&body).problem(403, "rule_denied").await;
    ann.post(messages).json(&body).expect(202).await;
    let message = socket.next_of("message").await;
    assert_eq!((&message["data"], &message["userId"]), (&json!([1]), &json!(ann.id)));
    server.visitor().get(presence).problem(401, "unauthenticated").await;
    cat.get(presence).problem(403, "rule_denied").await;
    let there = ann.get(presence).expect(200).await;
    assert_eq!((there.at("/count"), there.at("/state/0/data")), (json!(1), json!({"n": 1})));
    ann.post(messages).json(&json!({"event": ""})).problem(400, "bad_request").await;
    ann.post("/v1/channels/a%20b/messages").json(&body).problem(400, "bad_request").await;
    ann.post("/v1/channels/none/messages").json(&body).problem(403, "rule_missing").await;
}

async fn services_need_a_scope(server: TestServer) {
    define(&server, json!([])).await;
    let mut listener = server.service().socket().await;
    join(&mut listener, "room:r", Value::Null).await;
    let body = json!({"event": "e"});
    let post = |client: &Client, channel: &str| client.post(&format!("/v1/channels/{channel}/messages")).json(&body);
    let by_name = server.key(&["channels:write:room:r"]).await;
    let by_pattern = server.key(&["channels:write:room:{room}"]).await;
    let reader = server.key(&["channels:read"]).await;
    for key in [&by_name, &by_pattern, server.service()] {
        post(key, "room:r").expect(202).await;
        let message = listener.next_of("message").await;
        assert_eq!(message["userId"], Value::Null);
    }
    post(&by_name, "news").problem(403, "scope_missing").await;
    post(&reader, "room:r").problem(403, "scope_missing").await;
    reader.get("/v1/channels/room:r/presence").expect(200).await;
    by_name.get("/v1/channels/room:r/presence").problem(403, "scope_missing").await;
}

async fn an_event_stream_is_in_channels_too(server: TestServer) {
    use futures_util::StreamExt;
    define(&server, json!([])).await;
    let body = json!({"channels": [{"id": "j", "channel": "news", "presence": {"tab": 1}}]});
    let response = server.visitor().post("/v1/realtime/sse").json(&body).stream().await;
    let mut bytes = response.bytes_stream();
    let mut text = String::new();
    let mut until = async |wanted: &str| {
        while !text.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), bytes.next()).await.expect("in time");
            text.push_str(std::str::from_utf8(&chunk.expect("it goes on").expect("bytes")).unwrap());
        }
    };
    until("\"state\":[{").await;
    server.service().post("/v1/channels/news/messages").json(&json!({"event": "hello"})).expect(202).await;
    until("\"event\":\"hello\"").await;
    let body = json!({"channels": [{"channel": "news", "x": 1}]});
    server.visitor().post("/v1/realtime/sse").json(&body).problem(400, "unknown_field").await;
}

async fn limits_hold(server: TestServer) {
    define(&server, json!([])).await;
    let service = server.service();
    let mut socket = service.socket().await;
    let refused = async |socket: &mut Socket, frame: Value| {
        socket.send(&frame).await;
        socket.next_of("error").await["code"].clone()
    };
    let large = json!({"type": "join", "channel": "a", "presence": {"x": "x".repeat(5_000)}});
    assert_eq!(refused(&mut socket, large).await, "too_large");
    let large = json!({"type": "publish", "channel": "a", "event": "e", "data": "x".repeat(33_000)});
    assert_eq!(refused(&mut socket, large).await, "too_large");
    for n in 0..100 {
        join(&mut socket, &format!("c{n}"), Value::Null).await;
    }
    assert_eq!(refused(&mut socket, json!({"type": "join", "channel": "one-more"})).await, "quota_exceeded");
    assert_eq!(refused(&mut socket, json!({"type": "join", "channel": "c1"})).await, "bad_request");
    assert_eq!(refused(&mut socket, json!({"type": "leave", "channel": "x"})).await, "channel_not_found");
    let mut talker = service.socket().await;
    for _ in 0..150 {
        talker.send(&json!({"type": "publish", "channel": "c1", "event": "e"})).await;
    }
    assert_eq!(talker.next_of("error").await["code"], "rate_limited");
}
