//! What is wrong with an expression's text, and where.

use std::fmt;

/// A fault of an expression's text. `line` and `column` count from 1 (columns in code points).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

impl Fault {
    /// A fault at a byte of the source.
    pub(crate) fn at(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: count(1 + before.matches('\n').count()),
            column: count(1 + before[line_start..].chars().count()),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Fault {}

/// The byte offset of a line (from 1) and a column (from 1, in code points); the end where there is no such place.
pub(crate) fn offset_of(source: &str, line: usize, column: usize) -> usize {
    let Some(text) = source.split('\n').nth(line.saturating_sub(1)) else { return source.len() };
    let line_start = text.as_ptr() as usize - source.as_ptr() as usize;
    let within = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(index, _)| index);
    line_start + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_code_points_from_one() {
        let source = "é == 1 &&\n  ü";
        let fault = Fault::at(source, source.find('ü').unwrap(), "x");
        assert_eq!((fault.line, fault.column), (2, 3));
        let fault = Fault::at(source, source.find('=').unwrap(), "x");
        assert_eq!((fault.line, fault.column), (1, 3));
        assert_eq!(offset_of(source, 2, 3), source.find('ü').unwrap());
        assert_eq!(offset_of(source, 9, 1), source.len());
    }
}
