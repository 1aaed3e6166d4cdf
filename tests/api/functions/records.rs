use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{call, deploy, eventually, invocations, invoke, logs};

on_both_engines! {
    each_call_is_written_down,
    calls_are_found_by_what_became_of_them,
    pages_go_on_where_they_ended,
    logs_are_found_by_level_and_text,
    logs_come_live,
    the_last_line_of_a_call_that_failed_says_why,
    usage_is_added_up_by_function_and_day,
    who_may_not_reads_nothing,
}

const INVOCATIONS: &str = "/v1/admin/invocations";
const LOGS: &str = "/v1/admin/logs";
const USAGE: &str = "/v1/admin/usage";

const SOURCE: &str = "export const add = callable({ invoke: 'true' }, async (input, ctx) => {\n\
       ctx.log.info('adding', { a: input.a });\n\
       if (input.a === null) throw new Error('no number');\n\
       if (input.a < 0) throw new FunctionError('negative', 'not below zero');\n\
       return input.a + 1;\n\
     });\n\
     export const chat = callable({ invoke: 'true' }, async (input, ctx) => {\n\
       ctx.log.debug('quiet'); ctx.log.info('Hello World'); ctx.log.warn('careful', { who: 'Ann' }); ctx.log.error('bad');\n\
       return null;\n\
     });\n";

async fn get(client: &Client, path: &str, query: &[(&str, &str)]) -> Vec<Value> {
    client.get(path).query(query).expect(200).await.items()
}

async fn each_call_is_written_down(server: TestServer) {
    deploy(&server, SOURCE).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = call(&server.visitor(), "add", &json!({"a": 1})).header("traceparent", traceparent).expect(200).await;
    let id = answer.header("Basalt-Invocation").expect("the invocation's id");
    let records = invocations(&server, "add", 1).await;
    let record = &records[0];
    assert_eq!(record["id"], id.as_str());
    for (field, value) in [
        ("function", json!("add")),
        ("version", json!(1)),
        ("alias", json!("live")),
        ("kind", json!("callable")),
        ("outcome", json!("succeeded")),
        ("attempt", json!(1)),
        ("trace", json!("0af7651916cd43dd8448eb211c80319c")),
    ] {
        assert_eq!(record[field], value, "{field}: {record}");
    }
    assert!(record["durationMs"].as_f64() > Some(0.0) && record["peakMemory"].as_u64() > Some(0), "{record}");
    assert!(record["cold"].is_boolean() && record["startedAt"].is_string() && record["cpuMs"].is_number(), "{record}");
    let whole = eventually("the call with its logs", || async {
        let whole = server.owner().get(&format!("{INVOCATIONS}/{id}")).send().await;
        (whole.status == 200 && whole.at("/logs/0").is_object()).then_some(whole)
    })
    .await;
    assert_eq!((whole.at("/function"), whole.at("/logs/0/message")), (json!("add"), json!("adding")));
    assert_eq!(whole.at("/logs/0/fields"), json!({"a": 1}));
    server.owner().get(&format!("{INVOCATIONS}/nobody")).problem(404, "invocation_not_found").await;
    let unknown = format!("{INVOCATIONS}/{}", "0".repeat(24));
    server.owner().get(&unknown).problem(404, "invocation_not_found").await;
}

