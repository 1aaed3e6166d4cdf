//! Links of the documents resolve, and the change log is kept.

use std::path::Path;

use crate::tree::{assert_none, files_ending, read, root};

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut rest = line;
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            links.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    links
}

/// How a heading is named in a link: lower case, spaces as hyphens, punctuation left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    text.lines().filter_map(|line| line.strip_prefix('#')).any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn every_link_of_a_document_resolves() {
    let mut faults = Vec::new();
    for name in files_ending(&[".md"]) {
        let text = read(&name);
        let folder = Path::new(&name).parent().unwrap_or(Path::new(""));
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, wanted) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { name.clone() } else { folder.join(path).to_string_lossy().into_owned() };
            if !root().join(&target).exists() {
                faults.push(format!("{name}: {link}"));
            } else if !wanted.is_empty() && !has_anchor(&read(&target), wanted) {
                faults.push(format!("{name}: {link} (no such heading)"));
            }
        }
    }
    assert_none("broken links", &faults);
}

#[test]
fn every_page_of_docs_is_in_its_index() {
    let index = read("docs/README.md");
    let faults: Vec<String> = files_ending(&[".md"])
        .into_iter()
        .filter_map(|name| name.strip_prefix("docs/").map(str::to_owned))
        .filter(|page| page != "README.md" && !index.contains(&format!("({page})")))
        .collect();
    assert_none("pages that docs/README.md doesn't name", &faults);
}

#[test]
fn the_change_log_has_a_section_for_what_is_coming() {
    assert!(read("CHANGELOG.md").contains("\n## Unreleased\n"), "CHANGELOG.md lacks the section Unreleased");
}
