//! From text to the `cel` crate's syntax tree, with faults in our own words and no input that can hurt the parser.

mod spans;
mod tokens;

use std::panic;

use basalt_core::limits::{EXPRESSION_BYTES, EXPRESSION_DEPTH};
use cel::common::ast::{IdedExpr, SourceInfo};
use cel::{Env, ParseError, ParseErrors};

use crate::fault::{Fault, offset_of};

pub(crate) use spans::Spans;
pub(crate) use tokens::too_deep;
use tokens::{TokenKind, Tokens};

/// A parsed source. Macros are not expanded: `x.exists(e, p)` is the call that is written.
pub(crate) struct Parsed {
    pub(crate) root: IdedExpr,
    pub(crate) spans: Spans,
}

pub(crate) fn parse(source: &str) -> Result<Parsed, Fault> {
    if source.len() > EXPRESSION_BYTES {
        let message = format!("The expression has {} bytes; {EXPRESSION_BYTES} are allowed.", source.len());
        return Err(Fault::at(source, 0, message));
    }
    let tokens = Tokens::read(source)?;
    if tokens.is_empty() {
        return Err(Fault::at(source, 0, "An empty rule denies; write true to open it."));
    }
    let (root, info) = run_parser(source, &tokens)?;
    Ok(Parsed { root, spans: Spans::new(tokens, info) })
}

fn run_parser(source: &str, tokens: &Tokens) -> Result<(IdedExpr, SourceInfo), Fault> {
    // The crate panics on some inputs that it recovered from, so nothing is recovered (limit 0); should a panic be left
    // in it, it is one refused expression and not a lost request.
    let parsed = panic::catch_unwind(|| {
        // An `Env` without the standard library has no macros: calls stay as written, with their own places.
        let depth = u16::try_from(2 * EXPRESSION_DEPTH).unwrap_or(u16::MAX);
        Env::default()
            .parser()
            .enable_optional_syntax(false)
            .error_recovery_limit(0)
            .max_recursion_depth(depth)
            .parse_with_source_info(source)
    });
    match parsed {
        Ok(Ok(parsed)) => Ok(parsed),
        Ok(Err(errors)) => Err(reworded(source, tokens, &errors)),
        Err(_) => Err(Fault::at(source, 0, "The expression can't be parsed.")),
    }
}

fn reworded(source: &str, tokens: &Tokens, errors: &ParseErrors) -> Fault {
    let Some(error) = errors.errors.iter().find(|error| error.pos.0 > 0) else {
        return Fault::at(source, 0, "The expression can't be parsed.");
    };
    let number = |value: isize| usize::try_from(value).unwrap_or(0);
    let offset = offset_of(source, number(error.pos.0), number(error.pos.1));
    Fault::at(source, offset, message(source, tokens, offset, error))
}

fn message(source: &str, tokens: &Tokens, offset: usize, error: &ParseError) -> String {
    let raw = error.msg.as_str();
    if let Some(name) = raw.strip_prefix("reserved identifier: ") {
        return format!("`{name}` is a reserved word.");
    }
    if raw.contains("invalid int") || raw.contains("invalid uint") {
        return "The number is outside of the 64-bit range; write it with a decimal point.".to_owned();
    }
    if raw.contains("invalid double") {
        return "The number is too large.".to_owned();
    }
    if raw.contains("unsupported syntax") {
        return "Optional fields and elements (`.?`, `[?`) aren't supported; ask with has().".to_owned();
    }
    if raw.contains("invalid string") {
        return "The text holds an escape that is no character.".to_owned();
    }
    let Some(index) = tokens.index_at(offset) else {
        return "The expression ends too early: something is missing after this.".to_owned();
    };
    let Some(token) = tokens.get(index) else { return "The expression can't be parsed here.".to_owned() };
    let text = &source[token.from..token.to];
    let next = tokens.get(index + 1).map(|next| &source[next.from..next.to]);
    let hint = match (token.kind, text) {
        (TokenKind::Operator, ".") if matches!(next, Some("in" | "true" | "false" | "null")) => {
            " A field with this name is written in brackets: doc[\"in\"]."
        }
        (TokenKind::Name, "and" | "AND") => " Write `&&` for \"and\".",
        (TokenKind::Name, "or" | "OR") => " Write `||` for \"or\".",
        (TokenKind::Name, "not" | "NOT") => " Write `!` for \"not\".",
        (TokenKind::Name | TokenKind::Number | TokenKind::Text, _) if index > 0 => " Is an operator missing before it?",
        _ => "",
    };
    format!("`{text}` is not expected here.{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(source: &str) -> (u32, u32, String) {
        let fault = parse(source).err().unwrap();
        (fault.line, fault.column, fault.message)
    }

    #[test]
    fn faults_name_line_and_column_in_our_words() {
        for (source, line, column, part) in [
            ("", 1, 1, "write true"),
            (" // nothing", 1, 1, "write true"),
            ("a &&", 1, 5, "ends too early"),
            ("a and b", 1, 3, "`&&`"),
            ("a ==\n  'é' 'x'", 2, 7, "operator missing"),
            ("a ==\n 'é' == == 1", 2, 9, "not expected"),
            ("if == 1", 1, 1, "reserved"),
            ("a == 99999999999999999999", 1, 6, "64-bit"),
            ("a == 1e999", 1, 6, "too large"),
            ("a = 1", 1, 3, "`==`"),
            ("a.?b", 1, 2, "has()"),
            ("f(a,)", 1, 5, "not expected"),
            ("a ? b", 1, 6, "ends too early"),
            ("a.in == 1", 1, 2, "in brackets"),
            ("'\\ud800' == a", 1, 1, "no character"),
        ] {
            let (found_line, found_column, message) = fault(source);
            assert_eq!((found_line, found_column), (line, column), "{source:?}: {message}");
            assert!(message.contains(part), "{source:?}: {message}");
        }
    }

    #[test]
    fn hostile_nesting_is_refused_on_a_small_stack() {
        let work = || {
            for hostile in ["(", "[", "{'a':", "!(", "f(", "a[", "a?(", "-(", "a.b(", "a+(", "a<(a+("] {
                for times in [30, 32, 33, 64, 2_000, 100_000] {
                    let opened = hostile.repeat(times);
                    assert!(parse(&opened).is_err());
                }
            }
            let nested = |open: &str, close: &str, n: usize| open.repeat(n) + "a" + &close.repeat(n);
            assert!(parse(&nested("(", ")", 32)).is_ok());
            assert!(parse(&nested("(", ")", 33)).is_err());
            assert!(parse(&nested("f(a+a*a<a&&", ")", 32)).is_ok());
            assert!(parse(&nested("f(a+a*a<", ")", 32)).is_ok());
            assert!(parse(&nested("f(a+a*a.a.a<", ")", 32)).is_err());
            assert!(parse(&("1+".repeat(120) + "1")).is_ok());
            assert!(parse(&("a.".repeat(120) + "a")).is_ok());
            assert!(parse(&("!".repeat(127) + "a")).is_ok());
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
    }
}
