//! A snapshot, and the changes after it.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{create, define_notes, define_open, document, documents, get, query};

on_both_engines!(
    a_subscriber_gets_a_snapshot_and_then_the_changes,
    only_what_the_rule_and_the_filter_show_is_told,
    a_document_that_stops_matching_is_removed,
    a_new_subscription_contains_what_was_written_before,
    who_is_the_first_to_listen_under_steady_writers_misses_nothing,
    one_document_can_be_watched,
    what_is_anothers_is_watched_in_vain,
    fields_are_narrowed_and_what_is_not_seen_is_not_told,
    changes_of_one_transaction_belong_together,
    expand_shows_what_references_lead_to,
    many_with_one_query_get_the_same,
    unsubscribing_ends_it,
    a_result_without_a_limit_is_bounded,
);

async fn a_subscriber_gets_a_snapshot_and_then_the_changes(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let first = create(&visitor, "open", json!({"id": "a", "n": 1})).await;
    create(&visitor, "open", json!({"id": "x", "n": 0})).await;
    let mut socket = visitor.socket().await;
    let mut list = socket.subscribe(json!({"id": "s1", "collection": "open", "filter": "n > 0", "sort": "n"})).await;
    assert_eq!(list.docs, [first]);
    let answer = visitor.post(&documents("open")).json(&json!({"id": "b", "n": 0.5})).expect(201).await;
    let frame = socket.next().await;
    let place = answer.header("basalt-seq").unwrap();
    let added =
        json!({"type": "change", "id": "s1", "seq": frame["seq"], "op": "added", "doc": answer.body(), "index": 0});
    assert_eq!(frame, added);
    let reached = frame["seq"].as_str().unwrap();
    assert!(reached >= place.as_str() && reached > list.seq.as_str(), "{reached} contains the write at {place}");
    list.apply(&frame);
    visitor.patch(&document("open", "a")).json(&json!({"n": 0.1})).expect(200).await;
    let frame = socket.next().await;
    assert_eq!((&frame["op"], &frame["index"], &frame["doc"]["n"]), (&json!("modified"), &json!(0), &json!(0.1)));
    list.apply(&frame);
    visitor.delete(&document("open", "b")).expect(204).await;
    let frame = socket.next().await;
    assert_eq!((&frame["op"], &frame["index"], &frame["doc"]), (&json!("removed"), &json!(1), &json!({"id": "b"})));
    list.apply(&frame);
    assert_eq!(list.ids(), ["a"]);
    socket.expect_silence().await;
}

async fn only_what_the_rule_and_the_filter_show_is_told(server: TestServer) {
    define_notes(&server).await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    let mut anns = ann.socket().await;
    let mut bens = ben.socket().await;
    let mut anybodys = server.visitor().socket().await;
    let subscription = json!({"id": "s", "collection": "notes", "filter": "rank < vars.most", "vars": {"most": 5}});
    let mut of_ann = anns.subscribe(subscription.clone()).await;
    let mut of_ben = bens.subscribe(subscription.clone()).await;
    assert_eq!(anybodys.subscribe(subscription).await.docs, Vec::<Value>::new());
    let note = json!({"id": "n1", "owner": ann.id, "rank": 1, "members": []});
    create(&ann, "notes", note).await;
    let high = json!({"id": "n2", "owner": ann.id, "rank": 9});
    create(&ann, "notes", high).await;
    let seen = get(&ann, "notes", "n1").await;
    anns.until(&mut of_ann, std::slice::from_ref(&seen)).await;
    anns.expect_silence().await;
    bens.expect_silence().await;
    let patch = json!({"members": {"$append": [ben.id]}});
    ann.patch(&document("notes", "n1")).json(&patch).expect(200).await;
    let seen = get(&ann, "notes", "n1").await;
    bens.until(&mut of_ben, std::slice::from_ref(&seen)).await;
    anns.until(&mut of_ann, std::slice::from_ref(&seen)).await;
    ann.patch(&document("notes", "n1")).json(&json!({"members": {"$remove": [ben.id]}})).expect(200).await;
    let frame = bens.next().await;
    assert_eq!((&frame["op"], &frame["doc"]), (&json!("removed"), &json!({"id": "n1"})), "no more is told");
    anybodys.expect_silence().await;
}

