//! Orders and places in them: the terms of an `ORDER BY`, and what comes after a keyset.
//!
//! A field with a ready key column is ordered by it. Another one is ordered by three terms that order alike: the rank
//! of its type, its number (a boolean as 0 or 1), the beginning of its text. No term is ever NULL.

use basalt_core::key;
use basalt_core::{Code, Document, Error, Result};
use serde_json::{Map, Number, Value, json};

use super::dialect::{self, Kind};
use super::operand::{Operand, key_column};
use super::print::{Printer, Scope, and, or};
use super::{Keyset, SortField};
use crate::sql::{Dialect, SqlValue};

/// What a keyset says of one field.
#[derive(Clone, Debug, PartialEq)]
enum Mark {
    Missing,
    Scalar(Value),
    /// A list or a map: they have no order among one another.
    Other,
    /// A text that keys cut: its key.
    Cut(Vec<u8>),
}

/// One expression to order by, and where the keyset stands in it.
pub(super) struct Term {
    pub(super) sql: String,
    pub(super) descending: bool,
    mark: Option<String>,
}

/// The terms of a whole order, `id` last.
pub(super) fn terms(
    sort: &[SortField],
    after: Option<&Keyset>,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> Result<Vec<Term>> {
    let marks = after.map(|keyset| marks(keyset, sort.len())).transpose()?;
    let mut terms = Vec::new();
    for (place, field) in sort.iter().enumerate() {
        let mark = marks.as_ref().and_then(|marks| marks.get(place));
        field_terms(field, mark, scope, printer, &mut terms);
    }
    terms.push(Term {
        sql: format!("{}.id", scope.table),
        descending: sort.last().is_some_and(|field| field.descending),
        mark: after.map(|keyset| printer.bind_text(&keyset.id)),
    });
    Ok(terms)
}

/// The best first, among equals the newest.
pub(super) fn by_relevance(
    column: &str,
    after: Option<&Keyset>,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> Result<Vec<Term>> {
    let mark = after.map(|keyset| match keyset.values.as_slice() {
        [Value::Number(number)] => number.as_i64().ok_or_else(foreign),
        _ => Err(foreign()),
    });
    let mark = mark.transpose()?.map(|number| printer.bind(SqlValue::Int(number)));
    let id = after.map(|keyset| printer.bind_text(&keyset.id));
    let term = |sql: String, mark| Term { sql, descending: true, mark };
    Ok(vec![term(column.to_owned(), mark), term(format!("{}.id", scope.table), id)])
}

fn field_terms(
    field: &SortField,
    mark: Option<&Mark>,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
    terms: &mut Vec<Term>,
) {
    let descending = field.descending;
    if let Some(column) = key_column(scope.collection, &field.path) {
        let mark = mark.map(|mark| printer.bind_bytes(&mark.key()));
        terms.push(Term { sql: format!("{}.{column}", scope.table), descending, mark });
        return;
    }
    let operand = Operand::in_document(field.path.names(), scope, printer);
    match &operand {
        Operand::Missing | Operand::Whole(_) => {}
        Operand::Own { column, .. } => {
            let mark = mark.map(|mark| printer.bind_text(mark.scalar().and_then(Value::as_str).unwrap_or_default()));
            terms.push(Term { sql: column.clone(), descending, mark });
        }
        Operand::Json(_) => {
            let rank = mark.map(|mark| i64::from(mark.key()[0]).to_string());
            let number = mark.map(|mark| mark.number(printer));
            let text = mark.map(|mark| printer.bind_bytes(&mark.text_prefix()));
            terms.push(Term { sql: rank_of(&operand), descending, mark: rank });
            terms.push(Term { sql: number_of(&operand), descending, mark: number });
            terms.push(Term { sql: text_of(printer.dialect, &operand), descending, mark: text });
        }
    }
}

/// The rank of a value's type, as [`key`] has it.
pub(super) fn rank_of(operand: &Operand) -> String {
    let rank = |rank: u8| rank.to_string();
    let arms = [
        (Kind::Missing, rank(key::MISSING)),
        (Kind::Null, rank(key::NULL)),
        (Kind::Bool, rank(key::BOOL)),
        (Kind::Number, rank(key::NUMBER)),
        (Kind::Text, rank(key::TEXT)),
    ];
    operand.choose(&arms, &rank(key::OTHER))
}

pub(super) fn number_of(operand: &Operand) -> String {
    let boolean = format!("CASE WHEN {} THEN 1 ELSE 0 END", operand.boolean());
    operand.choose(&[(Kind::Bool, boolean), (Kind::Number, operand.number())], "0")
}

fn text_of(dialect: Dialect, operand: &Operand) -> String {
    let prefix = dialect::text_prefix(dialect, &operand.text());
    operand.choose(&[(Kind::Text, prefix)], dialect::no_bytes(dialect))
}

/// `ORDER BY` these.
pub(super) fn order_by<'a>(terms: impl IntoIterator<Item = (&'a str, bool)>) -> String {
    let terms: Vec<String> =
        terms.into_iter().map(|(sql, descending)| format!("{sql}{}", if descending { " DESC" } else { "" })).collect();
    format!("ORDER BY {}", terms.join(", "))
}

