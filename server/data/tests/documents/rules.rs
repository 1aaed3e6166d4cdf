use basalt_core::Caller;
use basalt_data::documents::{Condition, EntityTags, WriteOptions};
use serde_json::{Map, Value, json};

use crate::world::*;

fn ruled(rules: &Value) -> Value {
    json!({"rules": rules})
}

/// Readable and writable by the owner alone; `shared` ones readable by all.
fn owned() -> Value {
    ruled(&json!({
        "read": "doc.shared == true || auth.id == doc.owner",
        "create": "auth.id == next.owner",
        "update": "auth.id == doc.owner && unchanged('owner')",
        "delete": "auth.id == doc.owner",
    }))
}

async fn answers(world: &World, caller: &Caller, id: &str) -> [String; 5] {
    let answer = |result: Result<(), basalt_core::Error>| match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => told(&error),
    };
    let owner = caller.user().map_or("nobody".to_owned(), |user| user.id.to_string());
    [
        answer(world.get(caller, "notes", id).await.map(|_| ())),
        answer(world.patch(caller, "notes", id, json!({"n": 1})).await.map(|_| ())),
        answer(world.put(caller, "notes", id, json!({"owner": owner, "shared": id == "shared"})).await.map(|_| ())),
        answer(world.create(caller, "notes", json!({"id": id, "owner": "other"})).await.map(|_| ())),
        answer(world.delete(caller, "notes", id).await.map(|_| ())),
    ]
}

#[tokio::test]
async fn the_answers_of_the_contract_to_each_caller() {
    both(json!({"notes": owned()}), |world| async move {
        world.seed("notes", "hidden", json!({"owner": "u1"})).await;
        world.seed("notes", "shared", json!({"owner": "u1", "shared": true})).await;
        let stranger = user("u2");
        assert_eq!(
            answers(&world, &stranger, "hidden").await,
            [
                "404 document_not_found",
                "404 document_not_found",
                "409 document_exists",
                "403 rule_denied",
                "404 document_not_found"
            ]
        );
        assert_eq!(
            answers(&world, &stranger, "shared").await,
            ["ok", "403 rule_denied", "403 rule_denied", "403 rule_denied", "403 rule_denied"]
        );
        assert_eq!(
            answers(&world, &visitor(), "hidden").await,
            [
                "404 document_not_found",
                "404 document_not_found",
                "401 unauthenticated",
                "401 unauthenticated",
                "404 document_not_found"
            ]
        );
        assert_eq!(
            answers(&world, &visitor(), "shared").await,
            ["ok", "401 unauthenticated", "401 unauthenticated", "401 unauthenticated", "401 unauthenticated"]
        );
        assert_eq!(
            answers(&world, &visitor(), "missing").await,
            [
                "404 document_not_found",
                "404 document_not_found",
                "401 unauthenticated",
                "401 unauthenticated",
                "404 document_not_found"
            ]
        );
        let owner = user("u1");
        assert_eq!(answers(&world, &owner, "hidden").await, ["ok", "ok", "ok", "403 rule_denied", "ok"]);
        world.seed("notes", "taken", json!({"owner": "u1"})).await;
        let taken = world.create(&stranger, "notes", json!({"id": "taken", "owner": "u2"})).await;
        assert_eq!(refusal(taken), "409 document_exists");
    })
    .await;
}

