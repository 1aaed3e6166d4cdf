//! Functions that tests deploy and call, and documents that functions leave.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::client::{Call, Client};

/// What each module begins with.
pub const IMPORTS: &str = "import { callable, http, onDocument, beforeDocument, onFile, onUser, beforeUser, onSchedule, \
                           onMessage, FunctionError } from \"basalt:functions\";\n";

/// Files of a deploy by their paths.
pub fn files(files: &[(&str, &str)]) -> Value {
    let files: Map<String, Value> = files.iter().map(|(path, text)| ((*path).to_owned(), json!(text))).collect();
    json!({ "files": files })
}

/// One module, after the imports that all have.
pub fn module(source: &str) -> Value {
    files(&[("functions/main.ts", &format!("{IMPORTS}{source}"))])
}

/// Deploys one module, after the imports that all have, and fails the test when it isn't applied.
pub async fn deploy(client: &Client, source: &str) -> Answer {
    let answer = client.post("/v1/admin/functions/deploy").json(&module(source)).expect(200).await;
    assert_eq!(answer.at("/applied"), true, "{answer}");
    answer
}

/// A call of a callable.
pub fn call(client: &Client, name: &str, input: &Value) -> Call {
    client.post(&format!("/v1/functions/{name}")).json(input)
}

/// Calls a callable and hands back its result.
pub async fn invoke(client: &Client, name: &str, input: Value) -> Value {
    call(client, name, &input).expect(200).await.body()
}

/// All documents of a collection, by their ids.
pub async fn all(client: &Client, collection: &str) -> Vec<Value> {
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
