//! Collections and paths that many tests use.

use basalt_testing::{Client, TestServer, eventually};
use serde_json::{Value, json};

/// `/v1/collections/{collection}/documents`
pub(crate) fn documents(collection: &str) -> String {
    format!("/v1/collections/{collection}/documents")
}

/// `/v1/collections/{collection}/documents/{id}`
pub(crate) fn document(collection: &str, id: &str) -> String {
    format!("/v1/collections/{collection}/documents/{id}")
}

/// `/v1/collections/{collection}/query`
pub(crate) fn query(collection: &str) -> String {
    format!("/v1/collections/{collection}/query")
}

/// `/v1/collections/{collection}/aggregate`
pub(crate) fn aggregate(collection: &str) -> String {
    format!("/v1/collections/{collection}/aggregate")
}

/// The collection `notes`: each belongs to its owner, and his members read it too.
pub(crate) async fn define_notes(server: &TestServer) {
    let definition = json!({
        "indexes": [{"fields": ["owner", "-rank"]}, {"fields": ["slug"], "unique": true}],
        "rules": {
            "read": "auth.id == doc.owner || auth.id in doc.members",
            "create": "auth.id == next.owner",
            "update": "auth.id == doc.owner && unchanged('owner')",
            "delete": "auth.id == doc.owner",
        },
    });
    server.define("notes", &definition).await;
}

/// The collection `open`: everybody may do everything, so that a test is about something else than rules.
pub(crate) async fn define_open(server: &TestServer) {
    let definition = json!({
        "rules": {"read": "true", "write": "true"},
        "acknowledge": ["create", "update", "delete"],
    });
    server.define("open", &definition).await;
}

/// The collection's description once no index of it is being built.
pub(crate) async fn built(server: &TestServer, collection: &str) -> Value {
    eventually("the indexes", || async {
        let shown = server.owner().get(&format!("/v1/admin/collections/{collection}")).expect(200).await;
        (!shown.text().contains("building")).then(|| shown.body())
    })
    .await
}

/// Creates a document and hands back the answer's body.
pub(crate) async fn create(client: &Client, collection: &str, body: Value) -> Value {
    client.post(&documents(collection)).json(&body).expect(201).await.body()
}

/// The document as the caller reads it.
pub(crate) async fn get(client: &Client, collection: &str, id: &str) -> Value {
    client.get(&document(collection, id)).expect(200).await.body()
}

/// Without the server's own fields, for comparisons.
pub(crate) fn own_data(document: &Value) -> Value {
    let mut data = document.clone();
    if let Some(fields) = data.as_object_mut() {
        for name in ["id", "rev", "createdAt", "updatedAt"] {
            fields.remove(name);
        }
    }
    data
}
