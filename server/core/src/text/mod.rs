//! Full text: the tokens that searches go by, the same on both engines.
//!
//! A text is folded (NFKC and case folding) and cut into tokens, one a position:
//! * letters and digits of scripts that put spaces between words: a token a word;
//! * characters of scripts that don't (Han, Kana, Hangul; also Thai, Lao, Khmer and Burmese), in runs: at each
//!   character a token of it and the next one, at the last character of a run a token of it alone.
//!
//! So the token at a character begins with it: one character is found as a prefix, several as pairs side by side, and
//! both are found exactly where the text holds them. What is neither letter, digit nor mark separates, and is no token.

mod fold;
mod highlight;
mod query;
mod tokens;

use serde_json::{Map, Value};

use crate::ids::FieldPath;

pub use highlight::{SEEN_BYTES, highlight};
pub use query::{Query, Term};
pub use tokens::{Kind, Token, tokens};

/// Characters of a word that count.
pub const WORD_CHARS: usize = 64;
/// Tokens of one document that are indexed; what comes behind isn't found.
pub const DOCUMENT_TOKENS: usize = 50_000;
/// Characters of a query.
pub const QUERY_CHARS: usize = 256;
/// Words and phrases of a query.
pub const QUERY_TERMS: usize = 10;
/// Tokens of one phrase.
pub const PHRASE_TOKENS: usize = 64;

/// Stands between the texts of a list, so that no phrase runs across. In no query: it is for private use.
pub const GAP: &str = "\u{e000}";

/// The texts at a path: of a list each element's, in order; also within the maps of a list.
pub fn texts<'a>(document: &'a Map<String, Value>, path: &FieldPath) -> Vec<&'a str> {
    let mut found = Vec::new();
    let Some((first, rest)) = path.names().split_first() else { return found };
    if let Some(value) = document.get(first) {
        collect(value, rest, &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, names: &[String], found: &mut Vec<&'a str>) {
    match (value, names.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| collect(item, names, found)),
        (Value::String(text), None) => found.push(text),
        (Value::Object(map), Some((first, rest))) => {
            if let Some(value) = map.get(first) {
                collect(value, rest, found);
            }
        }
        _ => {}
    }
}

/// What is indexed of a field's texts; `left` is what the document may still add.
pub fn indexed(texts: &[&str], left: &mut usize) -> Vec<String> {
    let mut stream = Vec::new();
    for text in texts {
        if *left == 0 {
            break;
        }
        if !stream.is_empty() {
            stream.push(GAP.to_owned());
        }
        let before = stream.len();
        stream.extend(tokens(text).take(*left).map(|token| token.text));
        *left -= stream.len() - before;
    }
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_found_in_lists_and_maps() {
        let document = json!({
            "title": "a", "tags": ["b", 1, ["c"], null], "author": {"name": "d"},
            "comments": [{"text": "e"}, {"text": ["f"]}, "no map", {"text": {"x": "not this"}}],
        });
        let Value::Object(document) = document else { panic!("an object") };
        let at = |path: &str| texts(&document, &FieldPath::parse(path).unwrap());
        assert_eq!(at("title"), ["a"]);
        assert_eq!(at("tags"), ["b", "c"]);
        assert_eq!(at("author.name"), ["d"]);
        assert_eq!(at("comments.text"), ["e", "f"]);
        assert!(at("author").is_empty() && at("missing").is_empty() && at("title.inner").is_empty());
    }

    #[test]
    fn a_document_is_indexed_up_to_its_bound_with_gaps_between_its_texts() {
        let mut left = 4;
        assert_eq!(indexed(&["one two", "three"], &mut left), ["one", "two", GAP, "three"]);
        assert_eq!(left, 1);
        assert_eq!(indexed(&["four five"], &mut left), ["four"]);
        assert!(indexed(&["six"], &mut left).is_empty());
    }
}
