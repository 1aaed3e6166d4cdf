//! Places in the log as they are told outside.

use basalt_core::change::{seq_from_text, seq_to_text};
use basalt_core::{Code, Error, Result, Seq};

use super::Changes;
use super::cursor::other_log;

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    Beginning,
    /// At the log's end: with what comes after now.
    Now,
    /// After this cursor.
    Cursor(String),
}

impl Since {
    /// `0`, `now` or a cursor.
    pub fn parse(text: &str) -> Self {
        match text {
            "0" => Self::Beginning,
            "now" => Self::Now,
            cursor => Self::Cursor(cursor.to_owned()),
        }
    }
}

impl Changes {
    /// The cursor of a place: `<log id>.<place>`, so that one of another log is known as such.
    pub fn cursor_text(&self, seq: Seq) -> String {
        format!("{}.{}", self.store.log_id(), seq_to_text(seq))
    }

    /// The place of a cursor. One of another log is `cursor_expired`; a bare place, as `Basalt-Seq` names it, is one of
    /// this log.
    pub fn seq_of(&self, since: &Since) -> Result<Seq> {
        match since {
            Since::Beginning => Ok(0),
            Since::Now => Ok(self.end()),
            Since::Cursor(text) => read(text, self.store.log_id()),
        }
    }
}

fn read(text: &str, log_id: &str) -> Result<Seq> {
    let bad = || Error::new(Code::BadCursor, "This is no place in a change log.");
    let (log, seq) = text.rsplit_once('.').map_or((None, text), |(log, seq)| (Some(log), seq));
    let seq = seq_from_text(seq).filter(|_| text != "0").ok_or_else(bad)?;
    match log {
        Some(log) if log != log_id => Err(other_log()),
        // The database's places are signed.
        _ if i64::try_from(seq).is_err() => Err(bad()),
        _ => Ok(seq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_of_one_log() {
        let place = seq_to_text(7);
        assert_eq!(read(&format!("abc.{place}"), "abc").unwrap(), 7);
        assert_eq!(read(&place, "abc").unwrap(), 7);
        assert_eq!(read(&format!("abd.{place}"), "abc").unwrap_err().code(), Code::CursorExpired);
        for bad in ["", ".", "abc.", "abc.7", "7", "-1", "abc.ffffffffffffffff", "abc.000000000000000g"] {
            assert_eq!(read(bad, "abc").unwrap_err().code(), Code::BadCursor, "{bad}");
        }
    }
}
