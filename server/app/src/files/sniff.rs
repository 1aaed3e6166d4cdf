//! What a file is by its first bytes. What the client says counts only where the bytes don't contradict it: a page that
//! is called a picture is a page.

/// Bytes that are looked at.
pub(crate) const HEAD: usize = 8 << 10;
/// What nothing is known of.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// What clients send who were told nothing.
const UNSAID: [&str; 2] = [UNKNOWN, "application/x-www-form-urlencoded"];

/// Types without a signature of their own that are packed as these.
const CONTAINERS: [(&str, &[&str]); 4] = [
    (
        "application/zip",
        &[
            "application/vnd.openxmlformats-officedocument.",
            "application/vnd.oasis.opendocument.",
            "application/epub+zip",
            "application/java-archive",
            "application/vnd.android.package-archive",
            "application/x-",
            "model/vnd.usdz+zip",
        ],
    ),
    ("text/xml", &["application/xml", "application/rss+xml", "application/atom+xml", "application/gpx+xml"]),
    ("video/mp4", &["audio/mp4", "video/quicktime", "audio/x-m4a"]),
    ("video/webm", &["audio/webm"]),
];

/// The type that a file is kept with, without parameters and in lower case.
pub(crate) fn content_type(declared: Option<&str>, head: &[u8]) -> String {
    let declared = declared.map(essence).filter(|declared| is_type(declared) && !UNSAID.contains(&declared.as_str()));
    match (found(head), declared) {
        (Some(found), Some(declared)) if fits(found, &declared) => declared,
        (Some(found), _) => found.to_owned(),
        // What has a signature and lacks it is not what it is called.
        (None, Some(declared)) if has_signature(&declared) => UNKNOWN.to_owned(),
        (None, Some(declared)) => declared,
        (None, None) if is_text(head) => "text/plain".to_owned(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// Whether a browser would run what is in it, or let it reach the page around it.
pub(crate) fn is_active(content_type: &str) -> bool {
    let harmless_application = ["application/pdf", "application/json", "application/octet-stream", "application/zip"];
    match content_type.split_once('/') {
        Some(("image", subtype)) => subtype.contains("svg") || subtype.contains("xml"),
        Some(("audio" | "video" | "font", _)) => false,
        Some(("text", subtype)) => !matches!(subtype, "plain" | "csv" | "markdown"),
        Some(("application", _)) => !harmless_application.contains(&content_type),
        _ => true,
    }
}

fn found(head: &[u8]) -> Option<&'static str> {
    let mark = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if let Some(markup) = markup(mark) {
        return Some(markup);
    }
    infer::get(head).map(|kind| kind.mime_type())
}

/// Pages and drawings that begin with whatever: browsers look that far, too.
fn markup(head: &[u8]) -> Option<&'static str> {
    const PAGE: [&str; 17] = [
        "<!doctype html",
        "<html",
        "<head",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<body",
        "<br",
        "<p",
        "<!--",
    ];
    let start = head.iter().position(|b| !b.is_ascii_whitespace())?;
    let text: String = head[start..].iter().take(1_024).map(|b| b.to_ascii_lowercase() as char).collect();
    let begins = |tag: &str| {
        let rest = text.strip_prefix(tag);
        rest.is_some_and(|rest| tag == "<!--" || rest.starts_with([' ', '>', '/', '\t', '\n', '\r', '\u{c}']))
    };
    if text.starts_with("<svg")
        || (text.starts_with("<?xml") || text.starts_with("<!--") || text.starts_with("<!doctype svg"))
            && text.contains("<svg")
    {
        return Some("image/svg+xml");
    }
    if PAGE.iter().any(|tag| begins(tag)) {
        return Some("text/html");
    }
    if text.starts_with("<?xml") {
        let is_page = text.contains("<html") || text.contains("http://www.w3.org/1999/xhtml");
        return Some(if is_page { "application/xhtml+xml" } else { "text/xml" });
    }
    None
}

/// Without parameters, in lower case.
pub(crate) fn essence(declared: &str) -> String {
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_type(text: &str) -> bool {
    let token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.len() <= 127 && text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// Whether what is declared may be what was found, told more exactly.
fn fits(found: &str, declared: &str) -> bool {
    let same = |a: &str, b: &str| a.replace("/x-", "/") == b.replace("/x-", "/");
    let contained = CONTAINERS.iter().find(|(container, _)| *container == found);
    same(found, declared)
        || (found == "image/jpeg" && declared == "image/jpg")
        || contained.is_some_and(|(_, kinds)| kinds.iter().any(|kind| declared.starts_with(kind)))
}

/// Kinds that always begin with a signature, as far as they are known.
fn has_signature(declared: &str) -> bool {
    let known = [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/tiff",
        "image/avif",
        "image/heic",
        "image/svg+xml",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/ogg",
        "application/pdf",
        "application/zip",
        "application/gzip",
    ];
    known.contains(&declared)
}

fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    !whole.is_empty() && !whole.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beat_what_is_declared() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(content_type(Some("image/png"), png), "image/png");
        assert_eq!(content_type(Some("text/plain"), png), "image/png");
        assert_eq!(content_type(None, png), "image/png");
        let page = b"  \n<!DOCTYPE html><script>alert(1)</script>";
        for declared in ["image/png", "text/plain", "application/pdf", "text/html; charset=utf-8"] {
            assert_eq!(content_type(Some(declared), page), "text/html", "{declared}");
        }
        assert_eq!(content_type(Some("image/png"), b"<svg onload=alert(1)>"), "image/svg+xml");
        assert_eq!(content_type(Some("image/jpeg"), b"<?xml version='1.0'?><!-- a --><svg/>"), "image/svg+xml");
        assert_eq!(content_type(Some("image/png"), b"no picture"), UNKNOWN);
        assert_eq!(content_type(Some("text/markdown"), b"# Title"), "text/markdown");
        assert_eq!(content_type(None, "Grüße".as_bytes()), "text/plain");
        assert_eq!(content_type(None, b"\0\x01\x02"), UNKNOWN);
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(content_type(Some(docx), b"PK\x03\x04\x14\0\0\0"), docx);
        assert_eq!(content_type(Some("bad type\r\nx: y"), b"abc"), "text/plain");
    }

    #[test]
    fn what_a_browser_runs_is_active() {
        for active in ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/javascript", "x/y"] {
            assert!(is_active(active), "{active}");
        }
        for harmless in ["image/png", "video/mp4", "text/plain", "application/pdf", UNKNOWN] {
            assert!(!is_active(harmless), "{harmless}");
        }
    }
}
