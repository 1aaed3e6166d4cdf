use basalt_core::{Code, Error, Result, Seq};
use basalt_store::{CellWrite, Decide, DurableReader, Origin, Step, View, Writes};

use super::Changes;

impl Changes {
    /// Where a durable reader stands; `None` before its first move. A place in another log (the database was restored
    /// or moved) is `cursor_expired`.
    pub async fn cursor(&self, consumer: &str) -> Result<Option<Seq>> {
        let Some(cell) = self.store.cell(&DurableReader::key(consumer)).await? else { return Ok(None) };
        let reader = DurableReader::parse(consumer, &cell.value)?;
        self.own(&reader).map(|()| Some(reader.seq))
    }

    /// The move of a durable reader, for the batch that also holds what it made of the changes.
    pub fn cursor_write(&self, consumer: &str, seq: Seq) -> CellWrite {
        let (name, log) = (consumer.to_owned(), self.store.log_id().to_owned());
        DurableReader { name, log, seq, moved_at: None, broken_at: None }.write()
    }

    /// Refuses a place in another log.
    pub(super) fn own(&self, reader: &DurableReader) -> Result<()> {
        if reader.log == self.store.log_id() { Ok(()) } else { Err(other_log()) }
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

pub(super) fn other_log() -> Error {
    Error::new(Code::CursorExpired, "The cursor is of another log: begin anew.")
}