async fn a_document_that_stops_matching_is_removed(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "a", "tag": "x"})).await;
    let mut socket = visitor.socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "open", "filter": "tag == 'x'"})).await;
    for (tag, held) in [("y", 0), ("x", 1), ("z", 0)] {
        let doc = visitor.patch(&document("open", "a")).json(&json!({"tag": tag})).expect(200).await.body();
        let wanted = if held == 1 { vec![doc] } else { Vec::new() };
        socket.until(&mut list, &wanted).await;
    }
}

async fn a_new_subscription_contains_what_was_written_before(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let mut socket = visitor.socket().await;
    for n in 0..20 {
        let doc = create(&visitor, "open", json!({"n": n})).await;
        let id = format!("s{n}");
        let list = socket.subscribe(json!({"id": id, "collection": "open", "filter": format!("n == {n}")})).await;
        assert_eq!(list.docs, [doc]);
        // One that others wait for, too.
        let id = format!("all{n}");
        let list = socket.subscribe(json!({"id": id, "collection": "open", "sort": "n"})).await;
        assert_eq!(list.docs.len(), n + 1);
    }
}

async fn who_is_the_first_to_listen_under_steady_writers_misses_nothing(server: TestServer) {
    const WRITERS: usize = 3;
    define_open(&server).await;
    let visitor = server.visitor();
    for round in 0..12 {
        let written = Semaphore::new(0);
        let write = async |writer: usize| {
            for n in 0..10 {
                let id = format!("r{round}-{writer}-{n}");
                create(&visitor, "open", json!({"id": id, "round": round, "n": n * WRITERS + writer})).await;
                written.add_permits(1);
                visitor.patch(&document("open", &id)).json(&json!({"seen": true})).expect(200).await;
            }
        };
        // Somewhere in the middle, where nobody has listened so far.
        let asked = json!({"filter": format!("round == {round}"), "sort": "n", "limit": 100});
        let listen = async {
            drop(written.acquire_many(1 + 2 * round).await.unwrap());
            let mut socket = visitor.socket().await;
            let mut subscription = asked.clone();
            subscription["id"] = "s".into();
            subscription["collection"] = "open".into();
            let list = socket.subscribe(subscription).await;
            (socket, list)
        };
        let writes = futures_util::future::join_all((0..WRITERS).map(write));
        let (_, (mut socket, mut list)) = tokio::join!(writes, listen);
        let stored = visitor.post(&query("open")).json(&asked).expect(200).await.items();
        assert_eq!(stored.len(), 10 * WRITERS);
        socket.until(&mut list, &stored).await;
        socket.send(&json!({"type": "unsubscribe", "id": "s"})).await;
        assert_eq!(socket.next_of("ok").await["id"], "s");
    }
}

async fn one_document_can_be_watched(server: TestServer) {
    // A rule that no list could have.
    let rules = json!({"get": "doc.code.matches('^[a-c]+$')", "create": "true", "update": "true", "delete": "true"});
    server.define("codes", &json!({"rules": rules, "acknowledge": ["create", "update", "delete"]})).await;
    let visitor = server.visitor();
    let mut socket = visitor.socket().await;
    let mut list = socket.subscribe(json!({"id": "d", "collection": "codes", "document": "one"})).await;
    assert_eq!(list.docs, Vec::<Value>::new());
    let doc = create(&visitor, "codes", json!({"id": "one", "code": "abc"})).await;
    socket.until(&mut list, &[doc]).await;
    create(&visitor, "codes", json!({"id": "two", "code": "abc"})).await;
    let service = server.service();
    let doc = service.patch(&document("codes", "one")).json(&json!({"code": "b"})).expect(200).await.body();
    socket.until(&mut list, &[doc]).await;
    service.patch(&document("codes", "one")).json(&json!({"code": "xyz"})).expect(200).await;
    socket.until(&mut list, &[]).await;
    let doc = service.patch(&document("codes", "one")).json(&json!({"code": "c"})).expect(200).await.body();
    socket.until(&mut list, &[doc]).await;
    service.delete(&document("codes", "one")).expect(204).await;
    socket.until(&mut list, &[]).await;
}

