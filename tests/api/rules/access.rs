//! "Who can read what", and what the linter finds.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

on_both_engines! {
    it_tells_who_may_do_what,
    it_is_for_operators_only,
}

async fn it_tells_who_may_do_what(server: TestServer) {
    let definition = json!({
        "rules": {"read": "true", "create": "auth != null", "update": "auth.id == doc.owner"},
    });
    server.define("posts", &definition).await;
    let answer = server.owner().get("/v1/admin/rules/access").expect(200).await;
    let text = answer.text();
    assert!(text.contains("\"posts\""), "{answer}");
    let rows: Vec<Value> = answer.items().into_iter().filter(|row| row["collection"] == "posts").collect();
    let row = |op: &str| rows.iter().find(|row| row["op"] == op).unwrap_or_else(|| panic!("no {op}: {answer}"));
    let reach = |op: &str| (row(op)["visitor"].clone(), row(op)["signedIn"].clone());
    assert_ne!(reach("get"), reach("delete"), "{answer}");
    assert_ne!(row("get")["visitor"], row("create")["visitor"], "{answer}");
    assert_eq!(row("create")["visitor"], row("delete")["visitor"], "{answer}");
}

async fn it_is_for_operators_only(server: TestServer) {
    let ann = server.user("ann").await;
    server.visitor().get("/v1/admin/rules/access").problem(401, "unauthenticated").await;
    ann.get("/v1/admin/rules/access").problem(403, "forbidden").await;
    let viewer = server.operator("viewer").await;
    viewer.get("/v1/admin/rules/access").expect(200).await;
}
