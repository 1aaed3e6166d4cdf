//! `Idempotency-Key` of calls: a cell is claimed before the function runs, and holds its answer afterwards.

use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_data::documents::{Idempotency, idempotency_claim};
use basalt_store::CellKey;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::common::{Db, Tx};

const KEPT_FOR: Duration = Duration::from_hours(24);
/// Beyond the function's own time: what waits for its turn, and the commit of the answer.
const GRACE: Duration = Duration::from_secs(30);
/// Bytes of an answer that is kept.
const KEPT_BYTES: usize = 256 << 10;

/// A key that is this call's for as long as it runs.
pub(super) struct Once {
    cell: CellKey,
    fingerprint: String,
    token: String,
}

pub(super) enum Claimed {
    /// The function is to run.
    Now(Once),
    /// It ran: its answer of then.
    Before(Answer),
}

impl Once {
    pub(super) async fn claim(db: &Db, caller: &Caller, request: &Idempotency, longest: Duration) -> Result<Claimed> {
        let (cell, fingerprint) = idempotency_claim(caller, request)?;
        let token = db.new_id().to_string();
        let (key, print, mine) = (cell.clone(), fingerprint.clone(), token.clone());
        let decide = move |tx: &mut Tx<'_>| {
            if let Some(kept) = tx.cell(&key)? {
                return Ok(Some(before(&kept, &print)?));
            }
            let end = tx.now().plus(longest.saturating_add(GRACE));
            tx.put_cell(&key, json!({"fingerprint": print, "running": mine}), Some(end));
            Ok(None)
        };
        let before = db.commit(caller, decide).await?.value;
        Ok(before.map_or_else(|| Claimed::Now(Self { cell, fingerprint, token }), Claimed::Before))
    }

    pub(super) async fn keep(self, db: &Db, caller: &Caller, answer: &Answer) -> Result<()> {
        let result = answer.result.as_deref().map(|text| String::from_utf8_lossy(text).into_owned());
        let large = result.as_ref().is_some_and(|text| text.len() > KEPT_BYTES);
        let kept = json!({
            "fingerprint": self.fingerprint, "invocation": answer.invocation, "large": large,
            "result": result.filter(|_| !large),
        });
        let decide = move |tx: &mut Tx<'_>| {
            if self.is_mine(tx.cell(&self.cell)?.as_ref()) {
                let end = tx.now().plus(KEPT_FOR);
                tx.put_cell(&self.cell, kept.clone(), Some(end));
            }
            Ok(())
        };
        db.commit(caller, decide).await.map(drop)
    }

    /// The same request may be made again. Where that can't be written down, the claim ends by itself.
    pub(super) async fn release(self, db: &Db, caller: &Caller) {
        let decide = move |tx: &mut Tx<'_>| {
            if self.is_mine(tx.cell(&self.cell)?.as_ref()) {
                tx.delete_cell(&self.cell);
            }
            Ok(())
        };
        if let Err(error) = db.commit(caller, decide).await {
            tracing::warn!(?error, "an Idempotency-Key stays claimed for a while");
        }
    }

    fn is_mine(&self, cell: Option<&Value>) -> bool {
        cell.is_some_and(|cell| cell["running"] == self.token.as_str())
    }
}

/// The answer that is kept, if it is the same request's.
fn before(kept: &Value, fingerprint: &str) -> Result<Answer> {
    if kept["fingerprint"] != fingerprint {
        let detail = "This Idempotency-Key was used for another request.";
        return Err(Error::new(Code::IdempotencyKeyReused, detail));
    }
    if !kept["running"].is_null() {
        let detail = "The same request is still running; ask again in a moment.";
        return Err(Error::new(Code::IdempotencyInProgress, detail).retry_after(Duration::from_secs(1)));
    }
    if kept["large"] == true {
        let detail = "The function ran for this key; its result was too large to be kept.";
        return Err(Error::new(Code::ResultTooLarge, detail));
    }
    let invocation = DocumentId::parse(kept["invocation"].as_str().unwrap_or_default())?;
    let result = kept["result"].as_str().map(|text| Bytes::copy_from_slice(text.as_bytes()));
    Ok(Answer { invocation, result, replayed: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_is_of_the_same_request_and_over() {
        let kept = json!({"fingerprint": "a", "invocation": "i1", "large": false, "result": "{\"n\":1}"});
        let answer = before(&kept, "a").unwrap();
        assert!(answer.replayed && answer.result.as_deref() == Some(b"{\"n\":1}"));
        assert_eq!(before(&kept, "b").unwrap_err().code(), Code::IdempotencyKeyReused);
        let running = json!({"fingerprint": "a", "running": "t"});
        assert_eq!(before(&running, "a").unwrap_err().code(), Code::IdempotencyInProgress);
        let large = json!({"fingerprint": "a", "invocation": "i1", "large": true, "result": null});
        assert_eq!(before(&large, "a").unwrap_err().code(), Code::ResultTooLarge);
        let nothing = json!({"fingerprint": "a", "invocation": "i1", "large": false, "result": null});
        assert_eq!(before(&nothing, "a").unwrap().result, None);
    }
}
