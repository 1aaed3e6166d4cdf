//! The command line's end.

use std::io::ErrorKind;
use std::path::Path;

use basalt_core::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::wire::Reply;
use super::{AdminCommand, SOCKET};

/// Has a running server do it; `None` where none runs on this data folder.
pub async fn send(data: &Path, command: &AdminCommand) -> Result<Option<Value>> {
    let Some(stream) = connect(data).await? else { return Ok(None) };
    let (read, mut write) = stream.into_split();
    begin(command, &mut write).await?;
    let mut answer = String::new();
    BufReader::new(read).read_line(&mut answer).await.map_err(Error::internal)?;
    reply(answer.as_bytes()).map(Some)
}

/// The running server's socket; `None` where none runs on this data folder.
pub(crate) async fn connect(data: &Path) -> Result<Option<UnixStream>> {
    let path = data.join(SOCKET);
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Some(stream)),
        // Never there, or left behind by a server that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(Error::internal(format!("{}: {error}", path.display()))),
    }
}

/// Sends the line that says what to do.
pub(crate) async fn begin(command: &impl Serialize, write: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    let mut line = serde_json::to_vec(command).map_err(Error::internal)?;
    line.push(b'\n');
    write.write_all(&line).await.map_err(Error::internal)
}

/// What a reply's line says.
pub(crate) fn reply(line: &[u8]) -> Result<Value> {
    let reply: Reply = serde_json::from_slice(line).map_err(Error::internal)?;
    reply.into()
}