async fn calls_are_found_by_what_became_of_them(server: TestServer) {
    deploy(&server, SOURCE).await;
    invoke(&server.visitor(), "add", json!({"a": 1})).await;
    call(&server.visitor(), "add", &json!({"a": -1})).problem(400, "negative").await;
    call(&server.visitor(), "add", &json!({"a": null})).problem(500, "function_failed").await;
    invoke(&server.visitor(), "chat", json!(null)).await;
    invocations(&server, "chat", 1).await;
    let of = async |outcome: &str| get(server.owner(), INVOCATIONS, &[("outcome", outcome)]).await;
    assert_eq!((of("succeeded").await.len(), of("refused").await.len(), of("failed").await.len()), (2, 1, 1));
    assert_eq!(of("refused").await[0]["error"]["code"], "negative");
    let failed = &of("failed").await[0]["error"];
    assert!(failed["message"].as_str().unwrap().contains("no number"), "{failed}");
    assert!(failed["stack"].as_str().unwrap().contains("functions/main.ts:"), "{failed}");
    assert_eq!(get(server.owner(), INVOCATIONS, &[("function", "chat")]).await.len(), 1);
    assert!(get(server.owner(), INVOCATIONS, &[("to", "2000-01-01T00:00:00Z")]).await.is_empty());
    for (parameter, value) in [("outcome", "odd"), ("limit", "0"), ("limit", "501"), ("from", "yesterday")] {
        server.owner().get(INVOCATIONS).query(&[(parameter, value)]).problem(400, "bad_parameter").await;
    }
    server.owner().get(INVOCATIONS).query(&[("cursor", "x")]).problem(400, "bad_cursor").await;
    server.owner().get(INVOCATIONS).query(&[("speed", "x")]).problem(400, "unknown_parameter").await;
}

async fn pages_go_on_where_they_ended(server: TestServer) {
    deploy(&server, SOURCE).await;
    for n in 0..7 {
        invoke(&server.visitor(), "add", json!({"a": n})).await;
    }
    let all: Vec<Value> = invocations(&server, "add", 7).await.iter().map(|one| one["id"].clone()).collect();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("function", "add"), ("limit", "3")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = server.owner().get(INVOCATIONS).query(&query).expect(200).await;
        seen.extend(page.column("id"));
        match page.at("/nextCursor") {
            Value::String(next) => cursor = Some(next),
            _ => break,
        }
    }
    assert_eq!(seen, all);
}

