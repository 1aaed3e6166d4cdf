//! Every route of files × callers × rules, against what the rules mean, said once more in Rust.

use std::collections::BTreeSet;

use basalt_testing::{Answer, Client, Part, TestServer, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{call, define_bucket, file, files, metadata, open, put};
use super::uploads::{begin, send};
use crate::support::{document, documents, query};

on_both_engines! {
    every_route_does_what_the_rules_of_the_bucket_say,
    every_route_that_takes_files_away_does_what_the_rules_say,
}

struct Rule {
    /// With `X` in the place of `doc` or `next`.
    text: &'static str,
    holds: fn(&Actor, &Kept) -> bool,
}

const RULES: [Rule; 7] = [
    Rule { text: "true", holds: |_, _| true },
    Rule { text: "false", holds: |_, _| false },
    Rule { text: "auth != null", holds: |actor, _| actor.id.is_some() },
    Rule { text: "auth.id == X.owner", holds: |actor, kept| actor.id.is_some() && actor.id == kept.owner },
    Rule { text: "X.data.shared == true", holds: |_, kept| kept.shared },
    Rule { text: "'editor' in auth.roles", holds: |actor, _| actor.editor },
    Rule {
        text: "X.size > 100 || auth.id == X.owner",
        holds: |actor, kept| kept.size > 100 || (actor.id.is_some() && actor.id == kept.owner),
    },
];

/// Who asks. `reads` and `writes` are of those whom rules don't bind.
struct Actor {
    name: &'static str,
    client: Client,
    id: Option<String>,
    editor: bool,
    by_scopes: Option<(bool, bool)>,
}

/// A file, as rules see it.
struct Kept {
    path: String,
    id: String,
    owner: Option<String>,
    shared: bool,
    size: usize,
}

impl Kept {
    fn of_no_size(&self) -> Self {
        let Self { path, id, owner, shared, .. } = self;
        Self { path: path.clone(), id: id.clone(), owner: owner.clone(), shared: *shared, size: 0 }
    }
}

async fn every_route_does_what_the_rules_of_the_bucket_say(server: TestServer) {
    for bucket in ["docs", "open"] {
        define_bucket(&server, bucket, &open()).await;
    }
    let actors = actors(&server).await;
    let kept = keep(&server, &actors, "").await;
    let mut mismatches = Vec::new();
    for n in 0..RULES.len() {
        let rule = |more: usize| &RULES[(n + more) % RULES.len()];
        let (get, list, write) = (rule(0), rule(2), rule(4));
        deploy(&server, get, list, write).await;
        for actor in &actors {
            let visible = |rule: &Rule| -> BTreeSet<&str> {
                let sees = |kept: &&Kept| actor.by_scopes.map_or_else(|| (rule.holds)(actor, kept), |(reads, _)| reads);
                kept.iter().filter(sees).map(|kept| kept.path.as_str()).collect()
            };
            for (route, asked) in [("get", get), ("list", list)] {
                for (path, seen) in reads(route, &actor.client, &kept).await {
                    if seen != visible(asked) {
                        let (name, wanted) = (actor.name, visible(asked));
                        mismatches.push(format!("{name} by {path} under {}: {seen:?}, not {wanted:?}", asked.text));
                    }
                }
            }
            for kept in &kept {
                let readable = visible(get).contains(kept.path.as_str());
                let may = actor.by_scopes.map_or_else(|| readable && (write.holds)(actor, kept), |(_, writes)| writes);
                // What he reads he may copy to where everybody may write.
                let copies = actor.by_scopes.map_or(readable, |(_, writes)| writes);
                let answers = writes(&actor.client, kept).await.into_iter().map(|(path, answer)| (path, answer, may));
                let made = copy(&actor.client, kept).await;
                // A form says no size: the rule is asked before its bytes come, and they count as none.
                let formed = may && (actor.by_scopes.is_some() || (write.holds)(actor, &kept.of_no_size()));
                let form = ("puts a form", put_form(&actor.client, kept).await, formed);
                for (path, answer, may) in answers.chain([form, ("copies", made, copies)]) {
                    if (answer.status < 300) != may || answer.status >= 500 {
                        let (name, get, write) = (actor.name, get.text, write.text);
                        mismatches.push(format!("{name} {path} under get {get}, write {write}: {answer}"));
                    }
                }
            }
        }
    }
    assert_none(&mismatches);
}

async fn every_route_that_takes_files_away_does_what_the_rules_say(server: TestServer) {
    let actors = actors(&server).await;
    let mut mismatches = Vec::new();
    for n in 0..RULES.len() {
        let rule = |more: usize| &RULES[(n + more) % RULES.len()];
        let (get, list, write) = (rule(0), rule(2), rule(4));
        define_bucket(&server, "docs", &open()).await;
        let mut kept = Vec::new();
        for (i, _) in actors.iter().enumerate() {
            kept.push(keep(&server, &actors, &format!("gone/{n}/{i}/")).await);
        }
        deploy(&server, get, list, write).await;
        for (actor, kept) in actors.iter().zip(&kept) {
            for kept in kept {
                let by_rules = (get.holds)(actor, kept) && (write.holds)(actor, kept);
                let may = actor.by_scopes.map_or(by_rules, |(_, writes)| writes);
                let releases = actor.by_scopes.is_some_and(|(_, writes)| writes);
                for (path, answer, may) in takes_away(&actor.client, kept, releases, may).await {
                    if (answer.status < 300) != may || answer.status >= 500 {
                        let (name, get, write) = (actor.name, get.text, write.text);
                        mismatches.push(format!("{name} {path} under get {get}, write {write}: {answer}"));
                    }
                }
            }
        }
    }
    assert_none(&mismatches);
}

fn assert_none(mismatches: &[String]) {
    let first = mismatches[..mismatches.len().min(30)].join("\n");
    assert!(mismatches.is_empty(), "{} mismatches:\n{first}", mismatches.len());
}

async fn actors(server: &TestServer) -> Vec<Actor> {
    server.declare(&["editor"]).await;
    let (owner, stranger, editor) = (server.user("ann").await, server.user("bob").await, server.user("eve").await);
    let role = json!({"roles": ["editor"]});
    server.owner().patch(&format!("/v1/admin/users/{}", editor.id)).json(&role).expect(200).await;
    let user = |name, user: &basalt_testing::User, editor| Actor {
        name,
        client: (**user).clone(),
        id: Some(user.id.clone()),
        editor,
        by_scopes: None,
    };
    let other = |name, client, by_scopes| Actor { name, client, id: None, editor: false, by_scopes };
    vec![
        user("owner", &owner, false),
        user("stranger", &stranger, false),
        user("editor", &editor, true),
        other("visitor", server.visitor(), None),
        // His session is for the admin API: here he is a visitor.
        other("operator", server.operator("viewer").await, None),
        other("service", server.service().clone(), Some((true, true))),
        other("key that reads", server.key(&["files:read"]).await, Some((true, false))),
        other("key of another bucket", server.key(&["files:read:x", "files:write:x"]).await, Some((false, false))),
    ]
}

async fn keep(server: &TestServer, actors: &[Actor], below: &str) -> Vec<Kept> {
    let mut all = Vec::new();
    for (path, whose, shared, size) in
        [("a/own", 0, false, 50), ("a/shared", 0, true, 60), ("b/large", 1, false, 500), ("b/nobodys", 5, false, 70)]
    {
        let path = format!("{below}{path}");
        let made = put(&actors[whose].client, "docs", &path, &vec![b'x'; size]).await;
        let data = json!({"data": {"shared": shared}});
        server.service().patch(&metadata("docs", &path)).json(&data).expect(200).await;
        all.push(Kept { path, id: made.text_at("/id"), owner: actors[whose].id.clone(), shared, size });
    }
    all
}

async fn deploy(server: &TestServer, get: &Rule, list: &Rule, write: &Rule) {
    let on = |rule: &Rule, name: &str| rule.text.replace('X', name);
    let rules = json!({
        "rules": {
            "get": on(get, "doc"),
            "list": on(list, "doc"),
            "create": on(write, "next"),
            "update": format!("({}) && ({})", on(write, "doc"), on(write, "next")),
            "delete": on(write, "doc"),
        },
        "acknowledge": ["create", "update", "delete"],
    });
    define_bucket(server, "docs", &rules).await;
}

/// The paths that are seen on each route that asks this rule.
async fn reads<'a>(rule: &str, client: &Client, kept: &'a [Kept]) -> Vec<(&'static str, BTreeSet<&'a str>)> {
    if rule == "list" {
        let filter = json!({"filter": "bucket == 'docs'"});
        return vec![
            ("list", listed(client.get(&files("docs")).send().await, kept)),
            ("list by filter", listed(client.get(&files("docs")).query(&[("filter", "size >= 0")]).send().await, kept)),
            ("list by prefix", listed_in_two(client, kept).await),
            ("documents", listed(client.get(&documents("files")).send().await, kept)),
            ("query", listed(client.post(&query("files")).json(&filter).send().await, kept)),
        ];
    }
    let mut seen = vec![("get", BTreeSet::new()), ("head", BTreeSet::new()), ("range", BTreeSet::new())];
    seen.extend([("metadata", BTreeSet::new()), ("signing", BTreeSet::new()), ("document", BTreeSet::new())]);
    seen.extend([("signed", BTreeSet::new()), ("picture", BTreeSet::new())]);
    for kept in kept {
        let sign = json!({"files": [{"path": kept.path, "method": "GET", "expiresIn": "1h"}]});
        let answers = [
            client.get(&file("docs", &kept.path)).send().await,
            client.call(Method::HEAD, &file("docs", &kept.path)).send().await,
            client.get(&file("docs", &kept.path)).header("Range", "bytes=0-0").send().await,
            client.get(&metadata("docs", &kept.path)).send().await,
            client.post(&call("docs", "sign")).json(&sign).send().await,
            client.get(&document("files", &kept.id)).send().await,
        ];
        for (answer, (_, seen)) in answers.iter().zip(&mut seen) {
            assert!(answer.status < 500, "{answer}");
            if answer.status < 300 {
                seen.insert(kept.path.as_str());
            }
        }
        // Whoever has a URL that was signed for who may read.
        if let Some(url) = answers[4].body().pointer("/items/0/url").and_then(Value::as_str) {
            client.visitor().get(url).expect(200).await;
            seen[6].1.insert(&kept.path);
        }
        // It is no picture, or not his to resize: which only who sees it is told.
        let picture = client.get(&format!("{}?width=10", file("docs", &kept.path))).send().await;
        if matches!(picture.code().as_deref(), Some("bad_image" | "size_not_allowed")) {
            seen[7].1.insert(&kept.path);
        }
    }
    seen
}

