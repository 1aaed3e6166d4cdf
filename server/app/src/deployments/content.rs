//! What a deployment brings, in parts, until it is applied.

use std::time::Duration;

use basalt_core::random::base32hex;
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::part;
use crate::common::{Db, Tx, cell};

/// Bytes of one part.
const PART_BYTES: usize = 192 << 10;
/// Of all parts.
const MOST_BYTES: usize = 16 << 20;
/// Parts of one commit.
const AT_ONCE: usize = 4;
/// After this nobody finishes it any more.
const KEPT: Duration = Duration::from_hours(24 * 7);

pub(super) fn hash(content: &[u8]) -> String {
    base32hex(&Sha256::digest(content)[..20])
}

/// Writes it down; answers with the number of parts.
pub(super) async fn write(db: &Db, caller: &Caller, id: &DocumentId, content: &[u8]) -> Result<usize> {
    if content.len() > MOST_BYTES {
        return Err(Error::new(Code::TooLarge, format!("What is deployed has at most {MOST_BYTES} bytes, packed.")));
    }
    let parts: Vec<String> = content.chunks(PART_BYTES).map(|part| STANDARD.encode(part)).collect();
    let ends = db.now().plus(KEPT);
    for (round, parts) in parts.chunks(AT_ONCE).enumerate() {
        let keyed: Vec<_> =
            parts.iter().enumerate().map(|(index, text)| (part(id, round * AT_ONCE + index), text.clone())).collect();
        let decide = move |tx: &mut Tx<'_>| {
            for (key, text) in &keyed {
                tx.put_cell(key, text.as_str().into(), Some(ends));
            }
            Ok(())
        };
        db.commit(caller, decide).await?;
    }
    Ok(parts.len())
}

/// `None`: it isn't there any more.
pub(super) async fn read(db: &Db, id: &DocumentId, parts: usize) -> Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    for index in 0..parts {
        let key = part(id, index);
        let text = db.inspect(move |tx: &mut Tx<'_>| tx.cell(&key)).await?;
        let Some(text) = text.as_ref().and_then(|text| text.as_str()) else { return Ok(None) };
        content.extend(STANDARD.decode(text).map_err(Error::internal)?);
    }
    Ok(Some(content))
}

pub(super) async fn forget(db: &Db, caller: &Caller, id: &DocumentId, parts: usize) -> Result<()> {
    let keys: Vec<_> = (0..parts).map(|index| part(id, index)).collect();
    let decide = move |tx: &mut Tx<'_>| {
        tx.need(keys.iter().map(cell))?;
        for key in &keys {
            tx.delete_cell(key);
        }
        Ok(())
    };
    db.commit(caller, decide).await?;
    Ok(())
}
