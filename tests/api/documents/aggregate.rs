use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{aggregate, create, define_notes, define_open};

on_both_engines! {
    it_counts_sums_and_compares_by_group,
    without_groups_there_is_one_row,
    it_counts_only_what_the_caller_may_list,
    integers_stay_exact_or_overflow,
    of_nothing_there_is_null,
    pages_of_groups_cover_all,
    groups_are_chosen_by_having,
    times_fall_into_spans_of_a_zone,
    only_declared_times_have_spans,
    what_is_malformed_is_refused,
    a_visitor_gets_what_the_list_rule_gives_him,
}

async fn fill(server: &TestServer) {
    define_open(server).await;
    for (genre, votes, rating) in [
        (json!("Drama"), json!(10), json!(7.5)),
        (json!("Drama"), json!(30), json!(null)),
        (json!("Comedy"), json!(5), json!(6)),
        (json!(null), json!("many"), json!(8)),
    ] {
        create(server.service(), "open", json!({"genre": genre, "votes": votes, "rating": rating})).await;
    }
    create(server.service(), "open", json!({"votes": 1})).await;
}

async fn it_counts_sums_and_compares_by_group(server: TestServer) {
    fill(&server).await;
    let body = json!({
        "groupBy": ["genre"],
        "measures": {
            "n": {"count": true},
            "total": {"sum": "votes"},
            "mean": {"avg": "votes"},
            "least": {"min": "votes"},
            "most": {"max": "votes"},
            "ratings": {"countDistinct": "rating"},
        },
        "sort": ["genre"],
    });
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    let find = |genre: Value| answer.items().into_iter().find(|item| item["genre"] == genre).unwrap_or(Value::Null);
    let drama = find(json!("Drama"));
    assert_eq!((&drama["n"], &drama["total"], &drama["mean"]), (&json!(2), &json!(40), &json!(20)), "{answer}");
    assert_eq!((&drama["least"], &drama["most"]), (&json!(10), &json!(30)), "{answer}");
    assert_eq!(find(json!("Comedy"))["n"], 1);
    // A missing group key is null.
    let counted: i64 =
        answer.items().iter().filter(|item| item["genre"].is_null()).filter_map(|i| i["n"].as_i64()).sum();
    assert_eq!(counted, 2, "{answer}");
}

async fn without_groups_there_is_one_row(server: TestServer) {
    fill(&server).await;
    let body = json!({"measures": {"n": {"count": true}}, "filter": "votes > 5"});
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(answer.items(), [json!({"n": 2})]);
}

async fn it_counts_only_what_the_caller_may_list(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for n in 0..5 {
        create(&ann, "notes", json!({"owner": ann.id, "rank": n})).await;
    }
    create(&bob, "notes", json!({"owner": bob.id, "rank": 100})).await;
    let body = json!({"groupBy": ["owner"], "measures": {"n": {"count": true}, "top": {"max": "rank"}}});
    let answer = bob.post(&aggregate("notes")).json(&body).expect(200).await;
    assert_eq!(answer.items(), [json!({"owner": bob.id, "n": 1, "top": 100})]);
    assert_eq!(server.service().post(&aggregate("notes")).json(&body).expect(200).await.items().len(), 2);
}

async fn integers_stay_exact_or_overflow(server: TestServer) {
    define_open(&server).await;
    let big = (1_i64 << 53) + 1;
    for n in [big, 1, 1] {
        create(server.service(), "open", json!({"n": n})).await;
    }
    let body = json!({"measures": {"total": {"sum": "n"}}});
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(answer.items()[0]["total"], json!(big + 2));
    create(server.service(), "open", json!({"n": i64::MAX})).await;
    server.service().post(&aggregate("open")).json(&body).problem(400, "overflow").await;
}

async fn of_nothing_there_is_null(server: TestServer) {
    define_open(&server).await;
    let body = json!({"measures": {"n": {"count": true}, "a": {"avg": "x"}, "b": {"min": "x"}, "c": {"max": "x"}}});
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(answer.items(), [json!({"n": 0, "a": null, "b": null, "c": null})]);
}

async fn pages_of_groups_cover_all(server: TestServer) {
    define_open(&server).await;
    for n in 0..12 {
        create(server.service(), "open", json!({"g": n % 5, "n": n})).await;
    }
    let mut body = json!({"groupBy": ["g"], "measures": {"n": {"count": true}}, "sort": ["g"], "limit": 2});
    let mut groups = Vec::new();
    loop {
        let page = server.service().post(&aggregate("open")).json(&body).expect(200).await;
        groups.extend(page.column("g"));
        match page.at("/nextCursor") {
            Value::Null => break,
            cursor => body["cursor"] = cursor,
        }
    }
    assert_eq!(groups, [0, 1, 2, 3, 4]);
}

