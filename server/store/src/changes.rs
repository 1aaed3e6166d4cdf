//! Reading the log.

use basalt_core::change::ActorKind;
use basalt_core::{Actor, Change, Code, CollectionName, DocumentId, Error, Result, Seq, Timestamp};
use serde_json::{Map, Value};

use crate::commit::op_from_number;
use crate::sql::{Dialect, Row, SqlValue, Statement};

/// Changes that are read at once.
const MAX_LIMIT: u32 = 10_000;

/// The rows of the log with the place that it is trimmed to, seen at one moment.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT m.value, c.seq, c.collection, c.id, c.op, c.after_body, c.before_body, c.actor_type, c.actor_id, \
             c.request_id, c.at FROM meta m LEFT JOIN (SELECT seq, collection, id, op, after_body, before_body, \
             actor_type, actor_id, request_id, at FROM changes WHERE ",
            $which,
            " ORDER BY seq LIMIT $2) c ON 1 = 1 WHERE m.name = 'trimmed' ORDER BY c.seq"
        )
    };
}

const SELECT: &str = select!("seq > $1");

/// Served by the index of these alone, so the actor stands in the text.
const SELECT_BY_OPERATORS: &str = select!("actor_type = 'operator' AND seq > $1");

/// The log's end: its last row or, where all are trimmed, the last that was.
pub(crate) const SELECT_END: &str =
    "SELECT coalesce((SELECT max(seq) FROM changes), 0), value FROM meta WHERE name = 'trimmed'";

pub(crate) fn select(since: Seq, limit: u32, dialect: Dialect) -> Statement {
    bound(SELECT, since, limit, dialect)
}

pub(crate) fn select_by_operators(since: Seq, limit: u32, dialect: Dialect) -> Statement {
    bound(SELECT_BY_OPERATORS, since, limit, dialect)
}

fn bound(sql: &str, since: Seq, limit: u32, dialect: Dialect) -> Statement {
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let limit = i64::from(limit.min(MAX_LIMIT));
    Statement { sql: dialect.sql(sql), values: vec![since.into(), limit.into()] }
}

/// The answer to [`SELECT_END`].
pub(crate) fn end(rows: &[Row]) -> Result<Seq> {
    let row = rows.first().ok_or_else(|| Error::internal("meta has no row for the log"))?;
    let last = row.first().and_then(SqlValue::as_int).and_then(|seq| Seq::try_from(seq).ok()).unwrap_or(0);
    Ok(last.max(trimmed(row.get(1))?))
}

fn trimmed(value: Option<&SqlValue>) -> Result<Seq> {
    let parsed = value.and_then(SqlValue::as_text).and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Error::internal("meta has no place that the log is trimmed to"))
}

/// The answer to [`select`] and [`select_by_operators`].
pub(crate) fn decode(since: Seq, rows: Vec<Row>) -> Result<Vec<Change>> {
    let first = rows.first().ok_or_else(|| Error::internal("meta has no row for the log"))?;
    if since < trimmed(first.first())? {
        return Err(Error::new(Code::CursorExpired, "The log no longer reaches back to this cursor."));
    }
    rows.into_iter().filter(|row| !matches!(row[1], SqlValue::Null)).map(change).collect()
}

fn change(row: Row) -> Result<Change> {
    let odd = || Error::internal("a row of the log is odd");
    let mut row = row.into_iter().skip(1);
    let mut int = || row.next().and_then(|value| value.as_int()).ok_or_else(odd);
    let seq = Seq::try_from(int()?).map_err(Error::internal)?;
    let mut values: Vec<SqlValue> = row.collect();
    let at = values.pop().and_then(|value| value.as_int()).ok_or_else(odd)?;
    let text = |n: usize| values.get(n).and_then(SqlValue::as_text);
    let body = |n: usize| text(n).map(parse_body).transpose();
    let required = |n: usize| text(n).ok_or_else(odd);
    Ok(Change {
        seq,
        collection: CollectionName::parse(required(0)?)?,
        id: DocumentId::parse(required(1)?)?,
        op: op_from_number(values.get(2).and_then(SqlValue::as_int).ok_or_else(odd)?)?,
        after: body(3)?,
        before: body(4)?,
        actor: Actor { kind: actor_kind(required(5)?)?, id: text(6).map(str::to_owned) },
        request_id: required(7)?.to_owned(),
        at: Timestamp::from_millis(at),
    })
}

pub(crate) fn parse_body(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(Error::internal)
}

pub(crate) fn actor_text(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Visitor => "visitor",
        ActorKind::User => "user",
        ActorKind::Service => "service",
        ActorKind::Operator => "operator",
        ActorKind::System => "system",
    }
}

fn actor_kind(text: &str) -> Result<ActorKind> {
    match text {
        "visitor" => Ok(ActorKind::Visitor),
        "user" => Ok(ActorKind::User),
        "service" => Ok(ActorKind::Service),
        "operator" => Ok(ActorKind::Operator),
        "system" => Ok(ActorKind::System),
        other => Err(Error::internal(format!("the log names an actor {other}"))),
    }
}
