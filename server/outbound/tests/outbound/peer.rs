//! A server on loopback that says what it is told to, byte by byte, and keeps what it heard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use basalt_outbound::{Caps, Egress, Guarded, Network, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Answers each request by what `answer` makes of it; nothing more is said where that is nothing.
    pub(crate) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&heard);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                connections.spawn(async move { serve(stream, &kept, &*answer).await });
            }
        });
        Self { address, heard, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, heard: &Mutex<Vec<String>>, answer: &(dyn Fn(&str) -> Vec<u8> + Send + Sync)) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((before, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = before.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        heard.lock().unwrap().push(text.clone());
        let said = answer(&text);
        if stream.write_all(&said).await.is_err() {
            return;
        }
        if said.is_empty() {
            // Silence: until the other side goes.
            let _ = stream.read(&mut buffer).await;
            return;
        }
        request.clear();
    }
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A client for which loopback is let in.
pub(crate) fn guarded() -> Guarded {
    let private = vec![Network::parse("127.0.0.0/8").unwrap()];
    Guarded::new(&Options { private, ..Options::default() }).unwrap()
}

pub(crate) fn inside() -> Egress {
    Egress::of_operators()
}

pub(crate) fn caps() -> Caps {
    Caps::default()
}
