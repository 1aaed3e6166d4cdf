//! What really differs between the engines, all of it: how JSON is looked into.
//!
//! SQLite tells the types of JSON by `json_type` and takes paths, PostgreSQL by `jsonb_typeof` and takes names. Names
//! are always bound. Everything else of a query is the same text on both.

use basalt_core::bucket::Bucket;
use basalt_core::geo::{self, Place};
use basalt_core::key::TEXT_PREFIX;
use rusqlite::functions::{Context, FunctionFlags};
use serde_json::Number;

use super::print::Printer;
use crate::sql::{Dialect, SqlValue};

/// See [`prepare_sqlite`].
const REAL: &str = "basalt_real";
/// On PostgreSQL it comes with the schema.
const BUCKET: &str = "basalt_bucket";
const CHORD: &str = "basalt_chord";

/// Adds the functions that queries call: what reads a float as it was written (SQLite's own reading is off by one in the
/// last place for many beyond 1e±25, and then an equality or an order would differ from that in memory and in keys), and
/// what names the spans of time, and what says how far points are.
pub(crate) fn prepare_sqlite(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(REAL, 1, flags, |context| {
        let text = context.get_raw(0).as_str_or_null()?;
        Ok(text.and_then(|text| text.parse::<f64>().ok()))
    })?;
    connection.create_scalar_function(BUCKET, 2, flags, sqlite_bucket)?;
    connection.create_scalar_function(CHORD, 4, flags, |context| {
        let from = Place { x: context.get(1)?, y: context.get(2)?, z: context.get(3)? };
        let key = context.get_raw(0).as_blob_or_null()?;
        Ok(key.and_then(geo::place_of_key).map(|place| place.chord(from)))
    })
}

/// The square of the chord from a point to the one whose key a column of a geo index holds; that there is one has to be
/// asked beside.
pub(super) fn chord(printer: &mut Printer<'_>, column: &str, from: Place) -> String {
    let [x, y, z] = [from.x, from.y, from.z].map(|part| printer.bind(SqlValue::Int(part)));
    format!("{CHORD}({column}, {x}, {y}, {z})")
}

/// `basalt_bucket(time, 'day Asia/Shanghai')`; the second is parsed once a statement.
fn sqlite_bucket(context: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let bucket = context.get_or_create_aux(1, |value| {
        let text = value.as_str().unwrap_or_default();
        Ok::<_, rusqlite::Error>(Bucket::parse(text))
    })?;
    let text = context.get_raw(0).as_str_or_null()?;
    Ok(bucket.as_ref().as_ref().zip(text).and_then(|(bucket, text)| bucket.label_of_text(text)))
}

/// The label of the span that a text falls into, NULL where it is no stored time.
pub(super) fn bucket(printer: &mut Printer<'_>, text: &str, bucket: &Bucket) -> String {
    match printer.dialect {
        Dialect::Sqlite => format!("{BUCKET}({text}, {})", printer.bind_text(&bucket.to_string())),
        Dialect::Postgres => {
            let offsets = bucket.zone.offsets();
            let changes: Vec<String> = offsets.changes.iter().map(|(from, _)| from.to_string()).collect();
            let first = std::iter::once(offsets.first);
            let values: Vec<String> = first
                .chain(offsets.changes.iter().map(|(_, offset)| *offset))
                .map(|offset| offset.to_string())
                .collect();
            let unit = printer.bind_text(bucket.unit.as_str());
            // In a sub-select an array is read once, not for each row.
            let mut array = |items: &[String], of: &str| {
                let text = printer.bind_text(&format!("{{{}}}", items.join(",")));
                format!("(SELECT CAST({text} AS {of}[]))")
            };
            let (changes, values) = (array(&changes, "bigint"), array(&values, "integer"));
            format!("{BUCKET}({text}, {unit}, {changes}, {values})")
        }
    }
}

/// Types as conditions distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    Null,
    Bool,
    Number,
    Text,
    List,
    Map,
}

/// A JSON value within a row, as fragments of SQL. Each but `kind` is defined for its own kind only; who uses it asks
/// for the kind in a `CASE`, which also keeps PostgreSQL from casting what can't be cast.
#[derive(Clone)]
pub(super) struct Json {
    dialect: Dialect,
    /// The engine's name for the type; NULL where missing.
    kind: String,
    /// SQLite: the SQL value. PostgreSQL: `jsonb`.
    value: String,
    /// What the value is found in (JSON text or `jsonb`), and on SQLite the path to it.
    source: String,
    path: Option<String>,
    /// SQLite: the JSON text of the value.
    written: String,
}

impl Json {
    /// A column (or an expression) that holds JSON.
    pub(super) fn column(dialect: Dialect, column: &str) -> Self {
        let (kind, value) = match dialect {
            Dialect::Sqlite => (format!("json_type({column})"), format!("json_extract({column}, '$')")),
            Dialect::Postgres => (format!("jsonb_typeof({column})"), column.to_owned()),
        };
        let written = format!("({column} -> '$')");
        Self { dialect, kind, value, source: column.to_owned(), path: None, written }
    }