async fn what_is_anothers_is_watched_in_vain(server: TestServer) {
    define_notes(&server).await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    create(&ann, "notes", json!({"id": "hers", "owner": ann.id, "rank": 1})).await;
    let owner = format!("owner == '{}'", ann.id);
    for client in [(*ben).clone(), server.visitor()] {
        let mut socket = client.socket().await;
        for (n, wish) in [
            json!({"document": "hers"}),
            json!({"filter": owner}),
            json!({"filter": format!("{owner} || rank > 0"), "sort": "-rank"}),
            json!({"filter": "true", "sort": "owner", "limit": 1}),
            json!({"since": "0000000000000001.0000000000000000"}),
        ]
        .into_iter()
        .enumerate()
        {
            let mut frame = json!({"type": "subscribe", "id": format!("s{n}"), "collection": "notes"});
            frame.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
            socket.send(&frame).await;
            let answer = socket.next().await;
            let nothing = answer["type"] == "error" || answer["docs"] == json!([]);
            assert!(nothing && !answer.to_string().contains("hers"), "{wish}: {answer}");
        }
        ann.patch(&document("notes", "hers")).json(&json!({"rank": {"$increment": 1}})).expect(200).await;
        socket.expect_silence().await;
    }
}

async fn fields_are_narrowed_and_what_is_not_seen_is_not_told(server: TestServer) {
    let definition = json!({"rules": {
        "read": "true",
        "fields": {"salary": {"read": "'hr' in auth.roles"}, "note": {"read": "auth.id == doc.owner"}},
    }});
    server.define("staff", &definition).await;
    let ann = server.user("ann").await;
    let service = server.service();
    let body = json!({"id": "a", "name": "A", "salary": 1, "note": "n", "owner": ann.id});
    create(service, "staff", body).await;
    let mut socket = ann.socket().await;
    let mut anybodys = server.visitor().socket().await;
    let seen = get(&ann, "staff", "a").await;
    assert!(seen.get("salary").is_none() && seen["note"] == "n", "{seen}");
    let list = socket.subscribe(json!({"id": "s", "collection": "staff"})).await;
    assert_eq!(list.docs, [seen]);
    let narrow = socket.subscribe(json!({"id": "t", "collection": "staff", "select": ["name"]})).await;
    assert_eq!(narrow.docs[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "rev"]);
    let others = anybodys.subscribe(json!({"id": "s", "collection": "staff"})).await;
    assert!(others.docs[0].get("note").is_none());
    let change = |patch: Value| service.patch(&document("staff", "a")).json(&patch).expect(200);
    change(json!({"salary": 2})).await;
    socket.expect_silence().await;
    anybodys.expect_silence().await;
    change(json!({"note": "m"})).await;
    let frame = socket.next().await;
    assert_eq!((&frame["id"], &frame["doc"]["note"]), (&json!("s"), &json!("m")));
    socket.expect_silence().await;
    anybodys.expect_silence().await;
    change(json!({"name": "B"})).await;
    let frame = anybodys.next().await;
    assert!(frame["doc"].get("note").is_none() && frame["doc"].get("salary").is_none(), "{frame}");
    // What can't be read can't be asked about.
    for wish in [json!({"filter": "salary > 1"}), json!({"sort": "-salary"}), json!({"filter": "note == 'm'"})] {
        let mut frame = json!({"type": "subscribe", "id": "bad", "collection": "staff"});
        frame.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        anybodys.send(&frame).await;
        let answer = anybodys.next().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("bad_filter")), "{answer}");
    }
}