fn listed(answer: Answer, kept: &[Kept]) -> BTreeSet<&str> {
    if answer.code().as_deref() == Some("scope_missing") {
        return BTreeSet::new();
    }
    let items = answer.expect(200).items();
    kept.iter().map(|kept| kept.path.as_str()).filter(|path| items.iter().any(|item| item["path"] == *path)).collect()
}

async fn listed_in_two<'a>(client: &Client, kept: &'a [Kept]) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    for prefix in ["a/", "b/"] {
        all.extend(listed(client.get(&files("docs")).query(&[("prefix", prefix)]).send().await, kept));
    }
    all
}

/// Writes that leave a file as rules see it.
async fn writes(client: &Client, kept: &Kept) -> Vec<(&'static str, Answer)> {
    let same: Value = json!({"data": {"shared": kept.shared}});
    let content = vec![b'x'; kept.size];
    let sign = json!({"files": [{"path": kept.path, "method": "PUT", "expiresIn": "1h", "maxSize": kept.size}]});
    vec![
        ("changes metadata", client.patch(&metadata("docs", &kept.path)).json(&same).send().await),
        ("puts again", client.put(&file("docs", &kept.path)).body("text/plain", content.clone()).send().await),
        ("signs an upload", client.post(&call("docs", "sign")).json(&sign).send().await),
        ("uploads in pieces", upload(client, kept, &content).await),
    ]
}

