//! The running server's end: `admin.sock` in the data folder, mode 0600. Who may open it is the server's own user.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use basalt_core::{Code, Error, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::wire::Reply;
use super::{AdminCommand, SOCKET, Transfer, execute, session, transfer};
use crate::wire::Rooms;

/// Bytes of one command.
const MOST_BYTES: u64 = 1 << 20;

pub(crate) struct Socket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Socket {
    /// The data folder is locked by this process, so a socket that is there already was left behind.
    /// `url` is where the server answers HTTP.
    pub(crate) fn listen(data: &Path, rooms: Rooms, url: String) -> Result<Self> {
        let path = data.join(SOCKET);
        let failed = |error: std::io::Error| Error::internal(format!("{}: {error}", path.display()));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        #[expect(clippy::disallowed_methods, reason = "the Socket owns it and ends it when it is closed")]
        let task = tokio::spawn(accept(listener, Served { rooms, url }));
        Ok(Self { path, task })
    }

    pub(crate) async fn close(self) {
        self.task.abort();
        // An aborted task answers so.
        drop(self.task.await);
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the admin socket can't be removed");
        }
    }
}

/// The server that is spoken to.
#[derive(Clone)]
struct Served {
    rooms: Rooms,
    url: String,
}

async fn accept(listener: UnixListener, served: Served) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = served.clone();
                #[expect(clippy::disallowed_methods, reason = "a conversation ends with its connection")]
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &served).await {
                        tracing::debug!(%error, "a command broke off");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket can't accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, served: &Served) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        if (&mut lines).take(MOST_BYTES).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if let Ok(wanted) = serde_json::from_slice::<Transfer>(&line) {
            tracing::info!(?wanted, "a transfer over the admin socket");
            return transfer(&served.rooms, wanted, lines, write).await;
        }
        let reply = Reply::from(answer(served, &line).await);
        let mut bytes = serde_json::to_vec(&reply)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
    }
}

async fn answer(served: &Served, line: &[u8]) -> Result<serde_json::Value> {
    let unknown = |error| Error::new(Code::BadRequest, format!("This server doesn't know the command: {error}."));
    let command: AdminCommand = serde_json::from_slice(line).map_err(unknown)?;
    tracing::info!(?command, "a command over the admin socket");
    let result = match command {
        AdminCommand::Session => session(&served.rooms, &served.url).await,
        command => execute(&served.rooms, command).await,
    };
    if let Err(error) = &result
        && error.code() == Code::Internal
    {
        tracing::error!(?error, "a command failed");
    }
    result
}
