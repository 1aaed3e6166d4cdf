use std::future::Future;
use std::time::{Duration, Instant};

use basalt_testing::Client;
use serde_json::{Value, json};

/// After a kill a job comes back when its lease has run out.
const PATIENCE: Duration = Duration::from_secs(90);

/// Deploys one module, after the imports that all have.
pub(super) async fn deploy(client: &Client, source: &str) {
    let imports = "import { callable, onDocument, onSchedule, FunctionError } from \"basalt:functions\";\n";
    let body = json!({"files": {"functions/main.ts": format!("{imports}{source}")}});
    let answer = client.post("/v1/admin/functions/deploy").json(&body).expect(200).await;
    assert_eq!(answer.at("/applied"), true, "{answer}");
}

pub(super) async fn define(client: &Client, collection: &str) {
    let path = format!("/v1/admin/collections/{collection}");
    let answer = client.put(&path).json(&json!({"indexes": [{"fields": ["of"]}]})).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}

pub(super) async fn invoke(client: &Client, name: &str, input: Value) -> Value {
    client.post(&format!("/v1/functions/{name}")).json(&input).expect(200).await.body()
}

/// All documents of a collection.
pub(super) async fn all(client: &Client, collection: &str) -> Vec<Value> {
    let path = format!("/v1/collections/{collection}/documents");
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut query = vec![("limit", "500"), ("sort", "id")];
        if !cursor.is_empty() {
            query.push(("cursor", cursor.as_str()));
        }
        let page = client.get(&path).query(&query).expect(200).await;
        all.extend(page.items());
        match page.at("/nextCursor").as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

/// Asks again and again until there is something.
pub(super) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < limit, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
