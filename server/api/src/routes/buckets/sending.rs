//! Bytes on their way out: conditions, one range, and headers that keep a browser from running them.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    self, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, LAST_MODIFIED, LOCATION,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use basalt_app::files::{Files, Opened, Shown};
use basalt_core::{Code, Error, Result, Timestamp};
use basalt_data::documents::EntityTags;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::shared::etag;
use crate::extract::tags;

/// How long caches on the way may keep a public file without asking.
const PUBLIC: &str = "public, max-age=3600";
const PRIVATE: &str = "private, no-cache";
/// No script, no page of ours around it.
const HARMLESS: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// What a bucket allows to be run, runs as nobody's: it shares its origin with the API.
const RUN: &str = "sandbox allow-scripts allow-forms allow-popups";
/// Browsers' viewers of PDF don't work in a sandbox; they run nothing with the page's rights.
const VIEWED: &str = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'";

/// The answer to a request for a file, whose bytes may be in memory; `download` is the name to save it under, empty for
/// its own.
pub(super) async fn file(
    request: &HttpRequest,
    files: &Files,
    (opened, memory): (&Opened, Option<Bytes>),
    download: Option<&str>,
) -> Result<HttpResponse> {
    let tag = etag(&opened.file);
    let disposition = disposition(opened, download);
    let wanted = wanted(request, opened, &tag)?;
    if wanted == Wanted::Nothing {
        return Ok(common(StatusCode::NOT_MODIFIED, opened, &tag).finish());
    }
    if memory.is_none()
        && let Some(url) = files.elsewhere(opened, &disposition).await?
    {
        let mut answer = HttpResponse::TemporaryRedirect();
        answer.insert_header((CACHE_CONTROL, "no-store"));
        return Ok(answer.insert_header((LOCATION, url)).finish());
    }
    let (status, range) = match wanted {
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Whole | Wanted::Nothing => (StatusCode::OK, 0..opened.file.size),
    };
    let mut answer = common(status, opened, &tag);
    if status == StatusCode::PARTIAL_CONTENT {
        let told = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), opened.file.size);
        answer.insert_header((CONTENT_RANGE, told));
    }
    answer.insert_header((CONTENT_TYPE, content_type(&opened.file.content_type)));
    answer.insert_header((CONTENT_DISPOSITION, disposition));
    answer.insert_header((CONTENT_SECURITY_POLICY, policy(opened)));
    let length = range.end - range.start;
    if request.method() == Method::HEAD || length == 0 {
        let nothing = stream::empty::<Result<Bytes>>();
        return Ok(answer.body(SizedStream::new(length, nothing)));
    }
    if let Some(bytes) = memory {
        return Ok(answer.body(within(&bytes, range)));
    }
    let bytes = files.read(opened, range).await?;
    Ok(answer.body(SizedStream::new(length, bytes.map_err(broken))))
}

fn within(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(place(range.start)..place(range.end))
}

/// The answer has begun: all that can be said is that it ends too early.
fn broken(error: Error) -> Error {
    tracing::warn!(?error, "a download broke off");
    error
}

fn common(status: StatusCode, opened: &Opened, tag: &str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((ETAG, tag));
    answer.insert_header((ACCEPT_RANGES, "bytes"));
    answer.insert_header((LAST_MODIFIED, http_date(opened.document.updated_at)));
    if opened.bucket.public {
        answer.insert_header((CACHE_CONTROL, PUBLIC));
        answer.insert_header(("Cross-Origin-Resource-Policy", "cross-origin"));
        answer.insert_header(("Access-Control-Allow-Origin", "*"));
    } else {
        answer.insert_header((CACHE_CONTROL, PRIVATE));
        answer.append_header((header::VARY, "Authorization"));
    }
    answer
}

fn policy(opened: &Opened) -> &'static str {
    let listed = opened.bucket.inline.iter().any(|range| range.covers(&opened.file.content_type));
    match opened.file.content_type.as_str() {
        "application/pdf" => VIEWED,
        _ if listed => RUN,
        _ => HARMLESS,
    }
}

/// A text is one in UTF-8, where its type doesn't say another.
fn content_type(essence: &str) -> String {
    if essence.starts_with("text/") { format!("{essence}; charset=utf-8") } else { essence.to_owned() }
}

