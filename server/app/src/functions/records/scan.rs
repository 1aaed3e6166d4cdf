//! Looking through records: bounded in what one question reads, going on where it stopped.

use basalt_core::{Code, Error, FieldError, Result, Timestamp};
use basalt_store::Store;
use basalt_store::records::{KeptRecord, RecordScan};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Records that are read at once.
const STEP: u32 = 1_000;
/// Records that one question looks through: where it finds too little among them, its page ends early, with a cursor.
const MOST: usize = 20_000;

/// A span of time, looked through from its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What was found, the newest first.
pub(super) struct Found<T> {
    pub items: Vec<T>,
    /// Where to go on; `None`: that was all.
    pub next: Option<String>,
}

impl Span {
    pub(super) fn new(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Self> {
        let span = Self { from: from.unwrap_or(Timestamp::MIN), to: to.unwrap_or(Timestamp::MAX) };
        if span.from > span.to {
            let errors = vec![FieldError::new("/from", "bad_parameter", "from is later than to.")];
            return Err(Error::new(Code::BadParameter, "from is later than to.").with_errors(errors));
        }
        Ok(span)
    }
}

/// At most `limit` of what `take` makes of records.
pub(super) async fn look<T>(
    store: &Store,
    kind: &'static str,
    span: Span,
    (cursor, limit): (Option<&str>, u32),
    take: impl Fn(&KeptRecord) -> Option<T>,
) -> Result<Found<T>> {
    let before = cursor.map(place).transpose()?;
    let mut asked = RecordScan { kind, from: span.from, to: span.to, before, limit: STEP };
    let (mut items, mut looked) = (Vec::new(), 0);
    loop {
        let page = store.scan_records(&asked).await?;
        for record in &page {
            looked += 1;
            asked.before = Some((record.at, record.id));
            items.extend(take(record));
            if items.len() >= limit as usize {
                return Ok(Found { items, next: asked.before.map(cursor_of) });
            }
        }
        if page.len() < STEP as usize {
            return Ok(Found { items, next: None });
        }
        if looked >= MOST {
            return Ok(Found { items, next: asked.before.map(cursor_of) });
        }
    }
}

fn cursor_of((at, id): (Timestamp, i64)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {id}", at.millis()))
}

fn place(cursor: &str) -> Result<(Timestamp, i64)> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (at, id) = text.split_once(' ')?;
        Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?))
    };
    parse().ok_or_else(|| Error::new(Code::BadCursor, "That is no cursor of this list."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_place() {
        let at = (Timestamp::from_millis(1_700_000_000_123), 42);
        assert_eq!(place(&cursor_of(at)).unwrap(), at);
        for bad in ["", "x", "AAAA"] {
            assert_eq!(place(bad).unwrap_err().code(), Code::BadCursor);
        }
    }
}
