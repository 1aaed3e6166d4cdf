//! `basalt export` and `basalt import`: by the socket of a server that runs on the data folder, else on the database
//! itself.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use basalt_core::{Code, Error, Result};
use basalt_data::documents::{Unzip, Zip};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::arguments::{Export, Import};
use super::output::{Output, text};
use crate::admin::{self, LAST, Transfer};
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire;

const PIECE: usize = 64 << 10;
/// What a file of gzip begins with, and no line of JSON.
const GZIP: u8 = 0x1f;
/// How often the progress is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

type Reader = Box<dyn AsyncRead + Send + Unpin>;

pub(super) async fn export(command: Export, configuration: &Configuration, outside: &Outside) -> Result<ExitCode> {
    let Export { collection, filter, gzip } = command;
    let nothing: Reader = Box::new(tokio::io::empty());
    let mut out = Out { held: Vec::new(), zip: gzip.then(Zip::default) };
    let mut progress = Progress::new(None);
    let mut documents = 0_u64;
    let transfer = Transfer::Export { collection, filter };
    let told = run(transfer, nothing, configuration, outside, async |line| {
        out.take(&line).await?;
        documents += 1;
        progress.show(|| format!("{documents} documents"));
        Ok(())
    })
    .await;
    // What broke off gets no end, so that nobody takes it for the whole.
    let told = match told {
        Ok(_) => out.finish().await,
        Err(error) => out.write().await.and(Err(error)),
    };
    progress.clear();
    told.map(|()| ExitCode::SUCCESS)
}

/// Standard output, a piece at a time.
struct Out {
    held: Vec<u8>,
    zip: Option<Zip>,
}