    /// An SQL value that was computed: a number, a text, or NULL for a null. `jsonb` is the same as PostgreSQL's JSON.
    pub(super) fn computed(dialect: Dialect, value: &str, jsonb: &str) -> Self {
        match dialect {
            Dialect::Sqlite => Self {
                dialect,
                // Not 'real', which would have it read from a text.
                kind: format!(
                    "CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'text' THEN 'text' ELSE 'integer' END"
                ),
                value: value.to_owned(),
                source: "NULL".to_owned(),
                path: None,
                written: "NULL".to_owned(),
            },
            Dialect::Postgres => Self::column(dialect, &format!("({jsonb})")),
        }
    }

    /// An element that [`Self::elements`] gave under this alias.
    pub(super) fn element(dialect: Dialect, alias: &str) -> Self {
        match dialect {
            // What is no list and no map stands there as an SQL value and is not to be read as JSON.
            Dialect::Sqlite => Self {
                dialect,
                kind: format!("{alias}.type"),
                value: format!("{alias}.value"),
                source: format!("CASE WHEN {alias}.type IN ('array', 'object') THEN {alias}.value END"),
                path: None,
                written: format!("({alias}.json -> {alias}.fullkey)"),
            },
            Dialect::Postgres => Self::column(dialect, &format!("{alias}.value")),
        }
    }

    /// What is found under these names; `self` has to be a whole column or a whole element.
    pub(super) fn at(&self, names: &[String], printer: &mut Printer<'_>) -> Self {
        if names.is_empty() {
            return self.clone();
        }
        match self.dialect {
            Dialect::Sqlite => {
                let path = printer.bind_text(&sqlite_path(names));
                let source = self.source.clone();
                let kind = format!("json_type({source}, {path})");
                let value = format!("json_extract({source}, {path})");
                let written = format!("({source} -> {path})");
                Self { dialect: self.dialect, kind, value, source, path: Some(path), written }
            }
            Dialect::Postgres => {
                let names: Vec<String> = names.iter().map(|name| printer.bind_text(name)).collect();
                Self::column(self.dialect, &format!("({} -> {})", self.source, names.join(" -> ")))
            }
        }
    }

    /// `CASE` by kind. A `Kind::Missing` among the arms has to come first.
    pub(super) fn choose(&self, arms: &[(Kind, String)], otherwise: &str) -> String {
        let mut sql = match arms.first() {
            None => return otherwise.to_owned(),
            Some((Kind::Missing, _)) => format!("CASE coalesce({}, '')", self.kind),
            Some(_) => format!("CASE {}", self.kind),
        };
        for (kind, then) in arms {
            for name in kind_names(self.dialect, *kind) {
                sql.extend([" WHEN '", name, "' THEN ", then]);
            }
        }
        sql.extend([" ELSE ", otherwise, " END"]);
        sql
    }

    /// Two-valued.
    pub(super) fn is_present(&self) -> String {
        format!("{} IS NOT NULL", self.kind)
    }

    /// Two-valued.
    pub(super) fn is_missing(&self) -> String {
        format!("{} IS NULL", self.kind)
    }

    /// Of a boolean: itself as a condition.
    pub(super) fn boolean(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => self.value.clone(),
            Dialect::Postgres => format!("CAST({} AS boolean)", self.value),
        }
    }

    pub(super) fn number(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CASE {} WHEN 'real' THEN {} ELSE {} END", self.kind, self.exact(), self.value),
            Dialect::Postgres => format!("CAST({} AS numeric)", self.value),
        }
    }

    /// Ordered by code points.
    pub(super) fn text(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => self.value.clone(),
            Dialect::Postgres => format!("({} #>> '{{}}') COLLATE \"C\"", self.value),
        }
    }

    /// Of a number that is an `i64`: itself; else NULL.
    pub(super) fn integer(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CASE {} WHEN 'integer' THEN {} END", self.kind, self.value),
            Dialect::Postgres => self.postgres_number(&format!("CAST({} AS bigint)", self.value), "NULL"),
        }
    }

    /// Of a number that is no `i64`: itself; else NULL.
    pub(super) fn real(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CASE {} WHEN 'real' THEN {} END", self.kind, self.exact()),
            Dialect::Postgres => self.postgres_number("NULL", &self.number()),
        }
    }

    fn postgres_number(&self, integer: &str, real: &str) -> String {
        let (kind, number) = (&self.kind, self.number());
        format!(
            "CASE {kind} WHEN 'number' THEN CASE WHEN {number} BETWEEN {} AND {} AND {number} = trunc({number}) \
             THEN {integer} ELSE {real} END END",
            i64::MIN,
            i64::MAX,
        )
    }

    /// The value itself as JSON (SQLite: as its text), NULL where missing.
    pub(super) fn json(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => self.written.clone(),
            Dialect::Postgres => self.value.clone(),
        }
    }

    /// SQLite: of a float, what was written.
    fn exact(&self) -> String {
        format!("{REAL}({})", self.written)
    }

    /// SQLite: the arguments of a JSON function.
    fn arguments(&self) -> String {
        self.path.as_ref().map_or_else(|| self.source.clone(), |path| format!("{}, {path}", self.source))
    }

    /// Of a list: its elements as an item of `FROM`.
    pub(super) fn elements(&self, alias: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("json_each({}) AS {alias}", self.arguments()),
            // The CASE stands for itself: a function in FROM may be called before any other condition is looked at.
            Dialect::Postgres => format!(
                "jsonb_array_elements(CASE {} WHEN 'array' THEN {} END) AS {alias}(value)",
                self.kind, self.value
            ),
        }
    }

    pub(super) fn list_length(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("json_array_length({})", self.arguments()),
            Dialect::Postgres => format!("jsonb_array_length({})", self.value),
        }
    }

    pub(super) fn map_length(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("(SELECT count(*) FROM json_each({}))", self.arguments()),
            Dialect::Postgres => format!("(SELECT count(*) FROM jsonb_object_keys({}))", self.value),
        }
    }
}

