//! Full text against a naive reading: queries cut from a corpus of Chinese, Japanese, Korean, mixed and Latin lines find
//! exactly the lines in which a plain search of the folded text finds them, on both engines.

use std::collections::BTreeSet;

use basalt_core::FieldPath;
use basalt_core::filter::Filter;
use basalt_core::text::Query;
use basalt_store::testkit::{TestDb, both};
use basalt_store::{IndexKind, List, Search};
use serde_json::json;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::common::*;

const CORPUS: &str = include_str!("../../../../tests/corpus/search.txt");
/// Queries of one kind.
const MOST: usize = 120;

/// NFKC and case folding of the whole line.
fn folded(text: &str) -> Vec<char> {
    let case = |c: char| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    text.nfkc().flat_map(case).collect::<String>().nfkc().collect()
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Of a script that is searched by characters.
fn is_dense(c: char) -> bool {
    let thai = ('\u{e00}'..='\u{e7f}').contains(&c);
    let kana = ('\u{3041}'..='\u{3129}').contains(&c) || c == '々' || c == '〇';
    let han = ('\u{4e00}'..='\u{9fff}').contains(&c) || ('\u{3400}'..='\u{4dbf}').contains(&c) || c >= '\u{20000}';
    let hangul = ('\u{ac00}'..='\u{d7a3}').contains(&c) || ('\u{1100}'..='\u{11ff}').contains(&c);
    is_part(c) && (thai || kana || han || hangul)
}

fn is_letter(c: char) -> bool {
    is_part(c) && !is_dense(c)
}

/// Whether the line holds the query, beginning at a word if it begins with one; where the script changes, anything that
/// separates may stand between.
fn holds(line: &[char], query: &[char]) -> bool {
    (0..line.len()).any(|start| {
        let inside = start > 0 && is_letter(line[start]) && is_letter(line[start - 1]);
        !inside && holds_at(&line[start..], query)
    })
}

fn holds_at(line: &[char], query: &[char]) -> bool {
    let mut line = line.iter().copied().peekable();
    let mut before: Option<char> = None;
    for wanted in query {
        if before.is_some_and(|before| is_letter(before) != is_letter(*wanted)) {
            while line.next_if(|c| !is_part(*c)).is_some() {}
        }
        if line.next() != Some(*wanted) {
            return false;
        }
        before = Some(*wanted);
    }
    true
}

/// At most [`MOST`] of them, from all over the corpus.
fn sample(queries: BTreeSet<String>) -> Vec<String> {
    let step = queries.len().div_ceil(MOST).max(1);
    queries.into_iter().step_by(step).collect()
}

fn windows(lines: &[Vec<char>], length: usize, wanted: impl Fn(&[char]) -> bool) -> Vec<String> {
    let all = lines.iter().flat_map(|line| line.windows(length)).filter(|window| wanted(window));
    sample(all.map(|window| window.iter().collect()).collect())
}

/// A window that begins with a word has to begin where the word does: else it is the middle of one.
fn mixed(lines: &[Vec<char>], length: usize) -> Vec<String> {
    let mut found = BTreeSet::new();
    for line in lines {
        for start in 0..line.len().saturating_sub(length) {
            let window = &line[start..start + length];
            let inside = start > 0 && is_letter(line[start - 1]) && is_letter(window[0]);
            let is_mixed = window.iter().any(|c| is_dense(*c)) && window.iter().any(|c| is_letter(*c));
            if !inside && is_mixed && window.iter().all(|c| is_part(*c)) {
                found.insert(window.iter().collect());
            }
        }
    }
    sample(found)
}

fn words(line: &[char]) -> Vec<String> {
    line.split(|c| !is_letter(*c)).filter(|word| !word.is_empty()).map(|word| word.iter().collect()).collect()
}

async fn search(db: &TestDb, text: &str) -> BTreeSet<usize> {
    let search = Search { query: Query::parse(text).unwrap(), fields: vec![FieldPath::parse("text").unwrap()] };
    let collection = name("lines");
    let list = List {
        collection,
        filter: Filter::True,
        search: Some(search),
        sort: Vec::new(),
        limit: 500,
        after: None,
        count: true,
    };
    let page = db.store.list(list).await.unwrap();
    assert_eq!(page.total, Some(page.documents.len() as u64), "{text}");
    page.documents.iter().map(|document| document.id.as_str()[1..].parse().unwrap()).collect()
}

async fn compare(db: &TestDb, lines: &[Vec<char>], queries: &[String]) {
    assert!(!queries.is_empty());
    for query in queries {
        let wanted: Vec<char> = query.chars().collect();
        let expected = lines.iter().enumerate().filter(|(_, line)| holds(line, &wanted)).map(|(n, _)| n).collect();
        assert_eq!(search(db, query).await, expected, "{query}");
    }
}

async fn filled(db: &TestDb) -> Vec<Vec<char>> {
    assert!(CORPUS.lines().count() >= 300);
    define(db, "lines", vec![index(IndexKind::Search, &["text"])]).await;
    for (n, line) in CORPUS.lines().enumerate() {
        put(&db.store, "lines", &format!("l{n}"), json!({"text": line})).await.unwrap();
    }
    CORPUS.lines().map(folded).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn characters_are_found_as_a_substring_is() {
    both(|db| async move {
        let lines = filled(&db).await;
        for length in [1, 2, 3, 8] {
            let queries = windows(&lines, length, |window| window.iter().all(|c| is_dense(*c)));
            for query in &queries {
                let wanted: Vec<char> = query.chars().collect();
                for line in &lines {
                    let is_substring = line.windows(length).any(|window| window == wanted);
                    assert_eq!(holds(line, &wanted), is_substring, "the oracle of {query}");
                }
            }
            compare(&db, &lines, &queries).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_found_by_their_beginnings_and_mixed_texts_as_they_stand() {
    both(|db| async move {
        let lines = filled(&db).await;
        for length in [1, 2, 3, 8] {
            let beginnings = lines.iter().flat_map(|line| words(line)).filter_map(|word| {
                let beginning: String = word.chars().take(length).collect();
                (beginning.chars().count() == length).then_some(beginning)
            });
            compare(&db, &lines, &sample(beginnings.collect())).await;
            if length > 1 {
                compare(&db, &lines, &mixed(&lines, length)).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phrases_are_words_side_by_side_and_words_are_all_found() {
    both(|db| async move {
        let lines = filled(&db).await;
        let split: Vec<Vec<String>> = lines.iter().map(|line| words(line)).collect();
        let latin: Vec<usize> = (0..lines.len()).filter(|n| !lines[*n].iter().any(|c| is_dense(*c))).collect();
        for n in &latin {
            for pair in split[*n].windows(2) {
                let side_by_side = |m: &&usize| split[**m].windows(2).any(|other| other == pair);
                let expected: BTreeSet<usize> = latin.iter().filter(side_by_side).copied().collect();
                let mut found = search(&db, &format!("\"{} {}\"", pair[0], pair[1])).await;
                found.retain(|n| latin.contains(n));
                assert_eq!(found, expected, "{pair:?}");
                let both =
                    |m: &usize| split[*m].contains(&pair[1]) && split[*m].iter().any(|word| word.starts_with(&pair[0]));
                let expected: BTreeSet<usize> = (0..lines.len()).filter(both).collect();
                assert_eq!(search(&db, &format!("\"{}\" {}", pair[1], pair[0])).await, expected, "{pair:?}");
            }
        }
        let (wanted, other): (Vec<char>, Vec<char>) = ("手机".chars().collect(), "充电".chars().collect());
        let both = |n: &usize| holds(&lines[*n], &wanted) && holds(&lines[*n], &other);
        let expected: BTreeSet<usize> = (0..lines.len()).filter(both).collect();
        assert!(!expected.is_empty());
        assert_eq!(search(&db, "充电 手机").await, expected);
    })
    .await;
}