fn disposition(opened: &Opened, download: Option<&str>) -> String {
    let own = opened.file.target.path.name();
    let name = download.filter(|name| !name.is_empty()).unwrap_or(own);
    let misleads = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = name.chars().filter(|c| !misleads(*c)).take(255).collect();
    let kind = if download.is_some() || opened.shown() == Shown::Attachment { "attachment" } else { "inline" };
    let plain: String =
        name.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '%') { c } else { '_' }).collect();
    if plain == name {
        return format!("{kind}; filename=\"{plain}\"");
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, NON_ALPHANUMERIC))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// The client has it.
    Nothing,
    Whole,
    Part(Range<u64>),
}

/// The conditions in the order of RFC 9110, 13.2.2.
fn wanted(request: &HttpRequest, opened: &Opened, tag: &str) -> Result<Wanted> {
    let known = |tags: EntityTags| tags.matches(&opened.file.sha256);
    let conditions = |name| tags(request, &name).map_err(|problem| problem.error().clone());
    let text = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let modified = http_date(opened.document.updated_at);
    if conditions(header::IF_MATCH)?.is_some_and(|tags| !known(tags)) {
        return Err(Error::new(Code::PreconditionFailed, "The file has other bytes."));
    }
    let has_it = match conditions(header::IF_NONE_MATCH)? {
        Some(tags) => known(tags),
        None => text(header::IF_MODIFIED_SINCE).is_some_and(|since| is_unmodified(since, &modified)),
    };
    if has_it {
        return Ok(Wanted::Nothing);
    }
    // Of another version a part is of no use.
    if text(header::IF_RANGE).is_some_and(|range| range != tag && range != modified) {
        return Ok(Wanted::Whole);
    }
    let Some(asked) = text(header::RANGE) else { return Ok(Wanted::Whole) };
    match range(asked, opened.file.size) {
        Asked::Other => Ok(Wanted::Whole),
        Asked::Range(range) => Ok(Wanted::Part(range)),
        Asked::Beyond => {
            let detail = format!("The file has {} bytes.", opened.file.size);
            Err(Error::new(Code::RangeNotSatisfiable, detail).with("size", opened.file.size))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Range(Range<u64>),
    /// No range, or several, which may be answered by the whole (RFC 9110, 14.2).
    Other,
    Beyond,
}

fn range(header: &str, size: u64) -> Asked {
    let Some(spec) = header.trim().strip_prefix("bytes=").filter(|spec| !spec.contains(',')) else {
        return Asked::Other;
    };
    let Some((first, last)) = spec.trim().split_once('-') else { return Asked::Other };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) || (first.is_empty() && last.is_empty()) {
        return Asked::Other;
    }
    // Beyond 64 bits is beyond every file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    if first.is_empty() {
        let count = number(last).min(size);
        return if count == 0 { Asked::Beyond } else { Asked::Range(size - count..size) };
    }
    let first = number(first);
    let last = if last.is_empty() { u64::MAX } else { number(last) };
    if last < first {
        return Asked::Other;
    }
    if first >= size { Asked::Beyond } else { Asked::Range(first..last.saturating_add(1).min(size)) }
}

/// Whether nothing was written after a date; one that can't be read says nothing.
fn is_unmodified(since: &str, modified: &str) -> bool {
    let date = |text: &str| text.parse::<header::HttpDate>().ok();
    matches!((date(since), date(modified)), (Some(since), Some(modified)) if since >= modified)
}

/// RFC 9110, 5.6.7.
fn http_date(time: Timestamp) -> String {
    let seconds = u64::try_from(time.millis() / 1_000).unwrap_or(0);
    header::HttpDate::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_answered_and_others_are_not() {
        for (header, expected) in [
            ("bytes=0-0", Asked::Range(0..1)),
            ("bytes=2-", Asked::Range(2..10)),
            ("bytes=2-99", Asked::Range(2..10)),
            ("bytes=-3", Asked::Range(7..10)),
            ("bytes=-99", Asked::Range(0..10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=99999999999999999999999-", Asked::Beyond),
            ("bytes=5-2", Asked::Other),
            ("bytes=0-1,3-4", Asked::Other),
            ("bytes=", Asked::Other),
            ("bytes=-", Asked::Other),
            ("bytes=a-b", Asked::Other),
            ("lines=1-2", Asked::Other),
        ] {
            assert_eq!(range(header, 10), expected, "{header}");
        }
        assert_eq!(range("bytes=0-", 0), Asked::Beyond);
    }
}
