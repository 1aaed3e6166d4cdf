//! The tokens of a source, read before the parser sees it: they bound its nesting, so that no input can overflow the
//! parser's stack, and they tell later what part of the source a node of the tree spans.
//!
//! What isn't a token here is a fault, and what is one is read as the parser's grammar reads it (longest match), so that
//! both agree on every source that gets past here.

use basalt_core::limits::EXPRESSION_DEPTH;

use crate::fault::Fault;

/// Operators and selections that may be chained within the open brackets: the parser's tree is as deep as they are many.
const CHAIN: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Name,
    Number,
    Text,
    Bytes,
    Open,
    Close,
    Operator,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The index of the other bracket.
    pub(crate) partner: usize,
}

#[derive(Debug)]
pub(crate) struct Tokens {
    list: Vec<Token>,
}

impl Tokens {
    pub(crate) fn read(source: &str) -> Result<Self, Fault> {
        let mut reader = Reader { source, at: 0 };
        let mut list = Vec::new();
        let mut nesting = Nesting::default();
        while let Some(mut token) = reader.next()? {
            match token.kind {
                TokenKind::Open => nesting.open(list.len()),
                TokenKind::Close => token.partner = nesting.close(source, &mut list, token)?,
                TokenKind::Operator => nesting.operator(&source[token.from..token.to]),
                TokenKind::Name if &source[token.from..token.to] == "in" => nesting.operator("in"),
                _ => {}
            }
            if nesting.is_too_deep() {
                return Err(Fault::at(source, token.from, too_deep()));
            }
            list.push(token);
        }
        if let Some(open) = nesting.unclosed() {
            let from = list.get(open).map_or(0, |token: &Token| token.from);
            let bracket = source.get(from..=from).unwrap_or_default();
            return Err(Fault::at(source, from, format!("This `{bracket}` is never closed.")));
        }
        Ok(Self { list })
    }

    pub(crate) fn get(&self, index: usize) -> Option<Token> {
        self.list.get(index).copied()
    }

