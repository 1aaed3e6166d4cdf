use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn operations_see_those_before_them_and_answer_in_order() {
    both(json!({"orders": open(), "products": open()}), |world| async move {
        let user = user("u1");
        let rev = world.seed("products", "p", json!({"stock": 5})).await;
        let done = world
            .transact(
                &user,
                json!([
                    {"op": "check", "collection": "products", "id": "p", "ifMatch": rev},
                    {"op": "patch", "collection": "products", "id": "p", "patch": {"stock": {"$increment": -2}}, "where": "doc.stock >= 2"},
                    {"op": "patch", "collection": "products", "id": "p", "patch": {"stock": {"$increment": -2}}, "where": "doc.stock >= vars.n", "vars": {"n": 3}},
                    {"op": "create", "collection": "orders", "id": "o", "data": {"of": "p"}},
                    {"op": "replace", "collection": "orders", "id": "o", "data": {"of": "p", "n": 4}},
                    {"op": "check", "collection": "orders", "id": "none", "exists": false},
                    {"op": "create", "collection": "orders", "id": "gone", "data": {}},
                    {"op": "delete", "collection": "orders", "id": "gone"},
                    {"op": "create", "collection": "orders", "id": "gone", "data": {"again": true}},
                ]),
            )
            .await
            .unwrap();
        assert_eq!(done.results.len(), 9);
        assert_eq!(done.results[0], json!({"id": "p", "rev": rev, "document": null}));
        assert_eq!(done.results[1]["document"]["stock"], 3);
        assert_eq!(done.results[2]["document"]["stock"], 1);
        assert_eq!(done.results[4]["document"]["n"], 4);
        assert_eq!(done.results[7], json!({"id": "gone", "rev": null, "document": null}));
        assert!(done.seq.is_some());
        assert_eq!(world.stored("products", "p").await, json!({"stock": 1}));
        assert_eq!(world.stored("orders", "gone").await, json!({"again": true}));
        assert_eq!(world.log_length().await, 8, "each write is logged");
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_the_operations_own_and_nothing_is_written() {
    both(json!({"notes": open(), "closed": {"rules": {"get": "true"}}}), |world| async move {
        let user = user("u1");
        world.seed("notes", "a", json!({"n": 1})).await;
        world.seed("closed", "a", json!({})).await;
        let before = world.log_length().await;
        let first = json!({"op": "create", "collection": "notes", "id": "new", "data": {}});
        for (failing, expected) in [
            (
                json!({"op": "patch", "collection": "notes", "id": "a", "patch": {}, "where": "doc.n == 2"}),
                "409 condition_failed",
            ),
            (json!({"op": "check", "collection": "notes", "id": "a", "exists": false}), "409 condition_failed"),
            (json!({"op": "check", "collection": "notes", "id": "b"}), "409 condition_failed"),
            (json!({"op": "delete", "collection": "notes", "id": "a", "ifMatch": "old"}), "412 precondition_failed"),
            (json!({"op": "create", "collection": "notes", "id": "new", "data": {}}), "409 document_exists"),
            (json!({"op": "delete", "collection": "notes", "id": "none"}), "404 document_not_found"),
            (json!({"op": "patch", "collection": "closed", "id": "a", "patch": {}}), "403 rule_missing"),
            (json!({"op": "create", "collection": "nowhere", "data": {}}), "404 collection_not_found"),
            (
                json!({"op": "patch", "collection": "notes", "id": "a", "patch": {}, "where": "doc.n =="}),
                "400 bad_filter",
            ),
            (json!({"op": "create", "collection": "notes", "data": {"$a": 1}}), "400 bad_request"),
            (
                json!({"op": "patch", "collection": "notes", "id": "a", "patch": {"n": {"$union": [1]}}}),
                "409 operator_type_mismatch",
            ),
        ] {
            let error = world.transact(&user, json!([first, failing])).await.unwrap_err();
            assert_eq!(told(&error), expected, "{failing}");
            assert_eq!(error.extensions()["operation"], 1, "{failing}");
        }
        assert_eq!(world.log_length().await, before);
        assert_eq!(world.stored("notes", "new").await, json!(null));
    })
    .await;
}

#[tokio::test]
async fn unique_values_count_within_a_transaction() {
    let mut definition = open();
    definition["indexes"] = json!([{"fields": ["slug"], "unique": true}]);
    both(json!({"notes": definition}), |world| async move {
        let user = user("u1");
        let create =
            |id: &str, slug: &str| json!({"op": "create", "collection": "notes", "id": id, "data": {"slug": slug}});
        let error = world.transact(&user, json!([create("a", "x"), create("b", "x")])).await.unwrap_err();
        assert_eq!((told(&error), &error.extensions()["operation"]), ("409 unique_conflict".to_owned(), &json!(1)));
        world.transact(&user, json!([create("a", "x"), create("b", "y")])).await.unwrap();
        let moved = json!([
            {"op": "patch", "collection": "notes", "id": "a", "patch": {"slug": "z"}},
            {"op": "patch", "collection": "notes", "id": "b", "patch": {"slug": "x"}},
            {"op": "patch", "collection": "notes", "id": "a", "patch": {"slug": "y"}},
        ]);
        world.transact(&user, moved).await.unwrap();
        assert_eq!(world.stored("notes", "a").await, json!({"slug": "y"}));
        world
            .transact(&user, json!([{"op": "delete", "collection": "notes", "id": "a"}, create("c", "y")]))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn rules_of_later_operations_see_what_earlier_ones_wrote() {
    let definitions = json!({
        "teams": open(),
        "notes": {"rules": {"read": "true", "create": "auth.id in get('teams', next.team).members"}},
    });
    both(definitions, |world| async move {
        let user = user("u1");
        let note = json!({"op": "create", "collection": "notes", "data": {"team": "t"}});
        let team = json!({"op": "create", "collection": "teams", "id": "t", "data": {"members": ["u1"]}});
        let error = world.transact(&user, json!([note, team])).await.unwrap_err();
        assert_eq!((told(&error), &error.extensions()["operation"]), ("403 rule_denied".to_owned(), &json!(0)));
        world.transact(&user, json!([team, note])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn five_hundred_operations_are_one_commit() {
    let mut definition = open();
    definition["indexes"] = json!([{"fields": ["n"], "unique": true}]);
    both(json!({"notes": definition}), |world| async move {
        let operations: Vec<_> = (0..500)
            .map(|n| json!({"op": "create", "collection": "notes", "id": format!("n{n}"), "data": {"n": n}}))
            .collect();
        let done = world.transact(&user("u1"), json!(operations)).await.unwrap();
        assert_eq!(done.results.len(), 500);
        assert_eq!(
            world.list(&service(), "notes", json!({"limit": 0, "count": "exact"})).await.unwrap().total,
            Some(500)
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_transaction_reads_and_writes_is_bounded() {
    both(json!({"notes": open()}), |world| async move {
        world.seed("notes", "big", json!({"l": vec!["a"; 250_000]})).await;
        let check = json!({"op": "check", "collection": "notes", "id": "big", "where": "size(doc.l) > 0"});
        world.transact(&user("u1"), json!(vec![&check; 10])).await.unwrap();
        let error = world.transact(&user("u1"), json!(vec![&check; 100])).await.unwrap_err();
        assert_eq!(told(&error), "413 too_large");
        assert!(error.extensions().contains_key("operation"));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_of_checks_writes_nothing() {
    both(json!({"notes": open()}), |world| async move {
        world.seed("notes", "a", json!({})).await;
        let done =
            world.transact(&user("u1"), json!([{"op": "check", "collection": "notes", "id": "a"}])).await.unwrap();
        assert_eq!(done.seq, None);
        assert_eq!(world.log_length().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_check_sees_what_its_caller_reads() {
    let rules = json!({"rules": {"read": "auth.id == doc.owner"}});
    both(json!({"notes": rules}), |world| async move {
        world.seed("notes", "a", json!({"owner": "u1"})).await;
        let check = |exists: bool| json!([{"op": "check", "collection": "notes", "id": "a", "exists": exists}]);
        world.transact(&user("u1"), check(true)).await.unwrap();
        assert_eq!(refusal(world.transact(&user("u2"), check(true)).await), "409 condition_failed");
        world.transact(&user("u2"), check(false)).await.unwrap();
        let writer = service_with(&["documents:write"]);
        assert_eq!(refusal(world.transact(&writer, check(true)).await), "403 scope_missing");
    })
    .await;
}