async fn changes_of_one_transaction_belong_together(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"id": "a", "n": 1})).await;
    let mut socket = visitor.socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "open", "sort": "n"})).await;
    let operations = json!({"operations": [
        {"op": "create", "collection": "open", "id": "b", "data": {"n": 0}},
        {"op": "patch", "collection": "open", "id": "a", "patch": {"n": -1}},
        {"op": "create", "collection": "open", "id": "c", "data": {"n": 5}},
    ]});
    visitor.post("/v1/transactions").json(&operations).expect(200).await;
    let frames = [socket.next().await, socket.next().await, socket.next().await];
    let more: Vec<&Value> = frames.iter().map(|frame| &frame["more"]).collect();
    assert_eq!(more, [&json!(true), &json!(true), &Value::Null]);
    for frame in &frames {
        list.apply(frame);
    }
    assert_eq!(list.ids(), ["a", "b", "c"]);
}

async fn expand_shows_what_references_lead_to(server: TestServer) {
    server.define("authors", &json!({"rules": {"read": "doc.public"}})).await;
    server.define("books", &json!({"rules": {"read": "true"}, "references": {"author": "authors"}})).await;
    let service = server.service();
    create(service, "authors", json!({"id": "a1", "name": "A", "public": true})).await;
    create(service, "authors", json!({"id": "a2", "name": "B", "public": false})).await;
    let mut socket = server.visitor().socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "books", "expand": "author"})).await;
    create(service, "books", json!({"id": "b1", "author": "a1"})).await;
    create(service, "books", json!({"id": "b2", "author": "a2"})).await;
    while list.docs.len() < 2 {
        list.apply(&socket.next().await);
    }
    assert_eq!(list.docs[0]["expand"]["author"]["name"], "A");
    assert_eq!(list.docs[1]["expand"]["author"], Value::Null, "not readable");
}

async fn many_with_one_query_get_the_same(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let mut sockets = Vec::new();
    for n in 0..20 {
        let mut socket = visitor.socket().await;
        let id = if n % 2 == 0 { "even" } else { "odd" };
        let list = socket.subscribe(json!({"id": id, "collection": "open", "sort": "-n"})).await;
        sockets.push((socket, list));
    }
    for n in 0..10 {
        create(&visitor, "open", json!({"n": n})).await;
    }
    let wanted = visitor.post(&query("open")).json(&json!({"sort": "-n"})).expect(200).await.items();
    for (socket, list) in &mut sockets {
        socket.until(list, &wanted).await;
        assert_eq!(list.frames, 11, "one for each, and the snapshot");
    }
}

async fn unsubscribing_ends_it(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let mut socket = visitor.socket().await;
    socket.subscribe(json!({"id": "s", "collection": "open"})).await;
    socket.send(&json!({"type": "unsubscribe", "id": "s"})).await;
    assert_eq!(socket.next().await, json!({"type": "ok", "id": "s"}));
    create(&visitor, "open", json!({})).await;
    socket.expect_silence().await;
    socket.send(&json!({"type": "unsubscribe", "id": "s"})).await;
    assert_eq!(socket.next().await["code"], "subscription_not_found");
    assert_eq!(socket.subscribe(json!({"id": "s", "collection": "open"})).await.docs.len(), 1);
}

async fn a_result_without_a_limit_is_bounded(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let batch = |from: usize, count: usize| {
        let operations: Vec<Value> = (from..from + count)
            .map(|n| json!({"op": "create", "collection": "open", "id": format!("d{n}"), "data": {"n": n}}))
            .collect();
        service.post("/v1/transactions").json(&json!({"operations": operations})).expect(200)
    };
    for from in (0..5_000).step_by(500) {
        batch(from, 500).await;
    }
    let mut socket = server.visitor().socket().await;
    let list = socket.subscribe(json!({"id": "s", "collection": "open"})).await;
    assert_eq!(list.docs.len(), 5_000);
    batch(5_000, 1).await;
    let frame = socket.next_of("error").await;
    assert_eq!((&frame["id"], &frame["code"]), (&json!("s"), &json!("result_too_large")));
    socket.send(&json!({"type": "subscribe", "id": "t", "collection": "open"})).await;
    assert_eq!(socket.next().await["code"], "result_too_large");
    let list = socket.subscribe(json!({"id": "t", "collection": "open", "limit": 3, "sort": "n"})).await;
    assert_eq!(list.ids(), ["d0", "d1", "d2"]);
}
