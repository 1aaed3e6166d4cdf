//! What is wrong with sources, and where.

use basalt_core::{Code, Error, FieldError};

/// Faults that one answer names; the rest follow when these are mended.
const MAX_FAULTS: usize = 20;

#[derive(Debug)]
pub(super) struct Fault(FieldError);

pub(super) fn fault(path: &str, code: &str, message: impl Into<String>) -> Fault {
    Fault(FieldError::new(format!("/{path}"), code, message))
}

impl Fault {
    /// Line and column, counted from 1.
    pub(super) fn at(mut self, line: usize, column: usize) -> Self {
        self.0.line = u32::try_from(line).ok();
        self.0.column = u32::try_from(column).ok();
        self
    }

    /// A place as bytes from the start of the text.
    #[cfg(feature = "ts")]
    pub(super) fn at_offset(self, text: &str, offset: u32) -> Self {
        let mut end = (offset as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.at(before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }
}

impl From<Fault> for Vec<Fault> {
    fn from(fault: Fault) -> Self {
        vec![fault]
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        all(vec![fault])
    }
}

pub(super) fn all(mut faults: Vec<Fault>) -> Error {
    faults.truncate(MAX_FAULTS);
    let detail = faults.first().map_or_else(String::new, |Fault(first)| {
        let place = match (first.line, first.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            _ => String::new(),
        };
        format!("{}{place}: {}", first.path.trim_start_matches('/'), first.message)
    });
    Error::new(Code::InvalidDefinition, detail).with_errors(faults.into_iter().map(|fault| fault.0).collect())
}