/// A resumable upload: where it may begin it may end.
async fn upload(client: &Client, kept: &Kept, content: &[u8]) -> Answer {
    let begun = begin(client, "docs", &kept.path, kept.size).send().await;
    match begun.header("location") {
        Some(upload) => send(client, &upload, 0, content).await,
        None => begun,
    }
}

async fn put_form(client: &Client, kept: &Kept) -> Answer {
    let content = vec![b'x'; kept.size];
    let form = [Part::text("path", &kept.path), Part::file("x", "text/plain", &content)];
    client.post(&files("docs")).form(&form).send().await
}

async fn copy(client: &Client, kept: &Kept) -> Answer {
    let to = format!("copies/{}", kept.path);
    let copy = json!({"from": kept.path, "to": to, "toBucket": "open", "overwrite": true});
    client.post(&call("docs", "copy")).json(&copy).send().await
}

/// What leaves nothing to ask for: each with whether it may be.
async fn takes_away(client: &Client, kept: &Kept, releases: bool, may: bool) -> Vec<(&'static str, Answer, bool)> {
    let moved = format!("{}-moved", kept.path);
    let release = json!({"path": kept.path, "verdict": "clean"});
    let shift = json!({"from": kept.path, "to": moved});
    let scanned = client.post(&call("docs", "release")).json(&release).send().await;
    let shifted = client.post(&call("docs", "move")).json(&shift).send().await;
    let path = if shifted.status < 300 { &moved } else { &kept.path };
    let deleted = client.delete(&file("docs", path)).send().await;
    vec![("releases", scanned, releases), ("moves", shifted, may), ("deletes", deleted, may)]
}