fn kind_names(dialect: Dialect, kind: Kind) -> &'static [&'static str] {
    match (dialect, kind) {
        (_, Kind::Missing) => &[""],
        (_, Kind::Null) => &["null"],
        (Dialect::Sqlite, Kind::Bool) => &["true", "false"],
        (Dialect::Sqlite, Kind::Number) => &["integer", "real"],
        (Dialect::Sqlite, Kind::Text) => &["text"],
        (Dialect::Postgres, Kind::Bool) => &["boolean"],
        (Dialect::Postgres, Kind::Number) => &["number"],
        (Dialect::Postgres, Kind::Text) => &["string"],
        (_, Kind::List) => &["array"],
        (_, Kind::Map) => &["object"],
    }
}

/// Each name quoted; SQLite reads JSON's escapes there.
fn sqlite_path(names: &[String]) -> String {
    let mut path = "$".to_owned();
    for name in names {
        path.push('.');
        path.push_str(&serde_json::Value::from(name.as_str()).to_string());
    }
    path
}

/// A number, to compare with [`Json::number`] exactly. (PostgreSQL would compare `numeric` with a float as floats.)
pub(super) fn number_constant(printer: &mut Printer<'_>, number: &Number) -> String {
    match printer.dialect {
        Dialect::Sqlite => printer.bind(match number.as_i64() {
            Some(integer) => SqlValue::Int(integer),
            None => SqlValue::Float(number.as_f64().unwrap_or(0.0)),
        }),
        Dialect::Postgres => format!("CAST({} AS numeric)", printer.bind_text(&number.to_string())),
    }
}

/// A text column, or text that was put together, as [`Json`]'s own text is.
pub(super) fn collated(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Sqlite => text.to_owned(),
        Dialect::Postgres => format!("({text}) COLLATE \"C\""),
    }
}

/// The first bytes of a text, as keys keep them.
pub(super) fn text_prefix(dialect: Dialect, text: &str) -> String {
    match dialect {
        // Of no bytes SQLite's substr makes NULL.
        Dialect::Sqlite => format!("coalesce(substr(CAST({text} AS BLOB), 1, {TEXT_PREFIX}), x'')"),
        Dialect::Postgres => format!("substr(convert_to({text}, 'UTF8'), 1, {TEXT_PREFIX})"),
    }
}

pub(super) fn no_bytes(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "x''",
        Dialect::Postgres => "CAST('' AS bytea)",
    }
}

/// The last `count` code points of a text (all of a shorter one).
pub(super) fn text_end(dialect: Dialect, text: &str, count: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("substr({text}, -{count})"),
        Dialect::Postgres => format!("right({text}, {count})"),
    }
}

/// Where `part` begins in a text, from 1; 0: nowhere.
pub(super) fn position(dialect: Dialect, text: &str, part: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("instr({text}, {part})"),
        Dialect::Postgres => format!("strpos({text}, {part})"),
    }
}

/// A text as JSON.
pub(super) fn text_to_json(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_quote({text})"),
        Dialect::Postgres => format!("to_jsonb({text})"),
    }
}

pub(super) fn json_null(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "'null'",
        Dialect::Postgres => "CAST('null' AS jsonb)",
    }
}

/// A number as it is read: PostgreSQL's `numeric` as text.
pub(super) fn number_output(dialect: Dialect, number: &str) -> String {
    match dialect {
        Dialect::Sqlite => number.to_owned(),
        Dialect::Postgres => format!("CAST({number} AS text)"),
    }
}
