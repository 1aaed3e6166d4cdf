//! The world of the bench: a collection under an owner rule with an index, users, and documents of about 600 bytes.

use serde_json::{Value, json};

use crate::connection::{Connection, Reply, request};
use crate::error::Result;
use crate::server::Server;

pub(crate) const USERS: usize = 8;
pub(crate) const PASSWORD: &str = "a long enough phrase";
const STATUSES: [&str; 4] = ["open", "done", "waiting", "dropped"];
const BATCH: usize = 500;

pub(crate) struct Seed {
    pub(crate) users: Vec<User>,
    pub(crate) documents: usize,
}

pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Seed {
    /// The user of a connection; his documents are those with `n % USERS` alike.
    pub(crate) fn user(&self, connection: usize) -> &User {
        &self.users[connection % USERS]
    }
}

pub(crate) fn email(n: usize) -> String {
    format!("user{n}@example.com")
}

/// A body of about 600 bytes.
pub(crate) fn body(owner: &str, n: usize) -> Value {
    json!({
        "owner": owner,
        "status": STATUSES[n / USERS % STATUSES.len()],
        "rank": (n * 7919) % 100_003,
        "title": format!("Document number {n}, as a person would have named it"),
        "tags": ["alpha", "beta", format!("t{}", n % 50)],
        "address": {"street": format!("{n} Long Street"), "city": "Springfield", "zip": format!("{:05}", n % 99_999)},
        "n": 0,
        "text": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et \
                 dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip.",
    })
}

pub(crate) async fn fill(server: &Server, documents: usize) -> Result<Seed> {
    let key = server.key()?;
    let mut connection = Connection::open(&server.address).await?;
    let definition = json!({
        "indexes": [{"fields": ["owner", "status", "-rank"]}],
        "rules": {
            "read": "auth.id == doc.owner",
            "create": "auth.id == next.owner",
            "update": "auth.id == doc.owner && unchanged('owner')",
        },
    });
    send(&mut connection, "PUT", "/v1/admin/collections/items", Some(&key), &definition).await?;
    let mut users = Vec::new();
    for n in 0..2 * USERS {
        let body = json!({"email": email(n), "password": PASSWORD});
        let reply = send(&mut connection, "POST", "/v1/auth/signup", None, &body).await?;
        let text = |pointer: &str| reply.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        // The others only sign in: a user's sessions are bounded, and the oldest ones end.
        if n < USERS {
            users.push(User { id: text("/user/id"), token: text("/session/accessToken") });
        }
    }
    for start in (0..documents).step_by(BATCH) {
        let operations: Vec<Value> = (start..documents.min(start + BATCH))
            .map(|n| {
                let data = body(&users[n % USERS].id, n);
                json!({"op": "create", "collection": "items", "id": format!("d{n}"), "data": data})
            })
            .collect();
        let transaction = json!({"operations": operations});
        send(&mut connection, "POST", "/v1/transactions", Some(&key), &transaction).await?;
    }
    Ok(Seed { users, documents })
}

async fn send(
    connection: &mut Connection,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<Value> {
    let Reply { status, body } =
        connection.exchange_whole(&request(method, path, token, Some(&body.to_string()))).await?;
    if !(200..300).contains(&status) {
        return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body)?)
}
