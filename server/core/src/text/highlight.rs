//! Where a query was found in a text, for people to see.

use std::ops::Range;

use super::query::Query;
use super::tokens::tokens;

/// Bytes of a text that are looked through.
pub const SEEN_BYTES: usize = 32 << 10;
/// Characters of a text that is shown whole.
const WHOLE_CHARS: usize = 200;
/// Characters before the first hit and behind it, where a text is cut.
const BEFORE_CHARS: usize = 40;
const BEHIND_CHARS: usize = 160;

/// A piece of the text as HTML with each hit in `<mark>`; `None` where nothing is found.
pub fn highlight(text: &str, query: &Query) -> Option<String> {
    let seen = &text[..boundary(text, SEEN_BYTES)];
    let hits = hits(seen, query);
    let first = hits.first()?;
    let window = window(text, first);
    let mut html = String::with_capacity(window.len() + 64);
    if window.start > 0 {
        html.push('…');
    }
    let mut at = window.start;
    for hit in hits.iter().filter(|hit| hit.start < window.end) {
        escape(&text[at..hit.start], &mut html);
        let end = hit.end.min(window.end);
        html.push_str("<mark>");
        escape(&text[hit.start..end], &mut html);
        html.push_str("</mark>");
        at = end;
    }
    escape(&text[at..window.end], &mut html);
    if window.end < text.len() {
        html.push('…');
    }
    Some(html)
}

/// The places of all hits, in order, joined where they touch or overlap.
fn hits(text: &str, query: &Query) -> Vec<Range<usize>> {
    let cut: Vec<_> = tokens(text).collect();
    let mut hits: Vec<Range<usize>> = Vec::new();
    for (n, token) in cut.iter().enumerate() {
        let longest = query.terms().iter().filter(|term| term.begins(cut[n..].iter().map(|token| token.text.as_str())));
        let Some(positions) = longest.map(|term| term.positions).max() else { continue };
        let end = cut.get(n + positions - 1).map_or(text.len(), |last| last.place.end);
        match hits.last_mut().filter(|last| token.place.start <= last.end) {
            Some(last) => last.end = last.end.max(end),
            None => hits.push(token.place.start..end),
        }
    }
    hits
}

/// What is shown of a text: from a little before its first hit.
fn window(text: &str, first: &Range<usize>) -> Range<usize> {
    if text.chars().nth(WHOLE_CHARS).is_none() {
        return 0..text.len();
    }
    let start = text[..first.start].char_indices().rev().nth(BEFORE_CHARS - 1).map_or(0, |(at, _)| at);
    let end = text[first.start..].char_indices().nth(BEHIND_CHARS).map_or(text.len(), |(at, _)| first.start + at);
    start..end
}

/// The last boundary of a character up to `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, query: &str) -> Option<String> {
        highlight(text, &Query::parse(query).unwrap())
    }

    #[test]
    fn hits_are_marked_and_everything_else_escaped() {
        assert_eq!(
            shown("Red <b>shoes</b> & more", "sho").unwrap(),
            "Red &lt;b&gt;<mark>shoes</mark>&lt;/b&gt; &amp; more"
        );
        assert_eq!(shown("<mark>x</mark>", "x").unwrap(), "&lt;mark&gt;<mark>x</mark>&lt;/mark&gt;");
        assert_eq!(shown("blue shoes", "red"), None);
    }

    #[test]
    fn characters_are_marked_exactly() {
        assert_eq!(shown("新款iPhone手机壳", "手机").unwrap(), "新款iPhone<mark>手机</mark>壳");
        assert_eq!(shown("新款iPhone手机壳", "机").unwrap(), "新款iPhone手<mark>机</mark>壳");
        assert_eq!(shown("新款 iPhone 手机壳", "iphone手机").unwrap(), "新款 <mark>iPhone 手机</mark>壳");
        assert_eq!(shown("哈哈哈", "哈哈").unwrap(), "<mark>哈哈哈</mark>");
        assert_eq!(shown("ﾊﾟﾝﾀﾞ", "パン").unwrap(), "<mark>ﾊﾟﾝ</mark>ﾀﾞ");
    }

    #[test]
    fn long_texts_are_cut_around_their_first_hit() {
        let text = format!("{} needle {} needle", "a ".repeat(300), "b ".repeat(300));
        let html = shown(&text, "needle").unwrap();
        assert!(html.starts_with('…') && html.ends_with('…'), "{html}");
        assert_eq!(html.matches("<mark>needle</mark>").count(), 1);
        assert!(html.chars().count() < 250);
    }

    #[test]
    fn what_lies_too_far_behind_is_not_looked_at() {
        let text = format!("{}needle", "界".repeat(SEEN_BYTES));
        assert_eq!(shown(&text, "needle"), None);
    }

    #[test]
    fn a_hit_longer_than_the_window_ends_with_it() {
        let text = "字".repeat(1_000);
        let html = shown(&text, "字").unwrap();
        assert!(html.ends_with("</mark>…"), "{html}");
    }
}
