use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use serde_json::{Map, Value, json};

use super::world::{Actor, COLLECTION, Pair, World};
use crate::support::{document, documents};

on_both_engines! {
    every_write_path_does_exactly_what_the_rules_allow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Done,
    NotFound,
    Denied,
    Exists,
}

async fn every_write_path_does_exactly_what_the_rules_allow(server: TestServer) {
    let server = server.with_app("[auth]\nanonymous = true\n").await;
    let world = World::build(&server).await;
    let mut mismatches = Vec::new();
    for (n, pair) in Pair::all().iter().enumerate() {
        pair.deploy(&server).await;
        if n == 0 {
            world.restore(&server).await;
        }
        for actor in &world.actors {
            for (id, data) in &world.documents {
                for attempt in Attempt::on(id, data, actor) {
                    let answer = attempt.send(&actor.client).await;
                    let (seen, expected) = (outcome(&answer, actor), attempt.expected(pair, actor, data));
                    if seen != expected {
                        let Pair { read, write } = pair;
                        mismatches.push(format!(
                            "{} {} {id} under read {:?}, write {:?}: not {expected:?}: {answer}",
                            actor.name, attempt.path, read.text, write.text
                        ));
                    }
                    if answer.status < 300 {
                        attempt.undo(&server, id, data, &answer).await;
                    }
                }
            }
        }
    }
    let shown = mismatches.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(mismatches.is_empty(), "{} mismatches:\n{shown}", mismatches.len());
}

fn outcome(answer: &Answer, actor: &Actor) -> Outcome {
    let denied = if actor.auth.is_none() { 401 } else { 403 };
    match (answer.status, answer.code().as_deref()) {
        (200 | 201 | 204, _) => Outcome::Done,
        (404, Some("document_not_found")) => Outcome::NotFound,
        (409, Some("document_exists")) => Outcome::Exists,
        (401, Some("unauthenticated")) | (403, Some("rule_denied")) if answer.status == denied => Outcome::Denied,
        _ => panic!("{}: an answer that no rule explains: {answer}", actor.name),
    }
}

enum Kind {
    Create,
    Update,
    Put,
    Delete,
}

/// One way to write, and what would be stored.
struct Attempt {
    path: &'static str,
    kind: Kind,
    request: Request,
    next: Map<String, Value>,
}

enum Request {
    Post(Value),
    Put(String, Value),
    Patch(String, Value),
    JsonPatch(String, Value),
    Upsert(String, Value),
    Delete(String),
    Transaction(Value),
}

impl Attempt {
    fn on(id: &str, data: &Map<String, Value>, actor: &Actor) -> Vec<Self> {
        let me = actor.auth.as_ref().map_or("nobody", |auth| &auth.id);
        let with = |name: &str, value: Value| {
            let mut next = data.clone();
            next.insert(name.to_owned(), value);
            next
        };
        let (touched, taken) = (with("touched", json!(1)), with("owner", json!(me)));
        let opened = with("public", json!(true));
        let at = || json!({"collection": COLLECTION, "id": id});
        let operation = |op: &str, name: &str, value: Value| {
            let mut operation = at();
            operation["op"] = json!(op);
            operation[name] = value;
            Request::Transaction(operation)
        };
        let id = id.to_owned();
        let attempt = |path, kind, request, next: &Map<String, Value>| Self { path, kind, request, next: next.clone() };
        vec![
            attempt("creates a copy of", Kind::Create, Request::Post(json!(data)), data),
            attempt("creates his own of", Kind::Create, Request::Post(json!(taken)), &taken),
            attempt("patches", Kind::Update, Request::Patch(id.clone(), json!({"touched": 1})), &touched),
            attempt("takes by patch", Kind::Update, Request::Patch(id.clone(), json!({"owner": me})), &taken),
            attempt(
                "opens by JSON Patch",
                Kind::Update,
                Request::JsonPatch(id.clone(), json!([{"op": "add", "path": "/public", "value": true}])),
                &opened,
            ),
            attempt("upserts", Kind::Put, Request::Upsert(id.clone(), json!({"touched": 1})), &touched),
            attempt("replaces", Kind::Put, Request::Put(id.clone(), json!(touched)), &touched),
            attempt("takes by PUT", Kind::Put, Request::Put(id.clone(), json!(taken)), &taken),
            attempt(
                "patches in a transaction",
                Kind::Update,
                operation("patch", "patch", json!({"owner": me})),
                &taken,
            ),
            attempt("replaces in a transaction", Kind::Put, operation("replace", "data", json!(touched)), &touched),
            attempt("deletes in a transaction", Kind::Delete, operation("delete", "op", json!("delete")), data),
            attempt("deletes", Kind::Delete, Request::Delete(id), data),
        ]
    }

    /// What the rules say, by the oracle. An upsert of something hidden is refused like a PUT of it: the create rule
    /// is asked about what the patch alone would make.
    fn expected(&self, pair: &Pair, actor: &Actor, data: &Map<String, Value>) -> Outcome {
        if actor.service {
            return Outcome::Done;
        }
        let auth = actor.auth.as_ref();
        let readable = pair.read.allows(auth, data);
        let allowed = |yes: bool| if yes { Outcome::Done } else { Outcome::Denied };
        let updated = || allowed(pair.write.allows(auth, data) && pair.write.allows(auth, &self.next));
        match self.kind {
            Kind::Create => allowed(pair.write.allows(auth, &self.next)),
            Kind::Update | Kind::Delete if !readable => Outcome::NotFound,
            Kind::Update => updated(),
            Kind::Put if readable => updated(),
            Kind::Put => {
                let created = match &self.request {
                    Request::Upsert(_, patch) => patch.as_object().cloned().unwrap_or_default(),
                    _ => self.next.clone(),
                };
                if pair.write.allows(auth, &created) { Outcome::Exists } else { Outcome::Denied }
            }
            Kind::Delete => allowed(pair.write.allows(auth, data)),
        }
    }

    async fn send(&self, client: &Client) -> Answer {
        let call = match &self.request {
            Request::Post(body) => client.post(&documents(COLLECTION)).json(body),
            Request::Put(id, body) => client.put(&document(COLLECTION, id)).json(body),
            Request::Patch(id, body) => client.patch(&document(COLLECTION, id)).json(body),
            Request::Upsert(id, body) => {
                client.patch(&document(COLLECTION, id)).query(&[("upsert", "true")]).json(body)
            }
            Request::JsonPatch(id, body) => {
                client.patch(&document(COLLECTION, id)).body("application/json-patch+json", body.to_string())
            }
            Request::Delete(id) => client.delete(&document(COLLECTION, id)),
            Request::Transaction(operation) => {
                client.post("/v1/transactions").json(&json!({"operations": [operation]}))
            }
        };
        call.send().await
    }

    /// Puts things back, so that the next attempt finds the same world.
    async fn undo(&self, server: &TestServer, id: &str, data: &Map<String, Value>, answer: &Answer) {
        let service = server.service();
        if matches!(self.kind, Kind::Create) {
            service.delete(&document(COLLECTION, &answer.text_at("/id"))).expect(204).await;
        } else {
            let restored = service.put(&document(COLLECTION, id)).json(&json!(data)).send().await;
            assert!([200, 201].contains(&restored.status), "{restored}");
        }
    }
}
