//! Points: what is near, and nearest first, under the rules and by an index.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{aggregate, built, create, documents, query};

on_both_engines! {
    a_filter_finds_what_is_near,
    sort_by_distance_gives_the_nearest_first_in_pages,
    a_rule_may_ask_how_far_a_document_is,
    hidden_and_foreign_points_tell_nothing,
    without_an_index_distances_are_refused,
    what_is_malformed_is_refused,
    points_change_with_their_documents,
}

/// Stations, each with its distance from Tokyo's in kilometres.
const STATIONS: [(&str, f64, f64); 5] = [
    ("tokyo", 35.681_236, 139.767_125),
    ("kanda", 35.691_69, 139.770_883),
    ("yokohama", 35.465_981, 139.622_062),
    ("osaka", 34.702_485, 135.495_951),
    ("honolulu", 21.306_944, -157.858_333),
];

async fn define(server: &TestServer) {
    let definition = json!({"rules": {"read": "true"}, "indexes": [{"geo": "location"}]});
    server.define("stations", &definition).await;
    for (id, lat, lng) in STATIONS {
        create(server.service(), "stations", json!({"id": id, "location": {"lat": lat, "lng": lng}})).await;
    }
    for (id, location) in [("lost", json!(null)), ("odd", json!({"lat": 91, "lng": 0}))] {
        create(server.service(), "stations", json!({"id": id, "location": location})).await;
    }
    create(server.service(), "stations", json!({"id": "none"})).await;
}

async fn a_filter_finds_what_is_near(server: TestServer) {
    define(&server).await;
    for (filter, expected) in [
        ("geo.distance(location, vars.here) < 2000", json!(["kanda", "tokyo"])),
        ("geo.distance(vars.here, location) <= 0", json!(["tokyo"])),
        ("geo.distance(location, {'lat': 35.68, 'lng': 139.76}) < vars.far", json!(["kanda", "tokyo", "yokohama"])),
        ("geo.distance(location, vars.here) > 400000", json!(["honolulu", "osaka"])),
        // Of what is no point neither this nor its opposite is true.
        ("!(geo.distance(location, vars.here) <= 400000)", json!(["honolulu", "osaka"])),
        ("geo.distance(location, vars.here) < 2000 || id == 'none'", json!(["kanda", "none", "tokyo"])),
        ("geo.distance(location, vars.nowhere) < 2000", json!([])),
    ] {
        let vars = json!({"here": {"lat": 35.681_236, "lng": 139.767_125}, "far": 50_000, "nowhere": {"lat": 100}});
        let body = json!({"filter": filter, "vars": vars, "sort": "id", "count": "exact"});
        let answer = server.visitor().post(&query("stations")).json(&body).expect(200).await;
        assert_eq!(json!(answer.column("id")), expected, "{filter}");
        assert_eq!(answer.at("/total"), expected.as_array().map_or(0, Vec::len), "{filter}");
        let counted = json!({"filter": filter, "vars": body["vars"]});
        let counted = server.visitor().post(&aggregate("stations")).json(&counted).expect(200).await;
        assert_eq!(counted.items()[0]["count"], answer.at("/total"), "{filter}");
    }
}

async fn sort_by_distance_gives_the_nearest_first_in_pages(server: TestServer) {
    define(&server).await;
    let ask = |cursor: Value| {
        let mut parameters =
            vec![("sort", "distance(location,35.681236,139.767125)".to_owned()), ("limit", "2".to_owned())];
        parameters.push(("count", "exact".to_owned()));
        parameters.extend(cursor.as_str().map(|cursor| ("cursor", cursor.to_owned())));
        parameters
    };
    let (mut found, mut distances, mut cursor) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let parameters = ask(cursor);
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = server.visitor().get(&documents("stations")).query(&parameters).expect(200).await;
        assert_eq!(page.at("/total"), 5, "what has no point has no place in the order");
        found.extend(page.column("id"));
        distances.extend(page.column("distance").into_iter().filter_map(|metres| metres.as_f64()));
        cursor = page.at("/nextCursor");
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(found, STATIONS.map(|(id, _, _)| json!(id)));
    let kilometres: Vec<f64> = distances.iter().map(|metres| (metres / 1_000.0).round()).collect();
    assert!(
        kilometres[..4] == [0.0, 1.0, 27.0, 403.0] && (6_150.0..6_250.0).contains(&kilometres[4]),
        "{kilometres:?}"
    );
    let body = json!({"sort": "distance(location,0,0)", "filter": "id != 'tokyo'", "select": "id", "limit": 1});
    let answer = server.visitor().post(&query("stations")).json(&body).expect(200).await;
    let members: Vec<String> =
        answer.items()[0].as_object().map(|item| item.keys().cloned().collect()).unwrap_or_default();
    assert_eq!(members, ["distance", "id", "rev"]);
    let explained = json!({"sort": "distance(location,0,0)", "explain": true});
    let plan = server.service().post(&query("stations")).json(&explained).expect(200).await;
    assert_eq!(plan.at("/plan/branches/0/index"), json!({"geo": "location"}));
    assert_eq!(plan.at("/plan/branches/0/ordered"), true);
}