    /// The index of the token that begins at, or reaches over, a byte.
    pub(crate) fn index_at(&self, offset: usize) -> Option<usize> {
        let index = self.list.partition_point(|token| token.to <= offset);
        (self.list.get(index)?.from <= offset).then_some(index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

pub(crate) fn too_deep() -> String {
    format!("The expression is nested deeper than {EXPRESSION_DEPTH}.")
}

/// How deep the parser's tree can become at most.
#[derive(Default)]
struct Nesting {
    /// The index of the open bracket, and the chain outside of it.
    frames: Vec<(usize, Chain)>,
    chain: Chain,
    outer: usize,
}

#[derive(Clone, Copy, Default)]
struct Chain {
    operators: usize,
    ternaries: usize,
}

impl Chain {
    fn height(self) -> usize {
        self.operators + self.ternaries
    }
}

impl Nesting {
    fn open(&mut self, index: usize) {
        self.frames.push((index, self.chain));
        self.outer += self.chain.height();
        self.chain = Chain::default();
    }

    fn close(&mut self, source: &str, list: &mut [Token], token: Token) -> Result<usize, Fault> {
        let bracket = &source[token.from..token.to];
        let Some((index, chain)) = self.frames.pop() else {
            return Err(Fault::at(source, token.from, format!("This `{bracket}` closes nothing.")));
        };
        let partner = list.len();
        if let Some(open) = list.get_mut(index) {
            open.partner = partner;
            let opened = &source[open.from..open.to];
            if !matches!((opened, bracket), ("(", ")") | ("[", "]") | ("{", "}")) {
                return Err(Fault::at(source, token.from, format!("`{opened}` is closed by `{bracket}`.")));
            }
        }
        self.chain = chain;
        self.outer -= chain.height();
        // `x[…]` and `x.f(…)` make the tree deeper by one, as an operator does.
        self.chain.operators += 1;
        Ok(index)
    }

    fn operator(&mut self, text: &str) {
        match text {
            "," => self.chain = Chain::default(),
            "&&" | "||" | ":" => self.chain.operators = 0,
            "?" => self.chain = Chain { operators: 0, ternaries: self.chain.ternaries + 1 },
            _ => self.chain.operators += 1,
        }
    }

    fn is_too_deep(&self) -> bool {
        self.frames.len() > EXPRESSION_DEPTH || self.outer + self.chain.height() > CHAIN
    }

    fn unclosed(&self) -> Option<usize> {
        self.frames.last().map(|(index, _)| *index)
    }
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Token>, Fault> {
        self.skip_blank();
        let from = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let second = rest.as_bytes().get(1).copied().unwrap_or(0);
        let kind = match first {
            '0'..='9' => self.number(),
            '.' if second.is_ascii_digit() => self.number(),
            '"' | '\'' => self.text(TokenKind::Text, false)?,
            'a'..='z' | 'A'..='Z' | '_' => match text_prefix(rest) {
                Some(prefix) => {
                    self.at += prefix.length;
                    self.text(prefix.kind, prefix.raw)?
                }
                None => self.name(),
            },
            '(' | '[' | '{' => self.take(1, TokenKind::Open),
            ')' | ']' | '}' => self.take(1, TokenKind::Close),
            _ => {
                let length = operator_length(rest).ok_or_else(|| self.stray(first))?;
                self.take(length, TokenKind::Operator)
            }
        };
        Ok(Some(Token { kind, from, to: self.at, partner: 0 }))
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn take(&mut self, length: usize, kind: TokenKind) -> TokenKind {
        self.at += length;
        kind
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) {
        self.at += self.rest().bytes().take_while(|byte| is_part(*byte)).count();
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|byte| byte != b'\n');
        }
    }

    fn name(&mut self) -> TokenKind {
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        TokenKind::Name
    }

    fn number(&mut self) -> TokenKind {
        let rest = self.rest().as_bytes();
        if rest.starts_with(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
            self.at += 2;
            self.take_while(|byte| byte.is_ascii_hexdigit());
        } else {
            self.take_while(|byte| byte.is_ascii_digit());
            if matches!(self.rest().as_bytes(), [b'.', digit, ..] if digit.is_ascii_digit()) {
                self.at += 1;
                self.take_while(|byte| byte.is_ascii_digit());
            }
            let exponent = match self.rest().as_bytes() {
                [b'e' | b'E', b'+' | b'-', digit, ..] if digit.is_ascii_digit() => 2,
                [b'e' | b'E', digit, ..] if digit.is_ascii_digit() => 1,
                _ => 0,
            };
            if exponent > 0 {
                self.at += exponent;
                self.take_while(|byte| byte.is_ascii_digit());
            }
        }
        if matches!(self.rest().as_bytes().first(), Some(b'u' | b'U')) {
            self.at += 1;
        }
        TokenKind::Number
    }

    /// A text from its opening quote on.
    fn text(&mut self, kind: TokenKind, raw: bool) -> Result<TokenKind, Fault> {
        let opening = self.at;
        let quote = &self.source[opening..=opening];
        let triple = quote.repeat(3);
        let is_triple = self.rest().starts_with(&triple) && self.source[opening + 3..].contains(&triple);
        let end = if is_triple { triple.as_str() } else { quote };
        self.at += end.len();
        loop {
            let rest = self.rest();
            if rest.starts_with(end) {
                self.at += end.len();
                return Ok(kind);
            }
            match rest.chars().next() {
                None => return Err(self.unclosed_text(opening)),
                Some('\n' | '\r') if !is_triple => return Err(self.unclosed_text(opening)),
                Some('\\') if !raw => self.escape()?,
                Some(other) => self.at += other.len_utf8(),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = &self.rest().as_bytes()[1..];
        let is_hex = |length: usize| {
            rest.get(1..=length).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)).then_some(length + 1)
        };
        let length = match rest.first() {
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`') => Some(1),
            Some(b'x' | b'X') => is_hex(2),
            Some(b'u') => is_hex(4),
            Some(b'U') => is_hex(8),
            Some(b'0'..=b'3') => {
                rest.get(1..3).is_some_and(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d))).then_some(3)
            }
            _ => None,
        };
        let Some(length) = length else {
            let message = r"This escape is unknown; write \\ for a backslash, or r'…' for a text without escapes.";
            return Err(Fault::at(self.source, self.at, message));
        };
        self.at += 1 + length;
        Ok(())
    }

    fn unclosed_text(&self, opening: usize) -> Fault {
        Fault::at(self.source, opening, "This text is never closed.")
    }

    fn stray(&self, character: char) -> Fault {
        let message = match character {
            '=' => "Write `==` to compare.".to_owned(),
            '&' => "Write `&&` for \"and\".".to_owned(),
            '|' => "Write `||` for \"or\".".to_owned(),
            '`' => "Write doc[\"name\"] for a field whose name isn't a plain word.".to_owned(),
            '“' | '”' | '‘' | '’' | '«' | '»' => "Texts stand in straight quotes, ' or \".".to_owned(),
            other => format!("The character {other:?} has no meaning here."),
        };
        Fault::at(self.source, self.at, message)
    }
}

/// What stands before a text's quote.
struct Prefix {
    length: usize,
    kind: TokenKind,
    raw: bool,
}

fn text_prefix(rest: &str) -> Option<Prefix> {
    match rest.as_bytes() {
        [b'r' | b'R', b'"' | b'\'', ..] => Some(Prefix { length: 1, kind: TokenKind::Text, raw: true }),
        [b'b' | b'B', b'"' | b'\'', ..] => Some(Prefix { length: 1, kind: TokenKind::Bytes, raw: false }),
        [b'b' | b'B', b'r' | b'R', b'"' | b'\'', ..] => Some(Prefix { length: 2, kind: TokenKind::Bytes, raw: true }),
        _ => None,
    }
}

fn operator_length(rest: &str) -> Option<usize> {
    const OPERATORS: [&str; 18] =
        ["==", "!=", "<=", ">=", "&&", "||", "<", ">", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%"];
    OPERATORS.iter().find(|operator| rest.starts_with(**operator)).map(|found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        let tokens = Tokens::read(source).unwrap();
        tokens.list.iter().map(|token| &source[token.from..token.to]).collect()
    }

    #[test]
    fn sources_are_cut_by_longest_match() {
        assert_eq!(texts("doc.a>=1.5e3//x\n&&!b"), ["doc", ".", "a", ">=", "1.5e3", "&&", "!", "b"]);
        assert_eq!(texts(r#"r'a\' + """x"y""" + br"\""#), [r"r'a\'", "+", r#""""x"y""""#, "+", r#"br"\""#]);
        assert_eq!(texts("''+'\\''"), ["''", "+", "'\\''"]);
        assert_eq!(texts("0x1Fu 1.a .5"), ["0x1Fu", "1", ".", "a", ".5"]);
        assert_eq!(texts("1e5x 1ex"), ["1e5", "x", "1", "ex"]);
        assert_eq!(texts("var'x'"), ["var", "'x'"]);
    }

    #[test]
    fn what_is_no_token_is_a_fault() {
        for bad in ["'a", "'a\nb'", "a = b", "a & b", "`a`", "'\\q'", "a;b", "(]", "(", ")", "'\\x4'", "é"] {
            assert!(Tokens::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_recursion() {
        for hostile in ["(", "[", "{", "!(", "a(", "a[", "a?(", "a.b(", "[[", "-("] {
            let source = hostile.repeat(100_000);
            assert!(Tokens::read(&source).unwrap_err().message.contains("nested"), "{hostile}");
        }
        for hostile in ["1+", "a.", "a<", "a?1:", "a in "] {
            let source = hostile.repeat(3_000) + "a";
            assert!(Tokens::read(&source).unwrap_err().message.contains("nested"), "{hostile}");
        }
        assert!(Tokens::read(&("a&&".repeat(2_000) + "a")).is_ok());
        assert!(Tokens::read(&format!("x in [{}]", "'a',".repeat(999) + "'a'")).is_ok());
    }
}
