//! Where in a module's text an option stands that something is wrong with.

use basalt_core::FieldError;

/// The fault at its line and column in the text. `at` is what faults of this export begin with; `said` is the option's
/// own text, in which an expression's fault has its line and column so far.
pub(super) fn placed(fault: FieldError, text: &str, (export, at): (&str, &str), said: Option<&str>) -> FieldError {
    let Some(rest) = fault.path.strip_prefix(at) else { return fault };
    let from = declaration(text, export);
    // What comes after the next export is another's.
    let own = &text[..text[from..].find("\nexport ").map_or(text.len(), |end| from + end)];
    let within = fault.line.zip(fault.column);
    let expression = within.and_then(|within| Some((within, own[from..].find(said?)? + from)));
    let (line, column) = if let Some(((line, column), start)) = expression {
        let (first, left) = place(text, start);
        if line == 1 { (first, left + column - 1) } else { (first + line - 1, column) }
    } else {
        let option = rest.split('/').nth(1).filter(|option| !option.is_empty());
        place(text, option.and_then(|option| word(own, option, from)).unwrap_or(from))
    };
    FieldError { line: Some(line), column: Some(column), ..fault }
}

/// Where it is declared; what a bundle declares otherwise is found by its name.
fn declaration(text: &str, export: &str) -> usize {
    let of_kind = |kind: &&str| {
        let start = format!("{kind} {export}");
        let mut starts = text.match_indices(&start).map(|(at, _)| at);
        starts.find(|at| word(text, export, *at) == Some(at + kind.len() + 1))
    };
    let kinds = ["const", "let", "var", "function"];
    kinds.iter().filter_map(of_kind).min().or_else(|| word(text, export, 0)).unwrap_or(0)
}

/// Where a word stands that is no part of a longer one.
fn word(text: &str, word: &str, from: usize) -> Option<usize> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut found = text[from..].match_indices(word).map(|(at, _)| at + from);
    found.find(|at| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

/// Line and column, each from 1.
fn place(text: &str, at: usize) -> (u32, u32) {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (count(line), count(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "import { callable } from \"basalt:functions\";\n\
                        const adder = 1;\n\
                        export const add = callable({ invoke: 'auth.nope == 1', speed: 9 }, f);\n\
                        export const b = callable({\n  invoke: `auth != null\n    && auth.nope`,\n}, f);\n";

    fn at(export: &str, option: &str, within: Option<(u32, u32)>, said: Option<&str>) -> (u32, u32) {
        let (line, column) = within.unzip();
        let fault = FieldError { line, column, ..FieldError::new(format!("/m.ts/{export}{option}"), "c", "Wrong.") };
        let placed = placed(fault, TEXT, (export, &format!("/m.ts/{export}")), said);
        (placed.line.unwrap(), placed.column.unwrap())
    }

    #[test]
    fn an_option_is_found_where_it_is_written() {
        assert_eq!(at("add", "/speed", None, None), (3, 57));
        assert_eq!(at("add", "/invoke", Some((1, 6)), Some("auth.nope == 1")), (3, 45));
        assert_eq!(at("b", "/invoke", Some((2, 8)), Some("auth != null\n    && auth.nope")), (6, 8));
        assert_eq!(at("b", "", None, None), (4, 8), "of the function as a whole");
        assert_eq!(at("b", "/timeout", None, None), (4, 8), "what isn't written here");
        assert_eq!(at("b", "/invoke", Some((1, 1)), Some("other")), (5, 3), "a text that is put together");
        assert_eq!(at("gone", "/x", None, None), (1, 1));
    }
}