#[tokio::test]
async fn without_rules_nobody_but_services_gets_in() {
    both(json!({"notes": {}, "half": {"rules": {"get": "true"}}}), |world| async move {
        let user = user("u1");
        world.seed("notes", "a", json!({"n": 1})).await;
        world.seed("half", "a", json!({"n": 1})).await;
        assert_eq!(refusal(world.get(&user, "notes", "a").await), "404 document_not_found");
        assert_eq!(refusal(world.create(&user, "notes", json!({})).await), "403 rule_missing");
        assert_eq!(refusal(world.create(&visitor(), "notes", json!({})).await), "401 unauthenticated");
        assert_eq!(refusal(world.patch(&user, "notes", "a", json!({})).await), "404 document_not_found");
        assert_eq!(refusal(world.patch(&user, "half", "a", json!({})).await), "403 rule_missing");
        assert_eq!(refusal(world.delete(&user, "half", "a").await), "403 rule_missing");
        assert_eq!(refusal(world.put(&visitor(), "half", "a", json!({})).await), "401 unauthenticated");
        assert_eq!(refusal(world.list(&user, "notes", json!({})).await), "403 rule_missing");
        assert_eq!(refusal(world.list(&visitor(), "half", json!({})).await), "403 rule_missing");
        assert_eq!(world.ids(&service(), "notes", json!({})).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn services_act_within_their_scopes() {
    both(json!({"notes": {}, "other": {}}), |world| async move {
        world.seed("notes", "a", json!({"n": 1})).await;
        let reader = service_with(&["documents:read:notes"]);
        assert!(world.get(&reader, "notes", "a").await.is_ok());
        assert_eq!(refusal(world.get(&reader, "other", "a").await), "403 scope_missing");
        assert_eq!(refusal(world.patch(&reader, "notes", "a", json!({})).await), "403 scope_missing");
        assert_eq!(refusal(world.create(&reader, "notes", json!({})).await), "403 scope_missing");
        let writer = service_with(&["documents:write"]);
        assert_eq!(refusal(world.get(&writer, "notes", "a").await), "403 scope_missing");
        assert_eq!(refusal(world.list(&writer, "notes", json!({})).await), "403 scope_missing");
        let written = world.patch(&writer, "notes", "a", json!({"n": {"$increment": 1}})).await.unwrap();
        assert_eq!(json!(written.body), json!({"id": "a", "rev": written.rev}), "writing is not reading");
        let condition = Condition { source: "doc.n == 2".to_owned(), vars: Map::new() };
        let options = WriteOptions { condition: Some(condition), ..WriteOptions::default() };
        let asking = world.patch_with(&writer, "notes", "a", json!({}), options).await;
        assert_eq!(refusal(asking), "403 scope_missing");
        let testing = json!([{"op": "test", "path": "/n", "value": 2}]);
        assert_eq!(refusal(world.patch(&writer, "notes", "a", testing).await), "403 scope_missing");
    })
    .await;
}

#[tokio::test]
async fn an_update_sees_what_is_stored_and_what_would_be() {
    both(json!({"notes": owned()}), |world| async move {
        let owner = user("u1");
        world.seed("notes", "a", json!({"owner": "u1"})).await;
        for patch in [
            json!({"owner": "u2"}),
            json!({"owner": null}),
            json!({"owner": {"$set": "u2"}}),
            json!([{"op": "replace", "path": "/owner", "value": "u2"}]),
            json!([{"op": "remove", "path": "/owner"}]),
        ] {
            assert_eq!(refusal(world.patch(&owner, "notes", "a", patch.clone()).await), "403 rule_denied", "{patch}");
        }
        assert_eq!(refusal(world.put(&owner, "notes", "a", json!({"owner": "u2"})).await), "403 rule_denied");
        let stolen = json!([{"op": "patch", "collection": "notes", "id": "a", "patch": {"owner": "u2"}}]);
        assert_eq!(refusal(world.transact(&owner, stolen).await), "403 rule_denied");
        let upsert = WriteOptions { upsert: true, ..WriteOptions::default() };
        let taken = world.patch_with(&user("u2"), "notes", "a", json!({"owner": "u2"}), upsert).await;
        assert_eq!(refusal(taken), "409 document_exists");
        assert_eq!(world.stored("notes", "a").await, json!({"owner": "u1"}));
    })
    .await;
}

#[tokio::test]
async fn what_is_hidden_is_as_if_missing_to_preconditions() {
    both(json!({"notes": owned()}), |world| async move {
        let stranger = user("u2");
        let rev = world.seed("notes", "hidden", json!({"owner": "u1"})).await;
        for tag in [format!("\"{rev}\""), "*".to_owned(), "\"other\"".to_owned()] {
            let options =
                || WriteOptions { if_match: Some(EntityTags::parse(&tag).unwrap()), ..WriteOptions::default() };
            for id in ["hidden", "missing"] {
                let patched = world.patch_with(&stranger, "notes", id, json!({}), options()).await;
                assert_eq!(refusal(patched), "404 document_not_found");
                let put = world.put_with(&stranger, "notes", id, json!({"owner": "u2"}), options()).await;
                assert_eq!(refusal(put), "412 precondition_failed");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_the_right_to_read_is_id_and_rev() {
    both(json!({"inbox": ruled(&json!({"create": "true"}))}), |world| async move {
        let written = world.create(&visitor(), "inbox", json!({"text": "hello"})).await.unwrap();
        assert_eq!(json!(written.body), json!({"id": written.id, "rev": written.rev}));
    })
    .await;
}

fn salaries() -> Value {
    json!({
        "schema": {"type": "object", "properties": {"salary": {"type": "integer", "maximum": 1000}}},
        "indexes": [{"fields": ["code"], "unique": true}],
        "hidden": ["internal"],
        "rules": {
            "read": "true", "create": "true", "update": "auth.id == 'boss' || auth.id == 'hr'", "delete": "true",
            "fields": {
                "salary": {"read": "'hr' in auth.roles", "write": "'hr' in auth.roles"},
                "pin": {"read": "auth.id == doc.owner"},
                "code": {"read": "false"},
                "stamp": {"write": "false"},
            },
        },
    })
}

#[tokio::test]
async fn unreadable_fields_never_come_out() {
    both(json!({"staff": salaries()}), |world| async move {
        let body = json!({"owner": "u1", "salary": 10, "pin": 1, "code": "c", "internal": "i", "name": "n"});
        world.seed("staff", "a", body.clone()).await;
        let shown = |caller: Caller| {
            let world = &world;
            async move {
                let fetched = world.get(&caller, "staff", "a").await.unwrap().body;
                let listed = world.list(&caller, "staff", json!({})).await.unwrap().items.remove(0);
                assert_eq!(fetched, listed);
                let mut names: Vec<String> = fetched.keys().cloned().collect();
                names.retain(|name| !["id", "rev", "createdAt", "updatedAt"].contains(&name.as_str()));
                names.join(" ")
            }
        };
        assert_eq!(shown(visitor()).await, "name owner");
        assert_eq!(shown(user("u1")).await, "name owner pin");
        assert_eq!(shown(user_with("u2", &["hr"])).await, "name owner salary");
        assert_eq!(shown(service()).await, "code internal name owner pin salary");
    })
    .await;
}

#[tokio::test]
async fn unreadable_fields_can_not_be_asked_about() {
    both(json!({"staff": salaries()}), |world| async move {
        world.seed("staff", "a", json!({"owner": "u1", "salary": 10, "internal": "i"})).await;
        let user = user("u1");
        for query in [
            json!({"filter": "salary > 5"}),
            json!({"filter": "doc.internal == 'i'"}),
            json!({"filter": "has(doc.salary)"}),
            json!({"filter": "!(name == 'x' && (salary < 5 || true))"}),
            json!({"filter": "doc[vars.f] == 10", "vars": {"f": "salary"}}),
            json!({"filter": "salary.deep == 1"}),
            json!({"sort": "-salary"}),
            json!({"sort": "name,internal"}),
            json!({"sort": "pin"}),
        ] {
            assert_eq!(refusal(world.list(&user, "staff", query.clone()).await), "400 bad_filter", "{query}");
        }
        let listed = world.list(&user_with("u2", &["hr"]), "staff", json!({"filter": "salary > 5"})).await;
        assert_eq!(listed.unwrap().items.len(), 1);
        let boss = user_with("boss", &[]);
        let condition = |source: &str| WriteOptions {
            condition: Some(Condition { source: source.to_owned(), vars: Map::new() }),
            ..WriteOptions::default()
        };
        for guess in ["doc.salary == 10", "has(doc.salary)", "doc.salary != 11"] {
            let asked = world.patch_with(&boss, "staff", "a", json!({"name": "x"}), condition(guess)).await;
            assert_eq!(refusal(asked), "409 condition_failed", "{guess}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_writer_learns_nothing_of_what_he_can_not_read() {
    both(json!({"staff": salaries()}), |world| async move {
        let boss = user("boss");
        world.seed("staff", "a", json!({"owner": "u1", "salary": 10, "pin": 7, "internal": "i", "code": "c"})).await;
        // A right guess is refused like a wrong one.
        for guess in [10, 11] {
            assert_eq!(refusal(world.patch(&boss, "staff", "a", json!({"salary": guess})).await), "403 rule_denied");
            let put = world.put(&boss, "staff", "a", json!({"owner": "u1", "salary": guess})).await;
            assert_eq!(refusal(put), "403 rule_denied");
        }
        // Operators, tests and copies would tell.
        for patch in [
            json!({"salary": {"$increment": 5000}}),
            json!({"pin": {"$max": 3}}),
            json!({"internal": {"$append": []}}),
            json!({"missing_or_not": 1, "pin": {"x": 1}}),
        ] {
            assert_eq!(refusal(world.patch(&boss, "staff", "a", patch.clone()).await), "403 rule_denied", "{patch}");
        }
        for patch in [
            json!([{"op": "test", "path": "/pin", "value": 7}]),
            json!([{"op": "copy", "from": "/pin", "path": "/name"}]),
            json!([{"op": "remove", "path": "/pin"}]),
        ] {
            assert_eq!(refusal(world.patch(&boss, "staff", "a", patch.clone()).await), "409 patch_failed", "{patch}");
        }
        // Whether it is there makes no difference.
        world.seed("staff", "b", json!({"owner": "u1"})).await;
        assert_eq!(refusal(world.patch(&boss, "staff", "b", json!({"pin": {"$max": 3}})).await), "403 rule_denied");
        let error = world.create(&boss, "staff", json!({"code": "c"})).await.unwrap_err();
        assert_eq!(told(&error), "409 unique_conflict");
        assert!(error.errors().is_empty(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn get_edit_put_keeps_what_can_not_be_read() {
    both(json!({"staff": salaries()}), |world| async move {
        let boss = user("boss");
        world.seed("staff", "a", json!({"owner": "u1", "salary": 10, "internal": "i", "stamp": 1, "name": "n"})).await;
        let mut body = world.get(&boss, "staff", "a").await.unwrap().body;
        body.insert("name".into(), "m".into());
        world.put(&boss, "staff", "a", Value::Object(body)).await.unwrap();
        let expected = json!({"owner": "u1", "salary": 10, "internal": "i", "stamp": 1, "name": "m"});
        assert_eq!(world.stored("staff", "a").await, expected);
        world.patch(&boss, "staff", "a", json!([{"op": "replace", "path": "/name", "value": "o"}])).await.unwrap();
        assert_eq!(world.stored("staff", "a").await["internal"], "i");
        // A field with its own write rule is judged only when it changes.
        assert_eq!(refusal(world.patch(&boss, "staff", "a", json!({"stamp": 2})).await), "403 rule_denied");
        assert_eq!(refusal(world.put(&boss, "staff", "a", json!({"name": "x"})).await), "403 rule_denied");
        let error = world.patch(&boss, "staff", "a", json!({"stamp": 2})).await.unwrap_err();
        assert_eq!(error.errors()[0].path, "/stamp");
    })
    .await;
}

#[tokio::test]
async fn rules_look_up_other_documents() {
    let definitions = json!({
        "teams": {},
        "notes": ruled(&json!({
            "read": "auth.id in get('teams', doc.team).members",
            "create": "exists('teams', next.team) && auth.id in get('teams', next.team).members",
            "update": "get('teams', get('teams', doc.team).parent).admin == auth.id",
        })),
    });
    both(definitions, |world| async move {
        world.seed("teams", "parent", json!({"admin": "u1", "members": []})).await;
        world.seed("teams", "t", json!({"members": ["u1", "u2"], "parent": "parent"})).await;
        let (admin, member, stranger) = (user("u1"), user("u2"), user("u3"));
        world.create(&member, "notes", json!({"id": "a", "team": "t"})).await.unwrap();
        assert_eq!(refusal(world.create(&member, "notes", json!({"team": "none"})).await), "403 rule_denied");
        assert_eq!(refusal(world.create(&stranger, "notes", json!({"team": "t"})).await), "403 rule_denied");
        assert!(world.get(&admin, "notes", "a").await.is_ok());
        assert_eq!(refusal(world.get(&stranger, "notes", "a").await), "404 document_not_found");
        world.patch(&admin, "notes", "a", json!({"n": 1})).await.unwrap();
        assert_eq!(refusal(world.patch(&member, "notes", "a", json!({"n": 2})).await), "403 rule_denied");
        assert_eq!(world.ids(&member, "notes", json!({})).await, ["a"]);
        assert!(world.ids(&stranger, "notes", json!({})).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn look_ups_may_lead_far() {
    let chain = (0..6).fold("next.at".to_owned(), |inner, _| format!("get('chain', {inner}).at"));
    let definitions = json!({"chain": {}, "notes": ruled(&json!({"create": format!("{chain} == 'end'")}))});
    both(definitions, |world| async move {
        for n in 0..6 {
            let at = if n == 5 { "end".to_owned() } else { format!("c{}", n + 1) };
            world.seed("chain", &format!("c{n}"), json!({"at": at})).await;
        }
        world.create(&user("u"), "notes", json!({"at": "c0"})).await.unwrap();
        assert_eq!(refusal(world.create(&user("u"), "notes", json!({"at": "c1"})).await), "403 rule_denied");
    })
    .await;
}

#[tokio::test]
async fn a_rule_may_limit_how_often() {
    let rules = json!({"read": "true", "create": "limit('notes', 2, duration('1m'))"});
    both(json!({"notes": ruled(&rules)}), |world| async move {
        let user = user("u1");
        for _ in 0..2 {
            world.create(&user, "notes", json!({})).await.unwrap();
        }
        let error = world.create(&user, "notes", json!({})).await.unwrap_err();
        assert_eq!(told(&error), "429 rate_limited");
        assert!(error.retry_after_hint().is_some());
        assert!(world.create(&user_with("u2", &[]), "notes", json!({})).await.is_ok());
        let three = json!([
            {"op": "create", "collection": "notes", "data": {}}, {"op": "create", "collection": "notes", "data": {}},
            {"op": "create", "collection": "notes", "data": {}}]);
        let error = world.transact(&user_with("u3", &[]), three).await.unwrap_err();
        assert_eq!((told(&error), &error.extensions()["operation"]), ("429 rate_limited".to_owned(), &json!(2)));
    })
    .await;
}
