//! The command line's end.

use std::io::ErrorKind;
use std::path::Path;

use basalt_core::{Error, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::wire::Reply;
use super::{AdminCommand, SOCKET};

/// Has a running server do it; `None` where none runs on this data folder.
pub async fn send(data: &Path, command: &AdminCommand) -> Result<Option<Value>> {
    let path = data.join(SOCKET);
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        // Never there, or left behind by a server that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(Error::internal(format!("{}: {error}", path.display()))),
    };
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(command).map_err(Error::internal)?;
    line.push(b'\n');
    write.write_all(&line).await.map_err(Error::internal)?;
    let mut answer = String::new();
    BufReader::new(read).read_line(&mut answer).await.map_err(Error::internal)?;
    let reply: Reply = serde_json::from_str(&answer).map_err(Error::internal)?;
    Result::from(reply).map(Some)
}
