use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::functions::support::{deploy, eventually};
use crate::support::{create, define_open};

on_both_engines! {
    letters_are_listed_by_target_and_time_and_in_pages,
    a_list_tells_no_documents_and_a_letter_all,
    who_may_look_may_not_always_change,
    a_bad_question_is_refused,
}

const LETTERS: &str = "/v1/admin/deadletters";
const BROKEN: &str = r#"
    export const first = onDocument("open", { on: ["create"], retries: 0 }, async () => { throw new Error("broken"); });
    export const second = onDocument("open", { on: ["create"], retries: 0, when: "doc.n == 1" }, async () => {
        throw new FunctionError("no_thanks", "not this one");
    });
"#;

/// Three letters of `first`, one of `second`.
async fn prepare(server: &TestServer) -> Vec<Value> {
    define_open(server).await;
    deploy(server, BROKEN).await;
    for n in 1..=3 {
        create(&server.visitor(), "open", json!({"id": format!("d{n}"), "n": n})).await;
    }
    eventually("four dead letters", || async {
        Some(server.owner().get(LETTERS).expect(200).await.items()).filter(|items| items.len() == 4)
    })
    .await
}

async fn letters_are_listed_by_target_and_time_and_in_pages(server: TestServer) {
    prepare(&server).await;
    let owner = server.owner();
    let list = |query: &'static [(&str, &str)]| owner.get(LETTERS).query(query).expect(200);
    assert_eq!(list(&[("target", "function/first")]).await.items().len(), 3);
    let second = list(&[("target", "function/second")]).await.items();
    assert_eq!(second.len(), 1);
    assert_eq!(second[0]["target"], json!({"kind": "function", "name": "second"}));
    assert!(second[0]["error"].as_str().unwrap().contains("not this one"), "{second:?}");
    assert!(list(&[("target", "function/third")]).await.items().is_empty());
    assert!(list(&[("to", "2020-01-01T00:00:00Z")]).await.items().is_empty());
    assert_eq!(list(&[("from", "2020-01-01T00:00:00Z")]).await.items().len(), 4);
    let (mut cursor, mut ids) = (String::new(), Vec::new());
    loop {
        let mut query = vec![("limit", "3")];
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let page = owner.get(LETTERS).query(&query).expect(200).await;
        ids.extend(page.column("id"));
        match page.at("/nextCursor") {
            Value::String(next) => cursor = next,
            _ => break,
        }
    }
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

async fn a_list_tells_no_documents_and_a_letter_all(server: TestServer) {
    let letters = prepare(&server).await;
    let letter = letters.iter().find(|letter| letter["target"]["name"] == "second").unwrap();
    assert!(letter["event"].get("doc").is_none() && letter["event"]["subject"] == "d1", "{letter}");
    let one = server.owner().get(&format!("{LETTERS}/{}", letter["id"].as_str().unwrap())).expect(200).await;
    assert_eq!((one.at("/event/doc/n"), one.at("/event/type")), (json!(1), json!("basalt.document.created")));
    assert_eq!((one.at("/attempts"), one.at("/kind")), (json!(1), json!("event/function/second")));
}

async fn who_may_look_may_not_always_change(server: TestServer) {
    let letters = prepare(&server).await;
    let path = format!("{LETTERS}/{}", letters[0]["id"].as_str().unwrap());
    let (ann, key) = (server.user("ann").await, server.key(&["functions:write"]).await);
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(LETTERS).send().await,
            client.get(&path).send().await,
            client.post(&format!("{path}/replay")).send().await,
            client.delete(&path).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    let viewer = server.operator("viewer").await;
    viewer.get(&path).expect(200).await;
    viewer.post(&format!("{path}/replay")).problem(403, "operator_role_missing").await;
    viewer.delete(&path).problem(403, "operator_role_missing").await;
    let editor = server.operator("editor").await;
    editor.delete(&path).expect(204).await;
    editor.get(&path).problem(404, "dead_letter_not_found").await;
    let told: Vec<Value> = server.owner().get("/v1/admin/audit").expect(200).await.column("action");
    assert_eq!(told[0], "deadletters.delete");
    // What fails again is a letter again.
    let other = format!("{LETTERS}/{}", letters[1]["id"].as_str().unwrap());
    let event = editor.get(&other).expect(200).await.at("/event/id");
    editor.post(&format!("{other}/replay")).expect(202).await;
    eventually("the letter", || async {
        server.clock().advance(Duration::from_secs(1));
        let letters = server.service().get(LETTERS).expect(200).await.items();
        letters.iter().any(|letter| letter["event"]["id"] == event).then_some(())
    })
    .await;
}

async fn a_bad_question_is_refused(server: TestServer) {
    let owner = server.owner();
    owner.get(LETTERS).query(&[("from", "yesterday")]).problem(400, "bad_parameter").await;
    owner.get(LETTERS).query(&[("limit", "0")]).problem(400, "bad_parameter").await;
    owner.get(LETTERS).query(&[("cursor", "x")]).problem(400, "bad_cursor").await;
    owner.get(LETTERS).query(&[("colour", "red")]).problem(400, "unknown_parameter").await;
}
