//! The server that live queries are measured on: fresh, with a service that writes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::connection::{Connection, Reply, request};
use crate::error::Result;
use crate::server::{Database, Server};

/// Users without credentials, as many as are wanted.
const APP: &str = "[auth]\nanonymous = true\n[auth.limits]\nsignUpsPerHour = 1000000\n";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) key: Arc<str>,
    connection: Connection,
}

impl World {
    pub(crate) async fn new(binary: &std::path::Path, database: &Database) -> Result<Self> {
        let server = Server::start_with(binary, database, APP)?;
        let (key, connection) = (server.key()?.into(), Connection::open(&server.address).await?);
        Ok(Self { server, key, connection })
    }

    /// A call of the service.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string);
        self.send(&request(method, path, Some(&self.key), body.as_deref())).await
    }

    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Value> {
        let Reply { status, body } = self.connection.exchange_whole(request).await?;
        if !(200..300).contains(&status) {
            let asked = String::from_utf8_lossy(request);
            let asked = asked.lines().next().unwrap_or_default();
            return Err(format!("{asked}: {status} {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn define(&mut self, collection: &str, rule: &str) -> Result<()> {
        let definition = json!({"rules": {"read": rule}});
        self.call("PUT", &format!("/v1/admin/collections/{collection}"), Some(&definition)).await?;
        Ok(())
    }

    /// One of the server's own figures.
    pub(crate) async fn metric(&mut self, name: &str) -> Result<f64> {
        self.metric_of(name, &[]).await
    }

    /// The same, of the row that has these labels, each as `name="value"`.
    pub(crate) async fn metric_of(&mut self, name: &str, labels: &[&str]) -> Result<f64> {
        let reply = self.connection.exchange_whole(&request("GET", "/metrics", Some(&self.key), None)).await?;
        let text = String::from_utf8(reply.body)?;
        let row = |line: &&str| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']));
            rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
        };
        let value = text.lines().find(row).and_then(|line| line.rsplit(' ').next());
        Ok(value.map(str::parse).transpose()?.unwrap_or(0.0))
    }

    /// Waits until the last subscriber is gone.
    pub(crate) async fn alone(&mut self) -> Result<()> {
        while self.metric("basalt_realtime_connections").await? > 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
