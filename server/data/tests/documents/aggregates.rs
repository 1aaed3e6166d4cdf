use basalt_core::{Caller, Result};
use basalt_data::documents::{AggregateQuery, Aggregated};
use serde_json::{Value, json};

use crate::world::*;

async fn aggregate(world: &World, caller: &Caller, query: Value) -> Result<Aggregated> {
    world.documents.aggregate(caller, &name("sales"), AggregateQuery::from_body(object(query))?).await
}

fn sales() -> Value {
    json!({"sales": {"rules": {
        "list": "auth.id == doc.owner || auth.id == 'all'",
        "fields": {"cost": {"read": "false"}},
    }}})
}

async fn filled(world: &World) {
    for (n, genre) in ["Drama", "Comedy", "Drama", "Action"].into_iter().enumerate() {
        let owner = if n == 3 { "u2" } else { "u1" };
        let body = json!({"genre": genre, "amount": n, "owner": owner, "cost": 1});
        world.seed("sales", &format!("s{n}"), body).await;
    }
    world.seed("sales", "s9", json!({"owner": "u1", "amount": 10})).await;
}

#[tokio::test]
async fn groups_are_of_what_the_caller_may_list() {
    both(sales(), |world| async move {
        filled(&world).await;
        let query = json!({"groupBy": ["genre"], "sort": "-n,genre",
            "measures": {"n": {"count": true}, "total": {"sum": "amount"}, "most": {"max": "amount"}}});
        let mine = aggregate(&world, &user("u1"), query.clone()).await.unwrap();
        assert_eq!(
            json!(mine.items),
            json!([
                {"genre": "Drama", "n": 2, "total": 2, "most": 2},
                {"genre": null, "n": 1, "total": 10, "most": 10},
                {"genre": "Comedy", "n": 1, "total": 1, "most": 1},
            ])
        );
        assert_eq!(aggregate(&world, &user("all"), query.clone()).await.unwrap().items.len(), 4);
        assert!(aggregate(&world, &visitor(), query).await.unwrap().items.is_empty());
        let all = aggregate(&world, &user("all"), json!({"filter": "amount > 1"})).await.unwrap();
        assert_eq!(json!(all.items), json!([{"count": 3}]));
        let none =
            aggregate(&world, &user("u3"), json!({"measures": {"n": {"count": true}, "a": {"avg": "amount"}}})).await;
        assert_eq!(json!(none.unwrap().items), json!([{"n": 0, "a": null}]));
    })
    .await;
}

#[tokio::test]
async fn groups_come_in_pages() {
    both(sales(), |world| async move {
        filled(&world).await;
        let query =
            |cursor: &Option<String>| json!({"groupBy": "genre", "sort": "genre", "limit": 3, "cursor": cursor});
        let caller = user("all");
        let first = aggregate(&world, &caller, query(&None)).await.unwrap();
        assert_eq!(first.items.len(), 3);
        let second = aggregate(&world, &caller, query(&first.next_cursor)).await.unwrap();
        assert_eq!((second.items.len(), second.next_cursor), (1, None));
        let other = json!({"groupBy": "genre", "limit": 3, "cursor": first.next_cursor});
        assert_eq!(refusal(aggregate(&world, &caller, other).await), "400 bad_cursor");
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_read_can_not_be_measured() {
    both(sales(), |world| async move {
        filled(&world).await;
        let caller = user("u1");
        for query in [
            json!({"groupBy": "cost"}),
            json!({"groupBy": [{"field": "cost.deep", "as": "x"}]}),
            json!({"measures": {"c": {"sum": "cost"}}}),
            json!({"filter": "cost == 1"}),
        ] {
            assert_eq!(refusal(aggregate(&world, &caller, query.clone()).await), "400 bad_filter", "{query}");
        }
        assert_eq!(refusal(aggregate(&world, &caller, json!({"sort": "cost"})).await), "400 bad_parameter");
        let service = aggregate(&world, &service(), json!({"measures": {"c": {"sum": "cost"}}})).await.unwrap();
        assert_eq!(json!(service.items), json!([{"c": 4}]));
    })
    .await;
}

#[tokio::test]
async fn sums_that_do_not_fit_are_refused() {
    both(sales(), |world| async move {
        for n in 0..2 {
            world.seed("sales", &format!("s{n}"), json!({"owner": "u1", "amount": i64::MAX})).await;
        }
        let sum = json!({"measures": {"total": {"sum": "amount"}}});
        assert_eq!(refusal(aggregate(&world, &user("u1"), sum).await), "400 overflow");
    })
    .await;
}
