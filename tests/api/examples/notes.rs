//! `examples/notes`: its functions count words and share by e-mail.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::deploy;
use crate::functions::support::{call, eventually, invoke};
use crate::support::{create, document};

on_both_engines!(word_counts_follow_the_notes, a_note_is_shared_by_e_mail);

fn note(owner: &str, title: &str, body: &str) -> Value {
    json!({"owner": owner, "title": title, "body": body, "items": {}, "members": []})
}

async fn word_counts_follow_the_notes(server: TestServer) {
    deploy(&server, "notes").await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    let made = create(&ann, "notes", note(&ann.id, "Für morgen", "don't forget 3 eggs — or it's no cake")).await;
    let id = made["id"].as_str().unwrap();
    let counted = |words: u32| {
        let (ann, path) = (&ann, document("wordCounts", id));
        eventually("the count", move || {
            let path = path.clone();
            async move {
                let answer = ann.get(&path).send().await;
                (answer.status == 200 && answer.at("/words") == words).then_some(())
            }
        })
    };
    counted(10).await;
    let items = json!({"items": {"i1": {"text": "buy sugar", "done": false, "at": 1}}});
    ann.patch(&document("notes", id)).json(&items).expect(200).await;
    counted(12).await;
    ben.get(&document("wordCounts", id)).expect(404).await;
    ann.delete(&document("notes", id)).expect(204).await;
    eventually("the count is gone", || async {
        (server.service().get(&document("wordCounts", id)).send().await.status == 404).then_some(())
    })
    .await;
}

async fn a_note_is_shared_by_e_mail(server: TestServer) {
    deploy(&server, "notes").await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    let made = create(&ann, "notes", note(&ann.id, "Cake", "eggs and sugar")).await;
    let id = made["id"].as_str().unwrap();
    let share = json!({"note": id, "email": "cem@example.com"});
    let sent = invoke(&ann, "share", share.clone()).await;
    let message = eventually("the e-mail", || async {
        let outbox = server.owner().get("/v1/admin/outbox").expect(200).await.items();
        outbox.into_iter().find(|message| message["id"] == sent["id"])
    })
    .await;
    assert_eq!((&message["channel"], &message["function"]), (&json!("email"), &json!("share")));
    let said = &message["message"];
    assert_eq!((&said["to"], &said["content"]["subject"]), (&json!({"emails": ["cem@example.com"]}), &json!("Cake")));
    assert!(said["content"]["text"].as_str().unwrap().starts_with("eggs and sugar\n"), "{said}");

    call(&ben, "share", &share).problem(404, "note_not_found").await;
    call(&server.visitor(), "share", &share).problem(401, "unauthenticated").await;
    call(&ann, "share", &json!({"note": id, "email": "nobody"})).problem(422, "schema_violation").await;
    let members = json!({"members": [ben.id]});
    ann.patch(&document("notes", id)).json(&members).expect(200).await;
    call(&ben, "share", &share).problem(403, "not_yours").await;
}
