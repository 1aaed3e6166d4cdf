//! One large body, as fast as it goes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Result;

/// The plain handler, as a process.
pub(super) struct Plain {
    child: Child,
    pub(super) address: String,
    _folder: TempDir,
}

impl Plain {
    pub(super) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--plain").arg(folder.path().join("file")).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned(), _folder: folder })
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes a second until the answer is there.
pub(super) async fn put(address: &str, path: &str, key: Option<&str>, content: &[u8]) -> Result<f64> {
    let mut stream = TcpStream::connect(address).await?;
    let head = head("PUT", path, key, &format!("content-length: {}\r\n", content.len()));
    let begin = Instant::now();
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(content).await?;
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer[..read]);
    if !answer.starts_with("HTTP/1.1 20") {
        return Err(format!("an upload is answered by {answer}").into());
    }
    Ok(content.len() as f64 / begin.elapsed().as_secs_f64())
}

/// Bytes a second until the last of so many is there.
pub(super) async fn get(address: &str, path: &str, key: Option<&str>, length: usize) -> Result<f64> {
    let mut stream = TcpStream::connect(address).await?;
    let begin = Instant::now();
    stream.write_all(head("GET", path, key, "connection: close\r\n").as_bytes()).await?;
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            bytes => read += bytes,
        }
    }
    if read < length {
        return Err(format!("of {length} bytes {read} came").into());
    }
    Ok(length as f64 / begin.elapsed().as_secs_f64())
}

fn head(method: &str, path: &str, key: Option<&str>, more: &str) -> String {
    let bearer = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}{more}\r\n")
}
