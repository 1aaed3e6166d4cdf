//! The callers and the documents of the matrix.

use basalt_testing::{Client, TestServer};
use serde_json::{Map, Value, json};

use super::oracle::{Auth, Bound, RULES, Rule};
use crate::support::create;

pub(super) const COLLECTION: &str = "things";
/// Each document of it refers to one thing, by the id that the thing has; everybody may read them.
pub(super) const LINKS: &str = "links";
/// The one document of it is what all things refer to; everybody may read it.
pub(super) const HUBS: &str = "hubs";
pub(super) const HUB: &str = "hub";
/// A word of every thing.
pub(super) const WORD: &str = "everywhere";

pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) client: Client,
    /// What rules see; `None` is a visitor.
    pub(super) auth: Option<Auth>,
    pub(super) bound: Bound,
    /// Whether the feed of changes is his to read.
    pub(super) follows: bool,
}

impl Actor {
    fn by_rules(name: &'static str, client: Client, auth: Option<Auth>) -> Self {
        Self { name, client, auth, bound: Bound::ByRules, follows: false }
    }

    fn by_rights(name: &'static str, client: Client, reads: bool, writes: bool) -> Self {
        Self { name, client, auth: None, bound: Bound::ByRights { reads, writes }, follows: false }
    }

    /// Whether this document is his to see, on a path that asks this rule.
    pub(super) fn sees(&self, rule: &Rule, document: &Map<String, Value>) -> bool {
        match self.bound {
            Bound::ByRules => rule.allows(self.auth.as_ref(), document),
            Bound::ByRights { reads, .. } => reads,
        }
    }
}

pub(super) struct World {
    pub(super) actors: Vec<Actor>,
    pub(super) documents: Vec<(String, Map<String, Value>)>,
}

impl World {
    pub(super) async fn build(server: &TestServer) -> Self {
        server.declare(&["viewer", "editor"]).await;
        server.define(HUBS, &json!({"rules": {"read": "true"}})).await;
        let owner = user(server, "owner", json!({"claims": {"team": "red"}})).await;
        let member = user(server, "member", json!({"roles": ["viewer"]})).await;
        let editor = user(server, "editor", json!({"roles": ["editor"], "claims": {"team": 5}})).await;
        let stranger = user(server, "stranger", json!({})).await;
        let documents = documents(&id(&owner), &id(&member));
        let key = async |scopes: &[&str]| {
            server.key(&[&["documents:read:links", "documents:read:hubs"], scopes].concat()).await
        };
        let actors = vec![
            Actor::by_rules("visitor", server.visitor(), None),
            anonymous(server).await,
            stranger,
            owner,
            member,
            editor,
            Actor { follows: true, ..Actor::by_rights("service", server.service().clone(), true, true) },
            Actor::by_rights("key that reads", key(&["documents:read:things"]).await, true, false),
            Actor::by_rights("key that writes", key(&["documents:write:things"]).await, false, true),
            Actor::by_rights("key of others", key(&["documents:write:x", "changes:read:links"]).await, false, false),
            Actor {
                follows: true,
                ..Actor::by_rights("key of the feed", key(&["changes:read:things"]).await, false, false)
            },
            // His session is for the admin API: at the doors of clients he is a visitor.
            Actor::by_rules("operator who views", server.operator("viewer").await, None),
        ];
        Self { actors, documents }
    }

    /// What leads to the things from elsewhere, and back to them.
    pub(super) async fn surround(&self, server: &TestServer) {
        let open = json!({"read": "true"});
        server.define(LINKS, &json!({"rules": open, "references": {"to": COLLECTION, "all": COLLECTION}})).await;
        server.define(HUBS, &json!({"rules": open, "inverse": {"back": format!("{COLLECTION}.hub")}})).await;
        let all: Vec<&str> = self.documents.iter().map(|(id, _)| id.as_str()).collect();
        for id in &all {
            create(server.service(), LINKS, json!({"id": id, "to": id, "all": all})).await;
        }
        create(server.service(), HUBS, json!({"id": HUB})).await;
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
    Actor::by_rules(name, (*user).clone(), Some(auth))
}

async fn anonymous(server: &TestServer) -> Actor {
    let answer = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let client = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    let auth = Auth { id: answer.text_at("/user/id"), anonymous: true, ..Auth::default() };
    Actor::by_rules("anonymous", client, Some(auth))
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
    let placed = |(n, mut map): (usize, Map<String, Value>)| {
        map.insert("place".to_owned(), json!({"lat": n, "lng": n}));
        map.insert("vector".to_owned(), json!([1, n]));
        map.insert("words".to_owned(), json!(format!("{WORD} number{n}")));
        map.insert("hub".to_owned(), json!(HUB));
        (format!("d{n}"), map)
    };
    maps.enumerate().map(placed).collect()
}

/// Rules as the collection gets them: each operation of reading by one of its own, writing by another.
pub(super) struct Ruled {
    pub(super) get: &'static Rule,
    pub(super) list: &'static Rule,
    pub(super) write: &'static Rule,
}

impl Ruled {
    /// Each rule once for each of the three; getting and listing never go by the same one, so that a path that asks
    /// the wrong rule shows.
    pub(super) fn all() -> Vec<Self> {
        let rule = |n: usize| &RULES[n % RULES.len()];
        (0..RULES.len()).map(|n| Self { get: rule(n), list: rule(n + 4), write: rule(n + 7) }).collect()
    }

    pub(super) async fn deploy(&self, server: &TestServer) {
        let update = format!("({}) && ({})", self.write.on("doc"), self.write.on("next"));
        let definition = json!({
            "rules": {
                "get": self.get.on("doc"),
                "list": self.list.on("doc"),
                "create": self.write.on("next"),
                "update": update,
                "delete": self.write.on("doc"),
            },
            "acknowledge": ["create", "update", "delete"],
            "indexes": [{"geo": "place"}],
            "vectors": {"vector": 2},
            "search": ["words"],
            "history": true,
            "references": {"hub": HUBS},
        });
        server.define(COLLECTION, &definition).await;
    }
}
