use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use serde_json::{Map, Value, json};

use super::oracle::Bound;
use super::world::{Actor, COLLECTION, Ruled, World};
use crate::support::{document, documents};

on_both_engines! {
    every_write_path_does_exactly_what_the_rules_allow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Done,
    NotFound,
    Denied,
    /// By a missing scope or role.
    Barred,
    Exists,
    ConditionFailed,
}

/// A document that isn't there.
const FRESH: &str = "fresh";
/// Whom rules don't bind tries the first few: of the others he would only show the same again.
const TRIED_BY_RIGHTS: usize = 2;

async fn every_write_path_does_exactly_what_the_rules_allow(server: TestServer) {
    let server = server.with_app("[auth]\nanonymous = true\n").await;
    let world = World::build(&server).await;
    let mut mismatches = Vec::new();
    for (n, ruled) in Ruled::all().iter().enumerate() {
        ruled.deploy(&server).await;
        if n == 0 {
            world.restore(&server).await;
        }
        for actor in &world.actors {
            let tried = if actor.bound == Bound::ByRules { world.documents.len() } else { TRIED_BY_RIGHTS };
            for (id, data) in world.documents.iter().take(tried) {
                for attempt in Attempt::on(id, data, actor) {
                    let answer = attempt.send(&actor.client).await;
                    let (seen, expected) = (outcome(&answer, actor), attempt.expected(ruled, actor, data));
                    if seen != expected {
                        let Ruled { get, write, .. } = ruled;
                        mismatches.push(format!(
                            "{} {} {id} under get {:?}, write {:?}: not {expected:?}: {answer}",
                            actor.name, attempt.path, get.text, write.text
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
        (409, Some("condition_failed")) => Outcome::ConditionFailed,
        (403, Some("scope_missing" | "operator_role_missing")) => Outcome::Barred,
        (401, Some("unauthenticated")) | (403, Some("rule_denied")) if answer.status == denied => Outcome::Denied,
        _ => panic!("{}: an answer that no rule explains: {answer}", actor.name),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Create,
    /// Of [`FRESH`] by a door that would also change it.
    PutFresh,
    Update,
    /// An update with a condition that is true of every document, or of none.
    UpdateWhere(bool),
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
    PatchWhere(String, Value, &'static str),
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
            attempt("deletes", Kind::Delete, Request::Delete(id.clone()), data),
            attempt(
                "patches where true",
                Kind::UpdateWhere(true),
                Request::PatchWhere(id.clone(), json!({"owner": me}), "!has(doc.nowhere)"),
                &taken,
            ),
            attempt(
                "patches where false",
                Kind::UpdateWhere(false),
                Request::PatchWhere(id.clone(), json!({"owner": me}), "has(doc.nowhere)"),
                &taken,
            ),
            attempt("upserts in a transaction", Kind::Put, upsert(&id, &json!({"touched": 1})), &touched),
        ]
        .into_iter()
        .chain(Self::of_nothing(data, &taken))
        .collect()
    }

    /// On a document that isn't there. A merge patch takes no nulls over.
    fn of_nothing(data: &Map<String, Value>, taken: &Map<String, Value>) -> [Self; 4] {
        let stored = |map: &Map<String, Value>| -> Map<String, Value> {
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let attempt = |path, request, next| Self { path, kind: Kind::PutFresh, request, next };
        let create = json!({"op": "create", "collection": COLLECTION, "id": FRESH, "data": taken});
        [
            attempt("puts anew a copy of", Request::Put(FRESH.to_owned(), json!(taken)), taken.clone()),
            attempt("upserts anew a copy of", Request::Upsert(FRESH.to_owned(), json!(data)), stored(data)),
            attempt("upserts anew in a transaction", upsert(FRESH, &json!(taken)), stored(taken)),
            attempt("creates in a transaction", Request::Transaction(create), taken.clone()),
        ]
    }

    /// What the rules say, by the oracle. An upsert of something hidden is refused like a PUT of it: the create rule
    /// is asked about what the patch alone would make.
    fn expected(&self, ruled: &Ruled, actor: &Actor, data: &Map<String, Value>) -> Outcome {
        if let Bound::ByRights { reads, writes } = actor.bound {
            return match self.kind {
                _ if !writes => Outcome::Barred,
                // A condition tells what is stored.
                Kind::UpdateWhere(_) if !reads => Outcome::Barred,
                Kind::UpdateWhere(false) => Outcome::ConditionFailed,
                _ => Outcome::Done,
            };
        }
        let auth = actor.auth.as_ref();
        let readable = ruled.get.allows(auth, data);
        let allowed = |yes: bool| if yes { Outcome::Done } else { Outcome::Denied };
        let updated = || allowed(ruled.write.allows(auth, data) && ruled.write.allows(auth, &self.next));
        match self.kind {
            Kind::Create | Kind::PutFresh => allowed(ruled.write.allows(auth, &self.next)),
            Kind::Update | Kind::UpdateWhere(_) | Kind::Delete if !readable => Outcome::NotFound,
            Kind::UpdateWhere(false) => Outcome::ConditionFailed,
            Kind::Update | Kind::UpdateWhere(true) => updated(),
            Kind::Put if readable => updated(),
            Kind::Put => {
                let created = match self.upserted() {
                    Some(patch) => patch.as_object().cloned().unwrap_or_default(),
                    None => self.next.clone(),
                };
                if ruled.write.allows(auth, &created) { Outcome::Exists } else { Outcome::Denied }
            }
            Kind::Delete => allowed(ruled.write.allows(auth, data)),
        }
    }

    /// The patch of an upsert.
    fn upserted(&self) -> Option<&Value> {
        match &self.request {
            Request::Upsert(_, patch) => Some(patch),
            Request::Transaction(operation) => operation.get("upsert").and(operation.get("patch")),
            _ => None,
        }
    }

    async fn send(&self, client: &Client) -> Answer {
        let call = match &self.request {
            Request::Post(body) => client.post(&documents(COLLECTION)).json(body),
            Request::Put(id, body) => client.put(&document(COLLECTION, id)).json(body),
            Request::Patch(id, body) => client.patch(&document(COLLECTION, id)).json(body),
            Request::PatchWhere(id, body, condition) => {
                client.patch(&document(COLLECTION, id)).query(&[("where", condition)]).json(body)
            }
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
        if self.kind == Kind::PutFresh {
            service.delete(&document(COLLECTION, FRESH)).expect(204).await;
        } else if self.kind == Kind::Create {
            service.delete(&document(COLLECTION, &answer.text_at("/id"))).expect(204).await;
        } else {
            let restored = service.put(&document(COLLECTION, id)).json(&json!(data)).send().await;
            assert!([200, 201].contains(&restored.status), "{restored}");
        }
    }
}

fn upsert(id: &str, patch: &Value) -> Request {
    Request::Transaction(json!({"op": "patch", "collection": COLLECTION, "id": id, "patch": patch, "upsert": true}))
}
