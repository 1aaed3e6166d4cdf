//! The callers and the documents of the matrix.

use basalt_testing::{Client, TestServer};
use serde_json::{Map, Value, json};

use super::oracle::{Auth, RULES, Rule};

pub(super) const COLLECTION: &str = "things";

pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) client: Client,
    /// What rules see; `None` is a visitor.
    pub(super) auth: Option<Auth>,
    /// Rules don't bind him.
    pub(super) service: bool,
}

pub(super) struct World {
    pub(super) actors: Vec<Actor>,
    pub(super) documents: Vec<(String, Map<String, Value>)>,
}

impl World {
    pub(super) async fn build(server: &TestServer) -> Self {
        let owner = user(server, "owner", json!({"claims": {"team": "red"}})).await;
        let member = user(server, "member", json!({"roles": ["viewer"]})).await;
        let editor = user(server, "editor", json!({"roles": ["editor"], "claims": {"team": 5}})).await;
        let stranger = user(server, "stranger", json!({})).await;
        let documents = documents(&id(&owner), &id(&member));
        let visitor = Actor { name: "visitor", client: server.visitor(), auth: None, service: false };
        let service = Actor { name: "service", client: server.service().clone(), auth: None, service: true };
        let anonymous = anonymous(server).await;
        Self { actors: vec![visitor, anonymous, stranger, owner, member, editor, service], documents }
    }

    /// Puts every document back as it was, whatever the rules are.
    pub(super) async fn restore(&self, server: &TestServer) {
        let operations: Vec<Value> = self
            .documents
            .iter()
            .map(|(id, data)| json!({"op": "replace", "collection": COLLECTION, "id": id, "data": data}))
            .collect();
        server.service().post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    }
}

fn id(actor: &Actor) -> String {
    actor.auth.as_ref().map(|auth| auth.id.clone()).unwrap_or_default()
}

async fn user(server: &TestServer, name: &'static str, change: Value) -> Actor {
    let user = server.user(name).await;
    if change != json!({}) {
        server.owner().patch(&format!("/v1/admin/users/{}", user.id)).json(&change).expect(200).await;
    }
    let roles = change["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let team = change["claims"]["team"].as_str().map(str::to_owned);
    let auth = Auth { id: user.id.clone(), roles, team, anonymous: false };
    Actor { name, client: (*user).clone(), auth: Some(auth), service: false }
}

async fn anonymous(server: &TestServer) -> Actor {
    let answer = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let client = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    let auth = Auth { id: answer.text_at("/user/id"), anonymous: true, ..Auth::default() };
    Actor { name: "anonymous", client, auth: Some(auth), service: false }
}

/// Tidy and untidy ones: fields of other types than the rules expect, null, missing.
fn documents(owner: &str, member: &str) -> Vec<(String, Map<String, Value>)> {
    let all = [
        json!({"owner": owner, "public": false, "members": [member], "level": 3, "team": "red", "title": "plan"}),
        json!({"owner": owner, "public": true, "members": [], "level": 1, "title": "Plan", "access": {member: "write"}}),
        json!({"owner": member, "members": [owner, 7, null], "level": 2.5, "team": "green", "title": 12}),
        json!({"owner": null, "public": "true", "members": member, "level": "3", "team": null}),
        json!({"public": true, "members": {member: true}, "level": null, "team": ["red"], "title": "p"}),
        json!({"owner": [owner], "public": 1, "members": null, "level": true, "access": member}),
        json!({"title": null, "access": {owner: "read", member: "write"}, "level": 4}),
        json!({}),
    ];
    let maps = all.into_iter().filter_map(|value| value.as_object().cloned());
    maps.enumerate().map(|(n, map)| (format!("d{n}"), map)).collect()
}

/// Rules as the collection gets them: reading by one, writing by another.
pub(super) struct Pair {
    pub(super) read: &'static Rule,
    pub(super) write: &'static Rule,
}

impl Pair {
    /// Each rule once for reading and once for writing.
    pub(super) fn all() -> Vec<Self> {
        (0..RULES.len()).map(|n| Self { read: &RULES[n], write: &RULES[(n + 7) % RULES.len()] }).collect()
    }

    pub(super) async fn deploy(&self, server: &TestServer) {
        let update = format!("({}) && ({})", self.write.on("doc"), self.write.on("next"));
        let definition = json!({
            "rules": {
                "read": self.read.on("doc"),
                "create": self.write.on("next"),
                "update": update,
                "delete": self.write.on("doc"),
            },
            "acknowledge": ["create", "update", "delete"],
        });
        server.define(COLLECTION, &definition).await;
    }
}
