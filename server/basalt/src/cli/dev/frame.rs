//! A place in a file, shown.

use std::fmt::Write as _;

/// Lines before and after.
const AROUND: usize = 2;
/// Of a line that is shown.
const WIDTH: usize = 160;

/// The lines around a place, with a mark below its column; both are counted from 1.
pub(super) fn frame(text: &str, line: u32, column: u32) -> String {
    let (line, column) = (line.max(1) as usize, column.max(1) as usize);
    let first = line.saturating_sub(AROUND).max(1);
    let digits = (line + AROUND).to_string().len();
    let mut shown = String::new();
    for (number, content) in text.lines().enumerate().map(|(index, content)| (index + 1, content)) {
        if number < first || number > line + AROUND {
            continue;
        }
        let mark = if number == line { '>' } else { ' ' };
        let content: String = content.chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(shown, "{mark} {number:>digits$} | {content}");
        if number == line && column <= WIDTH {
            let _ = writeln!(shown, "  {:>digits$} | {}^", "", " ".repeat(column - 1));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_below_its_line() {
        let text = "one\ntwo\nthree\nfour\nfive\nsix";
        let expected = "  1 | one\n  2 | two\n> 3 | three\n    |   ^\n  4 | four\n  5 | five\n";
        assert_eq!(frame(text, 3, 3), expected);
        assert_eq!(frame(text, 1, 1), "> 1 | one\n    | ^\n  2 | two\n  3 | three\n");
        assert_eq!(frame(text, 99, 1), "");
        assert_eq!(frame("", 0, 0), "");
    }
}
