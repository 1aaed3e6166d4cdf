//! From a text to its tokens.

use std::collections::VecDeque;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::WORD_CHARS;
use super::fold::Folded;

/// What is found at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub kind: Kind,
    /// Bytes of the text that was cut: of a word all of it, of a pair its first character.
    pub place: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// Two characters side by side, of a script without spaces.
    Pair,
    /// The last character of a run.
    Last,
}

/// The tokens of a text, one a position.
pub fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    Tokens { folded: Folded::new(text), pending: Pending::Nothing, ready: VecDeque::new(), ended: false }
}

struct Tokens<'a> {
    folded: Folded<'a>,
    pending: Pending,
    ready: VecDeque<Token>,
    ended: bool,
}

/// What isn't a token yet, because it depends on what comes next.
enum Pending {
    Nothing,
    Word { text: String, chars: usize, place: Range<usize> },
    Character { c: char, place: Range<usize> },
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            if let Some(token) = self.ready.pop_front() {
                return Some(token);
            }
            if self.ended {
                return None;
            }
            if let Some((c, place)) = self.folded.next() {
                self.take(c, place);
            } else {
                self.ended = true;
                self.finish();
            }
        }
    }
}

impl Tokens<'_> {
    fn take(&mut self, c: char, place: Range<usize>) {
        match class(c) {
            Class::Dense => self.dense(c, place),
            Class::Letter => self.letter(c, place),
            Class::Mark if matches!(self.pending, Pending::Word { .. }) => self.letter(c, place),
            Class::Mark | Class::Separator => self.finish(),
        }
    }

    fn letter(&mut self, c: char, place: Range<usize>) {
        if let Pending::Word { text, chars, place: whole } = &mut self.pending {
            if *chars < WORD_CHARS {
                text.push(c);
            }
            *chars += 1;
            whole.end = place.end;
        } else {
            self.finish();
            self.pending = Pending::Word { text: c.to_string(), chars: 1, place };
        }
    }

    fn dense(&mut self, c: char, place: Range<usize>) {
        if let Pending::Character { c: first, place } = &self.pending {
            let text = String::from_iter([*first, c]);
            self.ready.push_back(Token { text, kind: Kind::Pair, place: place.clone() });
        } else {
            self.finish();
        }
        self.pending = Pending::Character { c, place };
    }

    fn finish(&mut self) {
        self.ready.extend(match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => None,
            Pending::Word { text, place, .. } => Some(Token { text, kind: Kind::Word, place }),
            Pending::Character { c, place } => Some(Token { text: c.to_string(), kind: Kind::Last, place }),
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    /// Of a script without spaces between words.
    Dense,
    Mark,
    Separator,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Separator };
    }
    match (c.is_alphanumeric(), is_combining_mark(c)) {
        (false, false) => Class::Separator,
        _ if is_dense(c) => Class::Dense,
        (true, _) => Class::Letter,
        (false, true) => Class::Mark,
    }
}

/// By blocks; what in them is neither letter, digit nor mark is a separator all the same.
fn is_dense(c: char) -> bool {
    matches!(c,
        // Thai, Lao; Burmese; Hangul letters; Khmer
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        // radicals, signs of repetition, Hiragana, Katakana, Bopomofo, Hangul letters for compatibility
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{303c}' | '\u{3041}'..='\u{31ff}'
        // Han, Yi, Hangul letters, Burmese, Hangul syllables, Han for compatibility
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a000}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        // further Kana and Han
        | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        tokens(text).map(|token| token.text).collect()
    }

    #[test]
    fn words_are_tokens_and_what_separates_is_none() {
        assert_eq!(cut("Hello, WORLD! 3.14 foo_bar"), ["hello", "world", "3", "14", "foo", "bar"]);
        assert_eq!(cut("Müller Cafe\u{301} Ελλάδα Привет"), ["müller", "café", "ελλάδα", "привет"]);
        assert_eq!(cut("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert!(cut(" …—!？。 \u{301}").is_empty());
    }

    #[test]
    fn scripts_without_spaces_are_pairs_and_the_end_of_a_run() {
        assert_eq!(cut("手机壳"), ["手机", "机壳", "壳"]);
        assert_eq!(cut("東京タワー"), ["東京", "京タ", "タワ", "ワー", "ー"]);
        assert_eq!(cut("대한민국 서울"), ["대한", "한민", "민국", "국", "서울", "울"]);
        assert_eq!(cut("壳。壳"), ["壳", "壳"]);
        assert_eq!(cut("佐々木・〇"), ["佐々", "々木", "木", "〇"]);
        assert_eq!(cut("ไทย"), ["ไท", "ทย", "ย"]);
    }

    #[test]
    fn mixed_texts_split_at_the_change() {
        assert_eq!(cut("iPhone手机壳Pro"), ["iphone", "手机", "机壳", "壳", "pro"]);
        assert_eq!(cut("2024年5月"), ["2024", "年", "5", "月"]);
    }

    #[test]
    fn places_are_bytes_of_the_text() {
        let text = "ＡＢ手机, Straße";
        let places: Vec<&str> = tokens(text).map(|token| &text[token.place]).collect();
        assert_eq!(places, ["ＡＢ", "手", "机", "Straße"]);
    }

    #[test]
    fn long_words_count_by_their_beginning() {
        let long = "x".repeat(WORD_CHARS + 5);
        let token = tokens(&long).next().unwrap();
        assert_eq!(token.text.chars().count(), WORD_CHARS);
        assert_eq!(token.place, 0..long.len());
    }
}
