//! What goes on in functions, told in lines.

use serde_json::Value;

/// `12:00:00.123 add info  hello {"n":1}`
pub(super) fn told_log(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("-");
    let fields = match &line["fields"] {
        Value::Null => String::new(),
        Value::Object(fields) if fields.is_empty() => String::new(),
        fields => format!(" {fields}"),
    };
    format!("{} {} {:<5} {}{fields}", time(line), word("function"), word("level"), plain(word("message")))
}

/// `12:00:00.123 add@3 ok 12 ms (cold) trace 0af7…`
pub(super) fn told_invocation(record: &Value) -> String {
    let word = |name: &str| record[name].as_str().unwrap_or("-");
    let cold = if record["cold"] == true { " (cold)" } else { "" };
    let trace = record["trace"].as_str().map(|trace| format!(" trace {trace}")).unwrap_or_default();
    let error = match &record["error"] {
        Value::Null => String::new(),
        Value::String(error) => format!(": {}", plain(error)),
        error => format!(": {}", plain(error["message"].as_str().unwrap_or("-"))),
    };
    let (duration, version) = (&record["durationMs"], &record["version"]);
    format!("{} {}@{version} {} {duration} ms{cold}{trace}{error}", time(record), word("function"), word("outcome"))
}

/// The time of day; the day is known to who looks on.
fn time(line: &Value) -> String {
    let at = line["at"].as_str().or_else(|| line["startedAt"].as_str()).unwrap_or("-");
    at.split_once('T').map_or(at, |(_, time)| time.trim_end_matches('Z')).to_owned()
}

/// A terminal shows it, and obeys none of it.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_told_and_none_commands_the_terminal() {
        let line = json!({"at": "2026-11-22T08:00:00.000Z", "function": "add", "level": "info",
            "message": "a\u{1b}[2Jb", "fields": {"n": 1}});
        assert_eq!(told_log(&line), "08:00:00.000 add info  a\u{fffd}[2Jb {\"n\":1}");
        let record = json!({"startedAt": "2026-11-22T08:00:00.000Z", "function": "add", "version": 3,
            "outcome": "failed", "durationMs": 1.5, "cold": true, "error": {"message": "no"}});
        assert_eq!(told_invocation(&record), "08:00:00.000 add@3 failed 1.5 ms (cold): no");
    }
}