async fn logs_are_found_by_level_and_text(server: TestServer) {
    deploy(&server, SOURCE).await;
    invoke(&server.visitor(), "chat", json!(null)).await;
    invoke(&server.visitor(), "add", json!({"a": 5})).await;
    let lines = logs(&server, "chat", 4).await;
    let told: Vec<_> = lines.iter().map(|line| (&line["level"], &line["message"])).collect();
    let expected = [("debug", "quiet"), ("info", "Hello World"), ("warn", "careful"), ("error", "bad")];
    let expected: Vec<_> = expected.iter().map(|(level, message)| (json!(level), json!(message))).collect();
    assert_eq!(told, expected.iter().map(|(level, message)| (level, message)).collect::<Vec<_>>());
    assert_eq!((&lines[0]["function"], &lines[0]["version"]), (&json!("chat"), &json!(1)));
    let found = async |query: &[(&str, &str)]| {
        let items = get(server.owner(), LOGS, query).await;
        items.iter().map(|line| line["message"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(&[("level", "warn")]).await, ["careful", "bad"]);
    assert_eq!(found(&[("filter", "hello")]).await, ["Hello World"]);
    assert_eq!(found(&[("filter", "ann"), ("function", "chat")]).await, ["careful"], "fields, too");
    assert_eq!(found(&[("function", "chat"), ("limit", "2")]).await, ["careful", "bad"], "the newest");
    let invocation = lines[0]["invocation"].as_str().unwrap();
    assert_eq!(found(&[("invocation", invocation)]).await.len(), 4);
    server.owner().get(LOGS).query(&[("level", "loud")]).problem(400, "bad_parameter").await;
}

async fn logs_come_live(server: TestServer) {
    deploy(&server, SOURCE).await;
    invoke(&server.visitor(), "chat", json!(null)).await;
    logs(&server, "chat", 4).await;
    let mut by_header = server
        .owner()
        .get(LOGS)
        .query(&[("function", "chat"), ("level", "info")])
        .header("accept", "text/event-stream")
        .open(200)
        .await;
    let mut by_parameter = server.owner().get(LOGS).query(&[("follow", "true"), ("filter", "adding")]).open(200).await;
    assert_eq!(by_header.next().await.as_deref(), Some("retry: 2000"), "it is open");
    assert_eq!(by_parameter.next().await.as_deref(), Some("retry: 2000"));
    for _ in 0..2 {
        invoke(&server.visitor(), "chat", json!(null)).await;
        invoke(&server.visitor(), "add", json!({"a": 1})).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let line = data(&mut by_header).await;
        seen.push(line["message"].clone());
    }
    assert_eq!(seen, ["Hello World", "careful", "bad", "Hello World", "careful", "bad"], "what comes, once each");
    assert_eq!(data(&mut by_parameter).await["message"], "adding");
}

async fn the_last_line_of_a_call_that_failed_says_why(server: TestServer) {
    deploy(&server, SOURCE).await;
    let visitor = server.visitor();
    call(&visitor, "add", &json!({"a": -1})).problem(400, "negative").await;
    call(&visitor, "add", &json!({"a": null})).problem(500, "function_failed").await;
    let lines = logs(&server, "add", 3).await;
    let told: Vec<_> = lines.iter().map(|line| (line["level"].clone(), line["fields"]["code"].clone())).collect();
    let (adding, failed) = ((json!("info"), Value::Null), (json!("error"), json!("function_failed")));
    assert_eq!(told, [adding.clone(), adding, failed], "what a function refuses is no failure");
    let message = lines[2]["message"].as_str().unwrap();
    assert!(message.starts_with("Error: no number\n") && message.contains("functions/main.ts:"), "{message}");
    assert_eq!(lines[2]["invocation"], lines[1]["invocation"]);
}

/// The next event's data.
async fn data(lines: &mut basalt_testing::Lines) -> Value {
    loop {
        let line = lines.next().await.expect("a line");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

async fn usage_is_added_up_by_function_and_day(server: TestServer) {
    deploy(&server, SOURCE).await;
    for a in [json!(1), json!(-1), json!(null)] {
        call(&server.visitor(), "add", &json!({"a": a})).send().await;
    }
    invoke(&server.visitor(), "chat", json!(null)).await;
    invocations(&server, "add", 3).await;
    invocations(&server, "chat", 1).await;
    server.rooms().functions.registry.flush_usage().await.expect("written");
    let items = get(server.owner(), USAGE, &[]).await;
    assert_eq!(items.iter().map(|one| &one["function"]).collect::<Vec<_>>(), ["add", "chat"]);
    let add = &items[0];
    assert_eq!((&add["invocations"], &add["errors"]), (&json!(3), &json!(1)), "a refusal is no error: {add}");
    assert!(add["gigabyteSeconds"].as_f64() > Some(0.0) && add["cpuMs"].is_number(), "{add}");
    let day = add["day"].as_str().unwrap();
    assert_eq!(get(server.owner(), USAGE, &[("from", day), ("to", day), ("function", "chat")]).await.len(), 1);
    assert!(get(server.owner(), USAGE, &[("from", "2020-01-01"), ("to", "2020-01-05")]).await.is_empty());
    for query in [[("from", "2020-01-05"), ("to", "2020-01-01")], [("from", "soon"), ("to", "2020-01-01")]] {
        server.owner().get(USAGE).query(&query).problem(400, "bad_parameter").await;
    }
}

async fn who_may_not_reads_nothing(server: TestServer) {
    let one = format!("{INVOCATIONS}/{}", "0".repeat(24));
    for path in [INVOCATIONS, one.as_str(), LOGS, USAGE] {
        server.visitor().get(path).problem(401, "unauthenticated").await;
        server.user(&format!("ann{}", path.len())).await.get(path).problem(403, "forbidden").await;
        server.key(&["functions:read"]).await.get(path).problem(403, "scope_missing").await;
    }
    let viewer = server.operator("viewer").await;
    for path in [INVOCATIONS, LOGS, USAGE] {
        viewer.get(path).expect(200).await;
    }
    viewer.get(&one).problem(404, "invocation_not_found").await;
}