async fn what_is_malformed_is_refused(server: TestServer) {
    define_open(&server).await;
    for body in [
        json!({"measures": {"n": "count"}}),
        json!({"measures": {"n": {"sum": "a", "max": "a"}}}),
        json!({"measures": {"n": {"sum": 1}}}),
        json!({"measures": {"n": {"median": "x"}}}),
        json!({"measures": {"n": {"count": true}}, "groupBy": ["n"]}),
        json!({"measures": {"n": {"count": true}}, "groupBy": [1]}),
        json!({"measures": {"n": {"count": true}}, "bogus": 1}),
        json!({"measures": {"n": {"count": true}}, "sort": ["nosuch"]}),
        json!({"measures": {"n": {"count": true}}, "filter": "x =="}),
        json!({"measures": {"n": {"count": true}}, "limit": 0}),
        json!({"measures": {"n": {"count": true}}, "having": "n >"}),
        json!({"measures": {"n": {"count": true}}, "having": "votes > 1"}),
        json!({"measures": {"n": {"count": true}}, "having": "n > auth.id"}),
        json!({"measures": {"n": {"count": true}}, "having": "exists('open', 'x')"}),
        json!({"groupBy": [{"field": "createdAt", "bucket": "decade"}]}),
        json!({"groupBy": [{"field": "createdAt", "bucket": "day", "timezone": "Asia/Atlantis"}]}),
    ] {
        let answer = server.service().post(&aggregate("open")).json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        answer.assert_is_problem();
    }
}

async fn a_visitor_gets_what_the_list_rule_gives_him(server: TestServer) {
    server.define("news", &json!({"rules": {"read": "doc.public == true"}})).await;
    create(server.service(), "news", json!({"public": true})).await;
    create(server.service(), "news", json!({"public": false})).await;
    let body = json!({"measures": {"n": {"count": true}}});
    let answer = server.visitor().post(&aggregate("news")).json(&body).expect(200).await;
    assert_eq!(answer.items(), [json!({"n": 1})]);
}

async fn groups_are_chosen_by_having(server: TestServer) {
    fill(&server).await;
    let mut body = json!({
        "groupBy": ["genre"],
        "measures": {"n": {"count": true}, "total": {"sum": "votes"}, "best": {"max": "rating"}},
        "having": "n >= vars.least && total > 10", "vars": {"least": 2},
    });
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(answer.items(), [json!({"genre": "Drama", "n": 2, "total": 40, "best": 7.5})]);
    for (having, genres) in [
        ("genre == null", json!([null])),
        ("best == 6", json!(["Comedy"])),
        ("!(best < 7)", json!([null, "Drama"])),
        // Of a null no order is known: neither this nor its opposite.
        ("total > 10 || genre > 'A'", json!(["Comedy", "Drama"])),
        ("false", json!([])),
    ] {
        body["having"] = having.into();
        body["sort"] = "genre".into();
        let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
        assert_eq!(json!(answer.column("genre")), genres, "{having}");
    }
    body["having"] = "n > 0".into();
    body["limit"] = 2.into();
    let first = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    body["cursor"] = first.at("/nextCursor");
    assert_eq!(server.service().post(&aggregate("open")).json(&body).expect(200).await.column("genre"), ["Drama"]);
    body["having"] = "n > 1".into();
    server.service().post(&aggregate("open")).json(&body).problem(400, "bad_cursor").await;
}

async fn times_fall_into_spans_of_a_zone(server: TestServer) {
    let time = json!({"type": "string", "format": "date-time"});
    let definition = json!({"schema": {"type": "object", "properties": {"at": time}}, "rules": {"read": "true"}});
    server.define("visits", &definition).await;
    for at in ["2026-10-24T22:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T23:30:00Z"] {
        create(server.service(), "visits", json!({"at": at})).await;
    }
    create(server.service(), "visits", json!({})).await;
    for (bucket, zone, expected) in [
        ("day", "Europe/Berlin", json!([null, "2026-10-25", "2026-10-26"])),
        // Where clocks are set back, two hours have one name.
        ("hour", "Europe/Berlin", json!([null, "2026-10-25T00:00", "2026-10-25T02:00", "2026-10-26T00:00"])),
        (
            "minute",
            "Asia/Kolkata",
            json!([null, "2026-10-25T04:00", "2026-10-25T06:00", "2026-10-25T07:00", "2026-10-26T05:00"]),
        ),
        ("week", "Asia/Shanghai", json!([null, "2026-W43", "2026-W44"])),
        ("month", "UTC", json!([null, "2026-10"])),
        ("quarter", "UTC", json!([null, "2026-Q4"])),
        ("year", "UTC", json!([null, "2026"])),
    ] {
        let key = json!({"field": "at", "bucket": bucket, "timezone": zone, "as": "span"});
        let body = json!({"groupBy": [key], "sort": "span"});
        let answer = server.visitor().post(&aggregate("visits")).json(&body).expect(200).await;
        assert_eq!(json!(answer.column("span")), expected, "{bucket} {zone}");
    }
    let body = json!({"groupBy": [{"field": "createdAt", "bucket": "year", "as": "year"}]});
    assert_eq!(server.visitor().post(&aggregate("visits")).json(&body).expect(200).await.items()[0]["count"], 5);
}

async fn only_declared_times_have_spans(server: TestServer) {
    define_open(&server).await;
    let body = json!({"groupBy": [{"field": "at", "bucket": "day"}]});
    let answer = server.service().post(&aggregate("open")).json(&body).problem(400, "bad_parameter").await;
    assert_eq!(answer.at("/errors/0/path"), "/groupBy");
}
