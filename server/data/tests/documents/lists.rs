use serde_json::{Value, json};

use crate::world::*;

async fn filled(world: &World) {
    for n in 0..10 {
        let owner = if n % 2 == 0 { "u1" } else { "u2" };
        let body = json!({"n": n, "owner": owner, "tags": [format!("t{}", n % 3)], "title": format!("{}", 9 - n)});
        world.seed("notes", &format!("d{n}"), body).await;
    }
}

fn owned() -> Value {
    json!({"rules": {"read": "auth.id == doc.owner", "create": "true"}, "indexes": [{"fields": ["owner", "-n"]}]})
}

#[tokio::test]
async fn a_list_holds_what_the_rule_allows_and_the_filter_asks_for() {
    both(json!({"notes": owned()}), |world| async move {
        filled(&world).await;
        let user = user("u1");
        assert_eq!(world.ids(&user, "notes", json!({"sort": "-n"})).await, ["d8", "d6", "d4", "d2", "d0"]);
        assert_eq!(world.ids(&user, "notes", json!({"filter": "n > 3", "sort": "n"})).await, ["d4", "d6", "d8"]);
        let query = json!({"filter": "n in vars.l && 't0' in doc.tags", "vars": {"l": [0, 1, 3, 6]}, "sort": "n"});
        assert_eq!(world.ids(&user, "notes", query).await, ["d0", "d6"]);
        assert_eq!(world.ids(&user, "notes", json!({"filter": "owner == 'u2'"})).await, [""; 0]);
        assert_eq!(world.ids(&user, "notes", json!({"filter": "other > 1"})).await, [""; 0]);
        assert_eq!(world.ids(&visitor(), "notes", json!({})).await, [""; 0]);
        assert_eq!(world.ids(&service(), "notes", json!({"filter": "n >= 8"})).await, ["d8", "d9"]);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_one_another_while_rows_come_and_go() {
    both(json!({"notes": owned()}), |world| async move {
        filled(&world).await;
        let user = user("u1");
        let query = |cursor: Option<String>| json!({"sort": "-n", "limit": 2, "cursor": cursor, "count": "exact"});
        let first = world.list(&user, "notes", query(None)).await.unwrap();
        assert_eq!(first.total, Some(5));
        assert_eq!(first.items.iter().map(|item| &item["n"]).collect::<Vec<_>>(), [8, 6]);
        world.delete(&service(), "notes", "d6").await.unwrap();
        world.seed("notes", "late", json!({"n": 5, "owner": "u1"})).await;
        world.seed("notes", "early", json!({"n": 7, "owner": "u1"})).await;
        let second = world.list(&user, "notes", query(first.next_cursor)).await.unwrap();
        assert_eq!(second.items.iter().map(|item| &item["n"]).collect::<Vec<_>>(), [5, 4]);
        let third = world.list(&user, "notes", query(second.next_cursor)).await.unwrap();
        assert_eq!(third.items.iter().map(|item| &item["n"]).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(third.next_cursor, None);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query_and_caller() {
    both(json!({"notes": owned(), "other": open()}), |world| async move {
        filled(&world).await;
        let user = user("u1");
        let query = |filter: &str, sort: &str, cursor: &Option<String>| json!({"filter": filter, "sort": sort, "limit": 1, "cursor": cursor});
        let cursor = world.list(&user, "notes", query("n > 1", "n", &None)).await.unwrap().next_cursor;
        assert!(cursor.is_some());
        world.list(&user, "notes", query("n > 1", "n", &cursor)).await.unwrap();
        for (caller, collection, query) in [
            (&user, "notes", query("n > 2", "n", &cursor)),
            (&user, "notes", query("n > 1", "-n", &cursor)),
            (&user, "other", query("n > 1", "n", &cursor)),
            (&user_with("u2", &[]), "notes", query("n > 1", "n", &cursor)),
            (&service(), "notes", query("n > 1", "n", &cursor)),
            (&user, "notes", query("n > 1", "n", &Some("nonsense".to_owned()))),
            (&user, "notes", query("n > 1", "n", &Some(String::new()))),
        ] {
            assert_eq!(refusal(world.list(caller, collection, query).await), "400 bad_cursor");
        }
    })
    .await;
}

#[tokio::test]
async fn bad_queries_say_what_is_wrong() {
    both(json!({"notes": open()}), |world| async move {
        let user = user("u1");
        for (query, expected) in [
            (json!({"filter": "n >"}), "400 bad_filter"),
            (json!({"filter": "nothing(n)"}), "400 bad_filter"),
            (json!({"filter": "auth.id == 'x'"}), "400 bad_filter"),
            (json!({"filter": "exists('notes', 'a')"}), "400 bad_filter"),
            (json!({"filter": "n + 1 == 2"}), "400 bad_filter"),
            (json!({"filter": ""}), "400 bad_filter"),
            (json!({"sort": "a,a"}), "400 bad_parameter"),
            (json!({"limit": 501}), "400 bad_parameter"),
            (json!({"limit": 0}), "400 bad_parameter"),
            (json!({"select": ["a..b"]}), "400 bad_parameter"),
            (json!({"search": "x"}), "400 not_searchable"),
            (json!({"filters": "x"}), "400 unknown_field"),
        ] {
            assert_eq!(refusal(world.list(&user, "notes", query.clone()).await), expected, "{query}");
        }
        let error = world.list(&user, "notes", json!({"filter": "a == 1 &&\n b =="})).await.unwrap_err();
        assert_eq!(error.errors()[0].line, Some(2));
        assert!(error.extensions().contains_key("column"));
        assert_eq!(refusal(world.list(&user, "nowhere", json!({})).await), "404 collection_not_found");
    })
    .await;
}

#[tokio::test]
async fn counting_alone_and_selecting() {
    both(json!({"notes": owned()}), |world| async move {
        filled(&world).await;
        let user = user("u1");
        let counted =
            world.list(&user, "notes", json!({"limit": 0, "count": "exact", "filter": "n > 2"})).await.unwrap();
        assert_eq!((counted.total, counted.items.len(), counted.next_cursor), (Some(3), 0, None));
        let nobody = world.list(&visitor(), "notes", json!({"limit": 0, "count": "exact"})).await.unwrap();
        assert_eq!(nobody.total, Some(0));
        let selected = world.list(&user, "notes", json!({"select": "n", "limit": 1, "sort": "n"})).await.unwrap();
        assert_eq!(selected.items[0].keys().collect::<Vec<_>>(), ["id", "n", "rev"]);
    })
    .await;
}

#[tokio::test]
async fn the_default_order_is_by_id() {
    both(json!({"notes": open()}), |world| async move {
        for id in ["b", "a", "c"] {
            world.seed("notes", id, json!({})).await;
        }
        assert_eq!(world.ids(&user("u"), "notes", json!({})).await, ["a", "b", "c"]);
        assert_eq!(world.ids(&user("u"), "notes", json!({"sort": "-id", "filter": "id != 'b'"})).await, ["c", "a"]);
    })
    .await;
}

#[tokio::test]
async fn field_rules_may_look_up_documents_for_each_row() {
    let definitions = json!({
        "teams": {},
        "notes": {"rules": {"read": "true", "fields": {"secret": {"read": "auth.id in get('teams', doc.team).members"}}}},
    });
    both(definitions, |world| async move {
        world.seed("teams", "mine", json!({"members": ["u1"]})).await;
        world.seed("teams", "other", json!({"members": []})).await;
        for (id, team) in [("a", "mine"), ("b", "other"), ("c", "none")] {
            world.seed("notes", id, json!({"team": team, "secret": id})).await;
        }
        let listed = world.list(&user("u1"), "notes", json!({})).await.unwrap();
        let secrets: Vec<_> = listed.items.iter().map(|item| item.get("secret").cloned()).collect();
        assert_eq!(secrets, [Some(json!("a")), None, None]);
    })
    .await;
}
