//! Whole collections through the admin socket: lines of documents one way, what became of them the other.
//!
//! The command is a line of its own. An export answers a document a line; an import reads documents until the other
//! side ends its half, and answers failures and how far it is. Either ends with a line that begins with `=`: the reply.

use std::io::Result as IoResult;

use basalt_core::{Caller, CollectionName, Result};
use basalt_data::documents::{Failure, ImportMode, ImportOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};

use super::wire::Reply;
use crate::wire::Rooms;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// Before the last line.
pub(crate) const LAST: u8 = b'=';

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "transfer", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Transfer {
    Export { collection: String, filter: Option<String> },
    Import { collection: String, mode: String, hooks: bool, from: u64 },
}

/// Does it, as the server itself.
pub(crate) async fn transfer(
    rooms: &Rooms,
    transfer: Transfer,
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
) -> IoResult<()> {
    let mut write = BufWriter::new(write);
    let result = match transfer {
        Transfer::Export { collection, filter } => Box::pin(export(rooms, &collection, filter, &mut write)).await?,
        Transfer::Import { collection, mode, hooks, from } => {
            let options = ImportMode::parse(&mode).map(|mode| ImportOptions { mode, hooks, from });
            match options {
                Ok(options) => Box::pin(import(rooms, &collection, options, read, &mut write)).await?,
                Err(error) => Err(error),
            }
        }
    };
    write.write_all(&[LAST]).await?;
    line(&mut write, &Reply::from(result)).await?;
    write.shutdown().await
}

async fn line(write: &mut (impl AsyncWrite + Unpin), line: &impl Serialize) -> IoResult<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    write.write_all(&text).await
}

async fn export(
    rooms: &Rooms,
    collection: &str,
    filter: Option<String>,
    write: &mut (impl AsyncWrite + Unpin),
) -> IoResult<Result<Value>> {
    let collection = match CollectionName::parse_public(collection) {
        Ok(collection) => collection,
        Err(error) => return Ok(Err(error)),
    };
    let mut export = rooms.documents.export(&collection, filter);
    let mut documents = 0;
    loop {
        let page = match export.next(&Caller::system(rooms.clock.now())).await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Ok(json!({ "documents": documents }))),
            Err(error) => return Ok(Err(error)),
        };
        let mut text = Vec::new();
        for document in &page {
            serde_json::to_writer(&mut text, document)?;
            text.push(b'\n');
        }
        export.took(page.len(), text.len());
        documents += page.len();
        write.write_all(&text).await?;
    }
}

async fn import(
    rooms: &Rooms,
    collection: &str,
    options: ImportOptions,
    mut read: impl AsyncRead + Unpin,
    write: &mut (impl AsyncWrite + Unpin),
) -> IoResult<Result<Value>> {
    let caller = || Caller::system(rooms.clock.now());
    let begun = CollectionName::parse_public(collection)
        .and_then(|collection| rooms.documents.import(&caller(), &collection, options));
    let mut import = match begun {
        Ok(import) => import,
        Err(error) => return Ok(Err(error)),
    };
    let mut piece = vec![0; PIECE];
    loop {
        let before = import.summary();
        let count = read.read(&mut piece).await?;
        let mut failures: Vec<Failure> = Vec::new();
        let result = match count {
            0 => import.finish(&caller(), &mut failures).await,
            count => import.feed(&caller(), &piece[..count], &mut failures).await,
        };
        for failure in &failures {
            line(write, failure).await?;
        }
        let summary = import.summary();
        if summary != before {
            line(write, &json!({ "progress": summary.progress() })).await?;
            write.flush().await?;
        }
        match result {
            Ok(()) if count == 0 => return Ok(Ok(summary.done())),
            Ok(()) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}
