//! A server on loopback that events are sent to: it answers as it is told, and keeps what it heard.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver; it is gone when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    state: Mutex<State>,
    heard: Notify,
}

struct State {
    requests: VecDeque<Heard>,
    count: usize,
    reply: Arc<dyn Fn(&Heard) -> Reply + Send + Sync>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What it is answered with.
#[derive(Clone, Debug)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Nothing is said until the other side goes.
    Silence,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    pub fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, headers, body: body.to_owned() }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self::Answer { status, headers, body } = self else { return Vec::new() };
        let lines = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]);
        let headers: String = lines.collect();
        let length = if *status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        format!("HTTP/1.1 {status} Answer\r\n{headers}{length}\r\n{body}").into_bytes()
    }
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }
}

impl Receiver {
    /// Answers 204 until it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = State { requests: VecDeque::new(), count: 0, reply: Arc::new(|_: &Heard| Reply::status(204)) };
        let shared = Arc::new(Shared { state: Mutex::new(state), heard: Notify::new() });
        let mut tasks = JoinSet::new();
        let serving = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                connections.spawn(async move { shared.serve(stream).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, shared, _tasks: tasks }
    }

    /// `http://127.0.0.1:PORT/path`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on.
    pub fn answers(&self, reply: impl Fn(&Heard) -> Reply + Send + Sync + 'static) {
        self.shared.state().reply = Arc::new(reply);
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.shared.state().count
    }

    /// The next request that wasn't handed out yet; fails the test where none comes.
    pub async fn next(&self) -> Heard {
        let next = async {
            loop {
                let heard = self.shared.heard.notified();
                if let Some(request) = self.shared.state().requests.pop_front() {
                    return request;
                }
                heard.await;
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a request to the receiver")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut rest = Vec::new();
        while let Some(request) = read(&mut stream, &mut rest).await {
            let reply = Arc::clone(&self.state().reply)(&request);
            {
                let mut state = self.state();
                state.requests.push_back(request);
                state.count += 1;
            }
            self.heard.notify_one();
            let said = reply.bytes();
            if said.is_empty() {
                // Until the other side goes.
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            if stream.write_all(&said).await.is_err() {
                return;
            }
        }
    }
}

/// The next request of a connection; `None` at its end.
async fn read(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Option<Heard> {
    let mut piece = vec![0; 16 << 10];
    loop {
        if let Some((request, used)) = parse(rest) {
            rest.drain(..used);
            return Some(request);
        }
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => rest.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}

/// A whole request at the beginning of these bytes, and how many are its.
fn parse(bytes: &[u8]) -> Option<(Heard, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let whole = end + length.unwrap_or(0);
    let body = bytes.get(end..whole)?.to_vec();
    Some((Heard { method, path, headers, body }, whole))
}