/// Whether a row comes after the keyset; `None` without one.
pub(super) fn after(terms: &[Term]) -> Option<String> {
    let marked: Option<Vec<(&str, &str, bool)>> =
        terms.iter().map(|term| term.mark.as_deref().map(|mark| (term.sql.as_str(), mark, term.descending))).collect();
    let marked = marked?;
    let (_, _, first) = *marked.first()?;
    if marked.iter().all(|(_, _, descending)| *descending == first) {
        return Some(row_after(&marked, first));
    }
    Some(mixed_after(&marked))
}

/// All in one direction: a comparison of rows, which both engines serve from an index.
fn row_after(marked: &[(&str, &str, bool)], descending: bool) -> String {
    let sign = if descending { "<" } else { ">" };
    let columns: Vec<&str> = marked.iter().map(|(sql, _, _)| *sql).collect();
    let marks: Vec<&str> = marked.iter().map(|(_, mark, _)| *mark).collect();
    match marked {
        [(sql, mark, _)] => format!("{sql} {sign} {mark}"),
        _ => format!("({}) {sign} ({})", columns.join(", "), marks.join(", ")),
    }
}

/// `a >= x AND (a > x OR (b < y AND …))`: the first part bounds the scan of an index.
fn mixed_after(marked: &[(&str, &str, bool)]) -> String {
    let Some(((sql, mark, descending), rest)) = marked.split_first() else { return "FALSE".to_owned() };
    let sign = if *descending { "<" } else { ">" };
    let strictly = format!("{sql} {sign} {mark}");
    if rest.is_empty() {
        return strictly;
    }
    and(&[format!("{sql} {sign}= {mark}"), or(&[strictly, mixed_after(rest)])])
}

/// Where a document stands in an order.
pub(super) fn keyset(document: &Document, sort: &[SortField]) -> Keyset {
    let flat = document.to_flat();
    let values = sort.iter().map(|field| Mark::of(key::at(&flat, &field.path)).to_json()).collect();
    Keyset { values, id: document.id.to_string() }
}

pub(super) fn relevance_keyset(document: &Document, score: &SqlValue) -> Keyset {
    Keyset { values: vec![score.as_int().into()], id: document.id.to_string() }
}

fn foreign() -> Error {
    Error::new(Code::BadCursor, "The cursor does not belong to this query.")
}

fn marks(keyset: &Keyset, fields: usize) -> Result<Vec<Mark>> {
    let marks: Option<Vec<Mark>> = keyset.values.iter().map(Mark::from_json).collect();
    marks.filter(|marks| marks.len() == fields).ok_or_else(foreign)
}

impl Mark {
    fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Missing,
            Some(Value::Array(_) | Value::Object(_)) => Self::Other,
            Some(Value::String(text)) if key::is_cut(text) => Self::Cut(key::of(value)),
            Some(scalar) => Self::Scalar(scalar.clone()),
        }
    }

    /// Scalars are themselves, `{}` is missing, `[]` a list or a map, `{"key": hex}` a text that was cut.
    fn to_json(&self) -> Value {
        match self {
            Self::Missing => Value::Object(Map::new()),
            Self::Scalar(value) => value.clone(),
            Self::Other => Value::Array(Vec::new()),
            Self::Cut(key) => json!({ "key": to_hex(key) }),
        }
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_) => Some(Self::Other),
            Value::Object(map) if map.is_empty() => Some(Self::Missing),
            Value::Object(map) => {
                let key = from_hex(map.get("key")?.as_str()?)?;
                (key.first() == Some(&key::TEXT)).then_some(Self::Cut(key))
            }
            Value::String(text) if text.contains('\0') => None,
            scalar => Some(Self::Scalar(basalt_core::json::canonical(scalar.clone()))),
        }
    }

    fn key(&self) -> Vec<u8> {
        match self {
            Self::Missing => vec![key::MISSING],
            Self::Scalar(value) => key::of(Some(value)),
            Self::Other => vec![key::OTHER],
            Self::Cut(key) => key.clone(),
        }
    }

    fn scalar(&self) -> Option<&Value> {
        match self {
            Self::Scalar(value) => Some(value),
            Self::Missing | Self::Other | Self::Cut(_) => None,
        }
    }

    fn number(&self, printer: &mut Printer<'_>) -> String {
        let number = match self.scalar() {
            Some(Value::Number(number)) => number.clone(),
            Some(Value::Bool(value)) => Number::from(u8::from(*value)),
            _ => Number::from(0),
        };
        dialect::number_constant(printer, &number)
    }

    fn text_prefix(&self) -> Vec<u8> {
        let mut key = match self {
            Self::Scalar(value @ Value::String(_)) => key::of(Some(value)),
            Self::Cut(key) => key.clone(),
            Self::Missing | Self::Other | Self::Scalar(_) => return Vec::new(),
        };
        key.truncate(1 + key::TEXT_PREFIX);
        key.remove(0);
        key
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
