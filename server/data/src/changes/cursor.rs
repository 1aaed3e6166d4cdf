use basalt_core::change::{seq_from_text, seq_to_text};
use basalt_core::{Code, Error, Result, Seq};
use basalt_store::{CellKey, CellWrite, Decide, Origin, Step, View, Writes};
use serde_json::{Value, json};

use super::Changes;

/// The cells that hold the places of durable readers.
pub const CURSOR_SPACE: &str = "consumers";

impl Changes {
    /// Where a durable reader stands; `None` before its first move. A place in another log (the database was restored
    /// or moved) is `cursor_expired`.
    pub async fn cursor(&self, consumer: &str) -> Result<Option<Seq>> {
        match self.store.cell(&cursor_key(consumer)).await? {
            None => Ok(None),
            Some(cell) => read_cursor(&cell.value, self.store.log_id()).map(Some),
        }
    }

    /// The move of a durable reader, for the batch that also holds what it made of the changes.
    pub fn cursor_write(&self, consumer: &str, seq: Seq) -> CellWrite {
        let value = json!({ "log": self.store.log_id(), "seq": seq_to_text(seq) });
        CellWrite::Put { key: cursor_key(consumer), value, expires_at: None }
    }

    /// Moves a durable reader that keeps nothing else.
    pub async fn move_cursor(&self, consumer: &str, seq: Seq, origin: Origin) -> Result<()> {
        let writes =
            Writes { documents: Vec::new(), cells: vec![self.cursor_write(consumer, seq)], jobs: Vec::new(), origin };
        self.store.commit(Move { writes }).await?;
        Ok(())
    }
}

struct Move {
    writes: Writes,
}

impl Decide for Move {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, _: &View) -> Step<()> {
        Step::Done(self.writes.clone(), ())
    }
}

fn cursor_key(consumer: &str) -> CellKey {
    CellKey::new(CURSOR_SPACE, consumer)
}

fn read_cursor(value: &Value, log_id: &str) -> Result<Seq> {
    if value.get("log").and_then(Value::as_str) != Some(log_id) {
        return Err(Error::new(Code::CursorExpired, "The cursor is of another log: begin anew."));
    }
    let seq = value.get("seq").and_then(Value::as_str).and_then(seq_from_text);
    seq.ok_or_else(|| Error::internal(format!("a stored cursor is no place in the log: {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_another_log_is_expired() {
        let value = json!({"log": "a", "seq": seq_to_text(7)});
        assert_eq!(read_cursor(&value, "a").unwrap(), 7);
        assert_eq!(read_cursor(&value, "b").unwrap_err().code(), Code::CursorExpired);
        assert_eq!(read_cursor(&json!({"log": "a"}), "a").unwrap_err().code(), Code::Internal);
    }
}
