//! What is searched for: words and phrases, all of which have to be found.

use super::tokens::{Kind, tokens};
use super::{PHRASE_TOKENS, QUERY_CHARS, QUERY_TERMS};
use crate::error::{Code, Error, FieldError, Result};

/// At least one term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// Tokens side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub tokens: Vec<String>,
    /// Whether the last one may go on.
    pub open: bool,
    /// Whether the last one is a word.
    pub word: bool,
    /// Positions that a hit covers: a pair holds the first half of what follows it, too.
    pub positions: usize,
}

/// A part of a query as it is written.
struct Piece<'a> {
    text: &'a str,
    open: bool,
    quoted: bool,
}

impl Query {
    /// Words are separated by spaces; the last one, and each with `*` behind, is the beginning of a word. Quotes hold a
    /// phrase.
    pub fn parse(text: &str) -> Result<Self> {
        if text.chars().count() > QUERY_CHARS {
            return Err(bad(format!("search has at most {QUERY_CHARS} characters.")));
        }
        let mut terms: Vec<Term> = Vec::new();
        let mut last_is_word = false;
        for piece in pieces(text) {
            let Some(term) = Term::of(&piece) else { continue };
            if term.tokens.len() > PHRASE_TOKENS {
                return Err(bad(format!("A phrase of a search has at most {PHRASE_TOKENS} words.")));
            }
            last_is_word = !piece.quoted && term.word;
            terms.push(term);
        }
        if let Some(last) = terms.last_mut().filter(|_| last_is_word) {
            last.open = true;
        }
        let mut distinct: Vec<Term> = Vec::new();
        for term in terms {
            if !distinct.contains(&term) {
                distinct.push(term);
            }
        }
        match distinct.len() {
            0 => Err(bad("search holds no word to look for.".to_owned())),
            1..=QUERY_TERMS => Ok(Self { terms: distinct }),
            _ => Err(bad(format!("search has at most {QUERY_TERMS} words."))),
        }
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Term {
    fn of(piece: &Piece<'_>) -> Option<Self> {
        let mut cut: Vec<_> = tokens(piece.text).collect();
        let positions = cut.len();
        let last = cut.last()?.kind;
        // Of a run's end the pair before says all; a character alone is how the token at it begins.
        let pair_before = cut.len() > 1 && cut[cut.len() - 2].kind == Kind::Pair;
        if last == Kind::Last && pair_before {
            cut.pop();
        }
        let open = match last {
            Kind::Word => piece.open,
            Kind::Last | Kind::Pair => !pair_before,
        };
        let tokens = cut.into_iter().map(|token| token.text).collect();
        Some(Self { tokens, open, word: last == Kind::Word, positions })
    }

    /// Whether the tokens that begin here are this term's.
    pub(super) fn begins<'a>(&self, mut found: impl Iterator<Item = &'a str>) -> bool {
        let last = self.tokens.len() - 1;
        self.tokens.iter().enumerate().all(|(n, wanted)| {
            let is = |found: &str| if n == last && self.open { found.starts_with(wanted) } else { found == wanted };
            found.next().is_some_and(is)
        })
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if is_quote(first) {
            let inner = &rest[first.len_utf8()..];
            let (phrase, behind) = inner.split_once(is_quote).unwrap_or((inner, ""));
            let after = behind.trim_start_matches('*');
            pieces.push(Piece { text: phrase, open: after.len() < behind.len(), quoted: true });
            rest = after.trim_start();
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || is_quote(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            pieces.push(Piece { text: word, open: word.ends_with('*'), quoted: false });
            rest = rest[end..].trim_start();
        }
    }
    pieces
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '＂')
}

fn bad(detail: String) -> Error {
    let fault = FieldError::new("/search", "bad_search", detail.clone());
    Error::new(Code::BadParameter, detail).with_errors(vec![fault])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a b` for a phrase, `…` where it goes on.
    fn parsed(text: &str) -> Vec<String> {
        let query = Query::parse(text).unwrap();
        let written = |term: &Term| format!("{}{}", term.tokens.join(" "), if term.open { "…" } else { "" });
        query.terms().iter().map(written).collect()
    }

    #[test]
    fn words_are_sought_each_and_the_last_by_its_beginning() {
        assert_eq!(parsed("Red sho"), ["red", "sho…"]);
        assert_eq!(parsed("re* shoes"), ["re…", "shoes…"]);
        assert_eq!(parsed("\"red shoes\""), ["red shoes"]);
        assert_eq!(parsed("\"red sho\"*"), ["red sho…"]);
        assert_eq!(parsed("“red shoes” big"), ["red shoes", "big…"]);
        assert_eq!(parsed("don't"), ["don t…"]);
        assert_eq!(parsed("big \"red shoes"), ["big", "red shoes"]);
        assert_eq!(parsed("red red !"), ["red", "red…"]);
        assert_eq!(parsed("a b a b"), ["a", "b", "b…"]);
    }

    #[test]
    fn characters_are_sought_as_they_stand() {
        assert_eq!(parsed("机"), ["机…"]);
        assert_eq!(parsed("手机壳"), ["手机 机壳"]);
        assert_eq!(parsed("手机　壳"), ["手机", "壳…"]);
        assert_eq!(parsed("iPhone手机"), ["iphone 手机"]);
        assert_eq!(parsed("手机iPh"), ["手机 机 iph…"]);
        assert_eq!(parsed("iphone手"), ["iphone 手…"]);
    }

    #[test]
    fn hits_cover_what_was_sought() {
        let positions = |text: &str| Query::parse(text).unwrap().terms()[0].positions;
        assert_eq!([positions("手"), positions("手机壳"), positions("iphone手机"), positions("red")], [1, 3, 3, 1]);
    }

    #[test]
    fn queries_are_bounded_and_hold_something() {
        let many = (0..=QUERY_TERMS).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let long = format!("\"{}\"", (0..=PHRASE_TOKENS).map(|_| "x").collect::<Vec<_>>().join(" "));
        for text in ["", "  ", "…!", "\"\"", &many, &long, &"x".repeat(QUERY_CHARS + 1)] {
            let error = Query::parse(text).unwrap_err();
            assert_eq!((error.code(), error.errors()[0].path.as_str()), (Code::BadParameter, "/search"), "{text}");
        }
    }
}
