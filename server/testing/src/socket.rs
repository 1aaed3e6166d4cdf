//! A WebSocket to the server under test, and the list that a client makes of a subscription's frames.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, http};

use crate::client::Client;

/// How long a test waits for a frame before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of small buffers.
const NARROW: u32 = 4 << 10;

/// An open connection to `/v1/realtime`.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects as this caller, and fails the test when that is refused.
    pub async fn socket(&self) -> Socket {
        match self.try_socket().await {
            Ok(socket) => socket,
            Err(status) => panic!("the upgrade was answered {status}"),
        }
    }

    /// Connects; the error is the status of the refusal, 0 where there was no answer.
    pub async fn try_socket(&self) -> Result<Socket, u16> {
        self.open_socket(None).await
    }

    /// Connects with small buffers: what isn't read waits at the server, and many of these cost little.
    pub async fn narrow_socket(&self) -> Socket {
        match self.try_narrow_socket().await {
            Ok(socket) => socket,
            Err(status) => panic!("the upgrade was answered {status}"),
        }
    }

    pub async fn try_narrow_socket(&self) -> Result<Socket, u16> {
        self.open_socket(Some(NARROW)).await
    }

    async fn open_socket(&self, buffer: Option<u32>) -> Result<Socket, u16> {
        let authority = self.base().split("://").nth(1).expect("a base URL").to_owned();
        let mut request: Request<()> =
            format!("ws://{authority}/v1/realtime").into_client_request().expect("a WebSocket request");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("basalt.v1"));
        for (name, value) in self.header_pairs() {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request.headers_mut().insert(name, HeaderValue::from_bytes(&value).expect("a header's value"));
        }
        let stream = connect(&authority, buffer).await.map_err(|_| 0_u16)?;
        let size = buffer.map(|bytes| bytes as usize);
        let config = size.map(|size| WebSocketConfig::default().read_buffer_size(size).write_buffer_size(0));
        match tokio_tungstenite::client_async_with_config(request, stream, config).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(_) => Err(0),
        }
    }
}

async fn connect(authority: &str, buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let address = authority.parse().map_err(std::io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Socket {
    /// Goes properly, with a goodbye.
    pub async fn close(mut self) {
        // Who is gone already needn't go.
        let _ = self.stream.close(None).await;
    }

    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the connection takes a frame");
    }

    /// The raw stream, for what no good client does.
    pub fn stream(&mut self) -> &mut WebSocketStream<TcpStream> {
        &mut self.stream
    }

    /// The next frame; fails the test when none comes.
    pub async fn next(&mut self) -> Value {
        match self.try_next().await {
            Some(frame) => frame,
            None => panic!("the connection ended where a frame was expected"),
        }
    }

    /// The next frame, or `None` where the connection ends.
    pub async fn try_next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match message? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("a frame in JSON")),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame of a type; others are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Whether nothing comes until the answer to a ping: frames come in order.
    pub async fn expect_silence(&mut self) {
        self.send(&json!({"type": "ping", "id": "silence"})).await;
        let frame = self.next().await;
        assert_eq!(frame, json!({"type": "pong", "id": "silence"}));
    }

    /// Whether no message of a channel comes until the answer to a ping; who is there may be told.
    pub async fn expect_no_message(&mut self) {
        self.send(&json!({"type": "ping", "id": "silence"})).await;
        loop {
            let frame = self.next().await;
            match frame["type"].as_str() {
                Some("pong") => return,
                Some("presence") => {}
                _ => panic!("an unexpected frame: {frame}"),
            }
        }
    }

    /// Subscribes and waits for the first snapshot.
    pub async fn subscribe(&mut self, subscription: Value) -> List {
        let id = subscription["id"].clone();
        let mut frame = subscription;
        frame["type"] = "subscribe".into();
        self.send(&frame).await;
        loop {
            let frame = self.next().await;
            if frame["id"] == id {
                assert_eq!(frame["type"], "snapshot", "{frame}");
                let mut list = List::new(id.as_str().expect("an id"));
                list.apply(&frame);
                return list;
            }
        }
    }

    /// Applies frames to a list until it holds these documents.
    pub async fn until(&mut self, list: &mut List, wanted: &[Value]) {
        while list.docs != wanted {
            let frame = tokio::time::timeout(PATIENCE, self.next()).await;
            let frame = frame.unwrap_or_else(|_| panic!("the list stays {:#?}\ninstead of {wanted:#?}", list.docs));
            list.apply(&frame);
        }
    }
}

/// What a client makes of the frames of one subscription.
#[derive(Clone, Debug)]
pub struct List {
    pub id: String,
    pub docs: Vec<Value>,
    pub seq: String,
    /// Frames that were applied.
    pub frames: usize,
}

impl List {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), docs: Vec::new(), seq: String::new(), frames: 0 }
    }

    /// Frames of other subscriptions are passed over.
    pub fn apply(&mut self, frame: &Value) {
        if frame["id"] != self.id.as_str() {
            return;
        }
        self.frames += 1;
        match frame["type"].as_str() {
            Some("snapshot") => self.docs.clone_from(frame["docs"].as_array().expect("documents")),
            Some("change") => self.change(frame),
            Some("resync" | "ok") => return,
            _ => panic!("an odd frame: {frame}"),
        }
        let seq = frame["seq"].as_str().expect("a place in the log");
        // What comes behind the place itself says which query and rights it is of.
        let place = |text: &str| text.split('.').next().map(str::to_owned);
        assert!(place(seq) >= place(&self.seq), "frames come in the order of the log: {seq} after {}", self.seq);
        seq.clone_into(&mut self.seq);
    }

    fn change(&mut self, frame: &Value) {
        let doc = &frame["doc"];
        let place = self.docs.iter().position(|other| other["id"] == doc["id"]);
        let old = place.map(|place| self.docs.remove(place));
        let index = frame["index"].as_u64().map(|index| usize::try_from(index).expect("a place"));
        match frame["op"].as_str() {
            Some("removed") => assert_eq!(doc.as_object().map(serde_json::Map::len), Some(1), "only an id: {frame}"),
            Some("added") => {
                assert!(old.is_none(), "added twice: {frame}");
                self.docs.insert(index.expect("an index"), doc.clone());
            }
            Some("modified") => {
                assert!(old.is_some(), "modified though not there: {frame}");
                self.docs.insert(index.expect("an index"), doc.clone());
            }
            _ => panic!("an odd change: {frame}"),
        }
    }

    /// What is sent to go on where this list ends.
    pub fn resume(&self, subscription: &Value) -> Value {
        let mut frame = subscription.clone();
        frame["since"] = self.seq.clone().into();
        frame["type"] = "subscribe".into();
        frame
    }

    pub fn ids(&self) -> Vec<&str> {
        self.docs.iter().filter_map(|doc| doc["id"].as_str()).collect()
    }
}
