//! Reading the log.

use basalt_core::change::{ActorKind, Body, split_request};
use basalt_core::{Actor, Change, Code, CollectionName, DocumentId, Error, Result, Seq, Timestamp};

use crate::commit::op_from_number;
use crate::sql::{Dialect, Row, SqlValue, Statement};

/// Changes that are read at once.
const MAX_ROWS: u32 = 10_000;
/// Bytes of bodies that are read at once, where nothing else is said.
const BYTES: usize = 8 << 20;

/// The log's end: its last row or, where all are trimmed, the last that was.
pub(crate) const SELECT_END: &str =
    "SELECT coalesce((SELECT max(seq) FROM changes), 0), value FROM meta WHERE name = 'trimmed'";

/// A look at the log after a place.
#[derive(Clone, Debug)]
pub struct LogRead {
    pub since: Seq,
    pub of: LogOf,
    pub rows: u32,
    /// No further row is read once the bodies of those before come to so many bytes.
    pub bytes: usize,
}

/// Whose changes are read; each by an index of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOf {
    All,
    Collections(Vec<CollectionName>),
    /// Those that operators made.
    Operators,
}

/// What a look at the log found.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    pub changes: Vec<Change>,
    /// Up to here nothing was left out: the last change's place where the read had to stop, else the log's end.
    pub through: Seq,
    /// The log's end when it was read.
    pub end: Seq,
    /// Changes up to here were gone.
    pub trimmed: Seq,
}

impl LogRead {
    /// All changes after a place.
    pub fn new(since: Seq, rows: u32) -> Self {
        Self { since, of: LogOf::All, rows, bytes: BYTES }
    }
}

/// One statement, hence one state of the log: the place that it is trimmed to, its end, whether more rows were there,
/// and the rows. Sizes are read off the rows' heads, so a page is found without reading the bodies beyond it.
pub(crate) fn select(read: &LogRead, dialect: Dialect) -> Statement {
    let rows = read.rows.min(MAX_ROWS);
    let mut values: Vec<SqlValue> = vec![
        i64::try_from(read.since).unwrap_or(i64::MAX).into(),
        i64::from(rows).into(),
        i64::try_from(read.bytes).unwrap_or(i64::MAX).into(),
    ];
    let sized = "SELECT seq, coalesce(octet_length(after_body), 0) + coalesce(octet_length(before_body), 0) AS size \
                 FROM changes WHERE seq > $1";
    let ordered = "ORDER BY seq LIMIT $2";
    let picked = match &read.of {
        LogOf::All => format!("{sized} {ordered}"),
        // The index of these alone serves them, so the actor stands in the text.
        LogOf::Operators => format!("{sized} AND actor_type = 'operator' {ordered}"),
        LogOf::Collections(collections) => {
            let mut branches = Vec::with_capacity(collections.len());
            for (index, collection) in collections.iter().enumerate() {
                values.push(collection.as_str().into());
                let parameter = index + 4;
                let branch = format!("{sized} AND collection = ${parameter} {ordered}");
                branches.push(format!("SELECT seq, size FROM ({branch}) b{index}"));
            }
            format!("SELECT seq, size FROM ({}) b {ordered}", branches.join(" UNION ALL "))
        }
    };
    let sql = format!(
        "WITH picked AS ({picked}), kept AS (SELECT seq FROM (SELECT seq, sum(size) OVER (ORDER BY seq ROWS UNBOUNDED \
         PRECEDING) - size AS before FROM picked) p WHERE before < $3) \
         SELECT m.value, coalesce((SELECT max(seq) FROM changes), 0), (SELECT count(*) FROM picked), c.seq, \
         c.collection, c.id, c.op, c.after_body, c.before_body, c.actor_type, c.actor_id, c.request_id, c.at \
         FROM meta m LEFT JOIN (SELECT r.seq, r.collection, r.id, r.op, r.after_body, r.before_body, r.actor_type, \
         r.actor_id, r.request_id, r.at FROM kept k JOIN changes r ON r.seq = k.seq) c ON 1 = 1 \
         WHERE m.name = 'trimmed' ORDER BY c.seq"
    );
    Statement { sql: dialect.sql(&sql), values }
}

/// The answer to [`SELECT_END`].
pub(crate) fn end(rows: &[Row]) -> Result<Seq> {
    ends(rows).map(|(_, end)| end)
}

/// The same with where the log begins: it reaches back to all places from there on.
pub(crate) fn ends(rows: &[Row]) -> Result<(Seq, Seq)> {
    let row = rows.first().ok_or_else(|| Error::internal("meta has no row for the log"))?;
    let trimmed = trimmed(row.get(1))?;
    Ok((trimmed, place(row.first()).max(trimmed)))
}

fn place(value: Option<&SqlValue>) -> Seq {
    value.and_then(SqlValue::as_int).and_then(|seq| Seq::try_from(seq).ok()).unwrap_or(0)
}

fn trimmed(value: Option<&SqlValue>) -> Result<Seq> {
    let parsed = value.and_then(SqlValue::as_text).and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Error::internal("meta has no place that the log is trimmed to"))
}

/// The answer to [`select`].
pub(crate) fn decode(read: &LogRead, rows: Vec<Row>) -> Result<LogPage> {
    let first = rows.first().ok_or_else(|| Error::internal("meta has no row for the log"))?;
    let trimmed = trimmed(first.first())?;
    if read.since < trimmed {
        return Err(Error::new(Code::CursorExpired, "The log no longer reaches back to this cursor."));
    }
    let end = place(first.get(1)).max(trimmed);
    let picked = place(first.get(2));
    let changes: Vec<Change> =
        rows.into_iter().filter(|row| !matches!(row[3], SqlValue::Null)).map(change).collect::<Result<_>>()?;
    let stopped = picked > changes.len() as u64 || picked >= u64::from(read.rows.min(MAX_ROWS));
    let through = match changes.last() {
        Some(last) if stopped => last.seq,
        _ => end.max(read.since),
    };
    Ok(LogPage { changes, through, end, trimmed })
}

fn change(row: Row) -> Result<Change> {
    let odd = || Error::internal("a row of the log is odd");
    let mut row = row.into_iter().skip(3);
    let mut int = || row.next().and_then(|value| value.as_int()).ok_or_else(odd);
    let seq = Seq::try_from(int()?).map_err(Error::internal)?;
    let mut values: Vec<SqlValue> = row.collect();
    let at = values.pop().and_then(|value| value.as_int()).ok_or_else(odd)?;
    let text = |n: usize| values.get(n).and_then(SqlValue::as_text);
    let body = |n: usize| text(n).map(|text| Body::parse(text.to_owned())).transpose();
    let required = |n: usize| text(n).ok_or_else(odd);
    let (request_id, trace, depth) = split_request(required(7)?);
    Ok(Change {
        seq,
        collection: CollectionName::parse(required(0)?)?,
        id: DocumentId::parse(required(1)?)?,
        op: op_from_number(values.get(2).and_then(SqlValue::as_int).ok_or_else(odd)?)?,
        after: body(3)?,
        before: body(4)?,
        actor: Actor { kind: actor_kind(required(5)?)?, id: text(6).map(str::to_owned) },
        request_id,
        trace,
        depth,
        at: Timestamp::from_millis(at),
    })
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