async fn a_rule_may_ask_how_far_a_document_is(server: TestServer) {
    let definition = json!({"rules": {
        "read": "geo.distance(doc.at, {'lat': 35.68, 'lng': 139.76}) < 1000",
        "create": "auth != null && geo.distance(next.at, {'lat': 35.68, 'lng': 139.76}) < 5000",
    }});
    server.define("sights", &definition).await;
    let ann = server.user("ann").await;
    let near = create(&ann, "sights", json!({"at": {"lat": 35.681, "lng": 139.761}})).await;
    create(&ann, "sights", json!({"at": {"lat": 35.70, "lng": 139.77}})).await;
    ann.post(&documents("sights")).json(&json!({"at": {"lat": 36, "lng": 139.77}})).problem(403, "rule_denied").await;
    let listed = server.visitor().get(&documents("sights")).expect(200).await;
    assert_eq!(listed.column("id"), [near["id"].clone()]);
}

async fn hidden_and_foreign_points_tell_nothing(server: TestServer) {
    let definition = json!({
        "rules": {"read": "auth.id == doc.owner", "create": "true", "fields": {"home": {"read": "false"}}},
        "acknowledge": ["create"],
        "indexes": [{"geo": "home"}, {"geo": "work"}],
    });
    server.define("people", &definition).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    let place = json!({"lat": 1, "lng": 2});
    create(server.service(), "people", json!({"owner": ann.id, "home": place, "work": place})).await;
    for body in [
        json!({"filter": "geo.distance(home, {'lat': 1, 'lng': 2}) < 5"}),
        json!({"filter": "true || geo.distance(home, {'lat': 1, 'lng': 2}) < 5"}),
        json!({"sort": "distance(home,1,2)"}),
        json!({"sort": "distance(home.deep,1,2)"}),
    ] {
        ann.post(&query("people")).json(&body).problem(400, "bad_filter").await;
    }
    let nearest = json!({"sort": "distance(work,1,2)", "count": "exact"});
    let mine = ann.post(&query("people")).json(&nearest).expect(200).await;
    assert_eq!((mine.items().len(), mine.at("/total")), (1, json!(1)));
    assert!(mine.items()[0].get("home").is_none());
    for stranger in [eve.post(&query("people")), server.visitor().post(&query("people"))] {
        let answer = stranger.json(&nearest).expect(200).await;
        assert_eq!((answer.items().len(), answer.at("/total")), (0, json!(0)));
    }
}

async fn without_an_index_distances_are_refused(server: TestServer) {
    server.define("plain", &json!({"rules": {"read": "true"}})).await;
    for body in [json!({"filter": "geo.distance(at, {'lat': 1, 'lng': 2}) < 5"}), json!({"sort": "distance(at,1,2)"})] {
        let problem = server.visitor().post(&query("plain")).json(&body).problem(400, "bad_filter").await;
        assert!(problem.at("/detail").as_str().is_some_and(|text| text.contains("{ geo = \"at\" }")), "{problem}");
    }
    let body = json!({"filter": "geo.distance(at, {'lat': 1, 'lng': 2}) < 5", "explain": true});
    let plan = server.service().post(&query("plain")).json(&body).expect(200).await;
    assert_eq!(plan.at("/suggestions"), json!([{"geo": "at"}]));
}

async fn what_is_malformed_is_refused(server: TestServer) {
    define(&server).await;
    for sort in [
        "distance(location,1)",
        "distance(location,91,0)",
        "distance(location,x,0)",
        "-distance(location,1,2)",
        "id,distance(location,1,2)",
    ] {
        server.visitor().post(&query("stations")).json(&json!({"sort": sort})).problem(400, "bad_parameter").await;
    }
    for filter in
        ["geo.distance(location, vars.p) == 5", "geo.distance(location, location) < 5", "geo.distance(location, 5) < 5"]
    {
        server.visitor().post(&query("stations")).json(&json!({"filter": filter})).problem(400, "bad_filter").await;
    }
    for index in [
        json!({"geo": "-a"}),
        json!({"geo": "a", "unique": true}),
        json!({"geo": "a", "fields": ["b"]}),
        json!({"geo": 1}),
    ] {
        let definition = json!({"indexes": [index]});
        server.owner().put("/v1/admin/collections/bad").json(&definition).problem(422, "invalid_definition").await;
    }
}

async fn points_change_with_their_documents(server: TestServer) {
    define(&server).await;
    let near = json!({"filter": "geo.distance(location, {'lat': 35.68, 'lng': 139.76}) < 3000", "sort": "id"});
    let ids = async || server.visitor().post(&query("stations")).json(&near).expect(200).await.column("id");
    assert_eq!(ids().await, ["kanda", "tokyo"]);
    let service = server.service();
    service.patch(&format!("{}/kanda", documents("stations"))).json(&json!({"location": {"lat": 0}})).expect(200).await;
    service
        .patch(&format!("{}/none", documents("stations")))
        .json(&json!({"location": {"lng": 139.77}}))
        .expect(200)
        .await;
    service.delete(&format!("{}/tokyo", documents("stations"))).expect(204).await;
    assert_eq!(ids().await, Vec::<Value>::new());
    let patch = json!({"location": {"lat": 35.68}});
    service.patch(&format!("{}/none", documents("stations"))).json(&patch).expect(200).await;
    assert_eq!(ids().await, ["none"]);
    // An index that comes later is filled from what is there.
    server.define("stations", &json!({"rules": {"read": "true"}})).await;
    server.define("stations", &json!({"rules": {"read": "true"}, "indexes": [{"geo": "location"}]})).await;
    built(&server, "stations").await;
    assert_eq!(ids().await, ["none"]);
}
