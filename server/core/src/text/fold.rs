//! Folding: NFKC, case folding, NFKC again, each folded character with the place that it came from.

use std::iter::once;
use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The folded characters of a text. A place is that of all the characters which were normalised together.
pub(super) struct Folded<'a> {
    text: &'a str,
    at: usize,
    /// Of the cluster under way, the last first.
    ready: Vec<char>,
    place: Range<usize>,
}

impl<'a> Folded<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, ready: Vec::new(), place: 0..0 }
    }

    /// The end of the cluster that begins here: what normalises alike by itself and within the text.
    fn cluster_end(&self) -> usize {
        let mut rest = self.text[self.at..].char_indices().skip(1);
        rest.find(|(_, c)| begins_cluster(*c)).map_or(self.text.len(), |(offset, _)| self.at + offset)
    }
}

impl Iterator for Folded<'_> {
    type Item = (char, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(c) = self.ready.pop() {
                return Some((c, self.place.clone()));
            }
            let first = self.text[self.at..].chars().next()?;
            let end = self.cluster_end();
            let cluster = &self.text[self.at..end];
            self.place = self.at..end;
            self.at = end;
            if cluster.len() == first.len_utf8() && is_plain(first) {
                return Some((first.to_ascii_lowercase(), self.place.clone()));
            }
            self.ready = fold(cluster);
            self.ready.reverse();
        }
    }
}

/// The folded text.
pub(super) fn fold(text: &str) -> Vec<char> {
    let case = |c: char| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let folded = text.nfkc().flat_map(case).collect::<String>();
    folded.nfkc().filter(|c| !is_ignorable(*c)).collect()
}

/// What folding leaves alone, but for the case of ASCII, and what joins nothing before it: most of what is written.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Whether normalising never joins this character to what is before it.
fn begins_cluster(c: char) -> bool {
    if is_plain(c) {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |part| {
        first.get_or_insert(part);
    });
    let first = first.unwrap_or(c);
    canonical_combining_class(first) == 0 && is_nfc_quick(once(first)) != IsNormalized::Maybe
}

/// Format characters that are written for the looks alone: soft hyphens, joiners, directions, variations.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_clusters(text: &str) -> String {
        Folded::new(text).map(|(c, _)| c).collect()
    }

    #[test]
    fn widths_cases_and_compositions_become_one() {
        for (text, folded) in [
            ("ＡＢＣ１２３", "abc123"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("Cafe\u{301}", "café"),
            ("ﾊﾟﾝﾀﾞ", "パンダ"),
            ("は\u{3099}", "ば"),
            ("㍿", "株式会社"),
            ("ﬁne", "fine"),
            ("\u{1112}\u{1161}\u{11ab}글", "한글"),
            ("co\u{ad}op", "coop"),
            ("葛\u{e0100}", "葛"),
            ("№5", "no5"),
        ] {
            assert_eq!(by_clusters(text), folded, "{text}");
        }
    }

    #[test]
    fn clusters_fold_as_the_whole_text_does() {
        let text = "A\u{30a}ngstro\u{308}m \u{1100}\u{1161}\u{11a8} ㄱㅏ ｶﾞ か\u{3099}き ỗ o\u{302}\u{303} क\u{93c} Ǆ ŉ ẞ İ x\u{301}\u{323}";
        assert_eq!(by_clusters(text), fold(text).iter().collect::<String>());
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "e\u{301}㍿x";
        let places: Vec<&str> = Folded::new(text).map(|(_, place)| &text[place]).collect();
        assert_eq!(places, ["e\u{301}", "㍿", "㍿", "㍿", "㍿", "x"]);
    }
}