impl Out {
    async fn take(&mut self, line: &[u8]) -> Result<()> {
        self.held.extend_from_slice(line);
        if self.held.len() >= PIECE { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<()> {
        let piece = std::mem::take(&mut self.held);
        let piece = match &mut self.zip {
            Some(zip) => zip.take(&piece)?,
            None => piece,
        };
        let mut out = tokio::io::stdout();
        out.write_all(&piece).await.map_err(Error::internal)?;
        out.flush().await.map_err(Error::internal)
    }

    async fn finish(mut self) -> Result<()> {
        self.write().await?;
        self.held = self.zip.take().map(Zip::finish).transpose()?.unwrap_or_default();
        self.write().await
    }
}

pub(super) async fn import(
    command: Import,
    configuration: &Configuration,
    outside: &Outside,
    output: &Output,
) -> Result<ExitCode> {
    let Import { collection, file, mode, no_hooks, from } = command;
    let (reader, bytes): (Reader, Option<u64>) = if file == "-" {
        (Box::new(tokio::io::stdin()), None)
    } else {
        let opened = tokio::fs::File::open(&file).await;
        let opened = opened.map_err(|error| Error::new(Code::BadRequest, format!("{file}: {error}")))?;
        let bytes = opened.metadata().await.ok().map(|metadata| metadata.len());
        (Box::new(opened), bytes)
    };
    let mut progress = Progress::new(bytes);
    let counted = Counted { inner: reader, read: std::sync::Arc::clone(&progress.read) };
    let (mut last_line, mut summary) = (0, String::new());
    let transfer = Transfer::Import { collection, mode, hooks: !no_hooks, from };
    let told = run(transfer, Box::new(counted), configuration, outside, async |line| {
        let line: Value = serde_json::from_slice(&line).map_err(Error::internal)?;
        if let Some(done) = line.get("progress") {
            last_line = done["lastLine"].as_u64().unwrap_or(last_line);
            summary = counts(done);
            progress.show(|| summary.clone());
        } else {
            progress.clear();
            failure(output, &line);
        }
        Ok(())
    })
    .await;
    progress.clear();
    match told {
        Ok(done) => {
            output.result(&done, || format!("{}.", counts(&done)));
            Ok(if done["failed"] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) if last_line > 0 => {
            let next = last_line + 1;
            let detail =
                format!("{} Line {last_line} and those before are done: go on with --from {next}.", error.detail());
            Err(Error::new(error.code(), detail)
                .with("lastLine", last_line)
                .caused_by(error.cause().unwrap_or_default()))
        }
        Err(error) => Err(error),
    }
}

fn counts(done: &Value) -> String {
    let count = |name: &str| done[name].as_u64().unwrap_or(0);
    format!("{} created, {} replaced, {} failed", count("created"), count("replaced"), count("failed"))
}

fn failure(output: &Output, line: &Value) {
    if output.json {
        text(&line.to_string());
        return;
    }
    let word = |name: &str| line[name].as_str().unwrap_or("").to_owned();
    let errors: Vec<String> = line["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| format!("{}: {}", error["path"].as_str().unwrap_or(""), error["message"].as_str().unwrap_or("")))
        .collect();
    let told =
        format!("line {} {} {}: {} {}", line["line"], word("id"), word("code"), word("detail"), errors.join("; "));
    // Who closed standard error wants to hear nothing.
    let _ = writeln!(std::io::stderr(), "{}", told.trim_end());
}

/// Sends the documents of `source`, hands each line that comes back to `each`, and answers with the last.
async fn run(
    transfer: Transfer,
    source: Reader,
    configuration: &Configuration,
    outside: &Outside,
    each: impl AsyncFnMut(Vec<u8>) -> Result<()>,
) -> Result<Value> {
    if configuration.database_url.is_none()
        && let Some(stream) = admin::connect(&configuration.data).await?
    {
        let (read, mut write) = stream.into_split();
        admin::begin(&transfer, &mut write).await?;
        return converse(source, write, read, each).await;
    }
    // The app's folder is of no concern here: nothing of it is applied by a command.
    let configuration = Configuration { app: None, ..configuration.clone() };
    let issuer = configuration.base_url(configuration.listen);
    let rooms = wire::rooms(&configuration, outside, issuer).await?.rooms;
    let (near, far) = tokio::io::duplex(PIECE);
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    let (served, told) = tokio::join!(
        admin::transfer(&rooms, transfer, far_read, far_write),
        converse(source, near_write, near_read, each),
    );
    rooms.store.close().await;
    told.and_then(|done| served.map(|()| done).map_err(Error::internal))
}

/// Until the other side's last line: what isn't sent by then is of no interest.
async fn converse(
    source: Reader,
    write: impl AsyncWrite + Unpin,
    read: impl AsyncRead + Unpin,
    each: impl AsyncFnMut(Vec<u8>) -> Result<()>,
) -> Result<Value> {
    let failed = async {
        match send(source, write).await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        told = receive(BufReader::new(read), each) => told,
        error = failed => Err(error),
    }
}

async fn send(mut source: Reader, mut write: impl AsyncWrite + Unpin) -> Result<()> {
    let mut piece = vec![0; PIECE];
    let mut count = source.read(&mut piece).await.map_err(Error::internal)?;
    let mut unzip = (piece[..count].first() == Some(&GZIP)).then(Unzip::default);
    while count > 0 {
        let sent = match &mut unzip {
            None => write.write_all(&piece[..count]).await,
            Some(unzip) => {
                unzip.feed(&piece[..count]);
                unzipped(unzip, &mut write).await?
            }
        };
        // Who no longer listens says why in his last line.
        if sent.is_err() {
            return Ok(());
        }
        count = source.read(&mut piece).await.map_err(Error::internal)?;
    }
    let rest = unzip.map(|mut unzip| unzip.finish()).transpose()?.unwrap_or_default();
    if write.write_all(&rest).await.is_err() {
        return Ok(());
    }
    write.shutdown().await.map_err(Error::internal)
}

async fn unzipped(unzip: &mut Unzip, write: &mut (impl AsyncWrite + Unpin)) -> Result<std::io::Result<()>> {
    while let Some(bytes) = unzip.pull()? {
        if let Err(error) = write.write_all(&bytes).await {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

async fn receive(
    mut read: impl AsyncBufRead + Unpin,
    mut each: impl AsyncFnMut(Vec<u8>) -> Result<()>,
) -> Result<Value> {
    loop {
        let mut line = Vec::new();
        if read.read_until(b'\n', &mut line).await.map_err(broken)? == 0 {
            return Err(broken("the connection ended"));
        }
        match line.split_first() {
            Some((&LAST, reply)) => return admin::reply(reply),
            _ => each(line).await?,
        }
    }
}

fn broken(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::Unavailable, "The server broke off.").caused_by(cause)
}

/// A line on standard error that says how far it is, where somebody looks at it.
struct Progress {
    shown_at: Option<Instant>,
    is_watched: bool,
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
    bytes: Option<u64>,
}

impl Progress {
    fn new(bytes: Option<u64>) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        Self { shown_at: None, is_watched, read: std::sync::Arc::default(), bytes }
    }

    fn show(&mut self, told: impl FnOnce() -> String) {
        if !self.is_watched || self.shown_at.is_some_and(|at| at.elapsed() < SHOWN_EVERY) {
            return;
        }
        self.shown_at = Some(Instant::now());
        let read = self.read.load(std::sync::atomic::Ordering::Relaxed);
        let share = self.bytes.filter(|bytes| *bytes > 0).map(|bytes| bar(read, bytes)).unwrap_or_default();
        let _ = write!(std::io::stderr(), "\r\x1b[K{share}{}", told());
    }

    fn clear(&mut self) {
        if self.is_watched && self.shown_at.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `[#####     ]  50 % `
fn bar(done: u64, of: u64) -> String {
    const WIDTH: u64 = 30;
    let filled = usize::try_from((done.min(of) * WIDTH).checked_div(of).unwrap_or(0)).unwrap_or(0);
    let percent = (done.min(of) * 100).checked_div(of).unwrap_or(100);
    format!("[{:<30}] {percent:3} % ", "#".repeat(filled))
}

/// Counts what is read of a file.
struct Counted {
    inner: Reader,
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = std::pin::Pin::new(&mut self.inner).poll_read(context, buffer);
        let count = u64::try_from(buffer.filled().len() - before).unwrap_or(0);
        self.read.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 10), format!("[{}]   0 % ", " ".repeat(30)));
        assert_eq!(bar(5, 10), format!("[{}{}]  50 % ", "#".repeat(15), " ".repeat(15)));
        assert_eq!(bar(20, 10), format!("[{}] 100 % ", "#".repeat(30)));
    }
}
