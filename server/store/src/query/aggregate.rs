//! Groups and their measures as one statement.
//!
//! Three floors: the rows with what is needed of each (`r`), the groups (`g`), their order and the page.
//! Sums are kept apart as integers (in two halves, which no number of rows makes overflow) and floats, and put together
//! when they are read: so a sum of integers is exact.

use basalt_core::json::canonical_f64;
use basalt_core::{Code, Error, FieldPath, Result};
use serde_json::{Map, Number, Value};

use super::branches::split;
use super::condition::{Condition, Form};
use super::dialect::{self, Json, Kind};
use super::list::{canonicalise, rows};
use super::operand::Operand;
use super::order::{number_of, order_by, rank_of};
use super::print::{Printer, Scope};
use super::{Aggregate, AggregatePage, Measure, MeasureOp, having};
use crate::catalog::Catalog;
use crate::sql::{Dialect, Row, SqlValue, Statement};

pub(super) const LOW_HALF: i64 = 0xffff_ffff;
pub(super) const TWO_TO_32: i64 = 1 << 32;

pub(super) fn statement(catalog: &Catalog, aggregate: &Aggregate, dialect: Dialect) -> Result<Statement> {
    let collection = super::collection(catalog, &aggregate.collection)?;
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, "t");
    let measures = aggregate.measures.iter().enumerate().map(Column::of).collect::<Result<Vec<_>>>()?;

    let mut row_columns = vec!["t.id AS id".to_owned()];
    let mut group_columns = Vec::new();
    for (place, key) in aggregate.group_by.iter().enumerate() {
        let operand = Operand::in_document(key.path.names(), &scope, &mut printer);
        let value = match &key.bucket {
            None => operand.json(),
            Some(bucket) => {
                let label = dialect::bucket(&mut printer, &operand.text(), bucket);
                let label = operand.choose(&[(Kind::Text, label)], "NULL");
                dialect::text_to_json(dialect, &label)
            }
        };
        row_columns.push(format!("coalesce({value}, {}) AS g{place}", dialect::json_null(dialect)));
        group_columns.push(format!("g{place}"));
    }
    let by = if group_columns.is_empty() { String::new() } else { format!(" GROUP BY {}", group_columns.join(", ")) };
    for column in &measures {
        row_columns.extend(column.of_row(&scope, &mut printer));
        group_columns.extend(column.of_group());
    }
    let groups = (0..aggregate.group_by.len()).map(|place| format!("g.g{place}"));
    let mut output: Vec<String> = groups.chain(measures.iter().flat_map(|column| column.output(dialect))).collect();
    if group_columns.is_empty() {
        group_columns.push("count(*) AS n".to_owned());
        output.push("g.n".to_owned());
    }

    let branches = split(&Condition::of(&aggregate.filter, Form::True), None, collection);
    let rows = rows(&branches, &row_columns.join(", "), &scope, &mut printer);
    let holds = having::condition(aggregate, &measures, collection, &mut printer);
    let order = order(aggregate, &measures, dialect)?;
    let sql = format!(
        "SELECT {output} FROM (SELECT {groups} FROM ({rows}) AS r{by}) AS g{holds}{order} \
         LIMIT {limit} OFFSET {offset}",
        output = output.join(", "),
        groups = group_columns.join(", "),
        limit = u64::from(aggregate.limit) + 1,
        offset = i64::try_from(aggregate.offset).unwrap_or(i64::MAX),
    );
    printer.finish(&sql)
}

/// A measure, and the columns that hold it.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) op: MeasureOp,
    path: Option<&'a FieldPath>,
    /// What its columns begin with: `m<n>`.
    pub(super) prefix: String,
}

impl<'a> Column<'a> {
    fn of((place, measure): (usize, &'a Measure)) -> Result<Self> {
        if measure.path.is_none() && measure.op != MeasureOp::Count {
            return Err(Error::new(Code::BadRequest, format!("The measure {:?} needs a field.", measure.name)));
        }
        let path = measure.path.as_ref();
        Ok(Self { name: &measure.name, op: measure.op, path, prefix: format!("m{place}") })
    }

    /// What is needed of each row.
    fn of_row(&self, scope: &Scope<'_>, printer: &mut Printer<'_>) -> Vec<String> {
        let Some(path) = self.path else { return Vec::new() };
        let operand = Operand::in_document(path.names(), scope, printer);
        let column = &self.prefix;
        let not_null =
            |then: String| operand.choose(&[(Kind::Missing, "NULL".into()), (Kind::Null, "NULL".into())], &then);
        match self.op {
            MeasureOp::Count => vec![format!("{} AS {column}", not_null("1".into()))],
            MeasureOp::CountDistinct => vec![format!("{} AS {column}", not_null(operand.json()))],
            MeasureOp::Sum | MeasureOp::Avg => {
                vec![format!("{} AS {column}i", operand.integer()), format!("{} AS {column}r", operand.real())]
            }
            MeasureOp::Min | MeasureOp::Max => {
                let part = |kind: Kind, value: String| operand.choose(&[(kind, value)], "NULL");
                vec![
                    format!("{} AS {column}n", part(Kind::Number, operand.number())),
                    format!("{} AS {column}t", part(Kind::Text, operand.text())),
                ]
            }
        }
    }

    fn of_group(&self) -> Vec<String> {
        let m = &self.prefix;
        match (self.op, self.path) {
            (MeasureOp::Count, None) => vec![format!("count(*) AS {m}")],
            (MeasureOp::Count, Some(_)) => vec![format!("count({m}) AS {m}")],
            (MeasureOp::CountDistinct, _) => vec![format!("count(DISTINCT {m}) AS {m}")],
            (MeasureOp::Sum | MeasureOp::Avg, _) => vec![
                format!("CAST(coalesce(sum({m}i >> 32), 0) AS bigint) AS {m}h"),
                format!("CAST(coalesce(sum({m}i & {LOW_HALF}), 0) AS bigint) AS {m}l"),
                format!("coalesce(sum({m}r), 0.0) AS {m}s"),
                format!("count({m}i) AS {m}i"),
                format!("count({m}r) AS {m}r"),
            ],
            (MeasureOp::Min, _) => vec![format!("min({m}n) AS {m}n"), format!("min({m}t) AS {m}t")],
            (MeasureOp::Max, _) => vec![format!("max({m}n) AS {m}n"), format!("max({m}t) AS {m}t")],
        }
    }

    /// What is read of each group.
    fn output(&self, dialect: Dialect) -> Vec<String> {
        let m = format!("g.{}", self.prefix);
        let number = |column: &str| dialect::number_output(dialect, &format!("{m}{column}"));
        match self.op {
            MeasureOp::Count | MeasureOp::CountDistinct => vec![m],
            MeasureOp::Sum | MeasureOp::Avg => {
                vec![format!("{m}h"), format!("{m}l"), number("s"), format!("{m}i"), format!("{m}r")]
            }
            MeasureOp::Min | MeasureOp::Max => vec![number("n"), format!("{m}t")],
        }
    }

    /// By what groups are ordered; never NULL, nothing comes first.
    fn order(&self, dialect: Dialect) -> Vec<String> {
        let m = format!("g.{}", self.prefix);
        // The halves, carried; and all of it, as exact as the engine's numbers are.
        let (high, low) = (format!("({m}h + ({m}l >> 32))"), format!("({m}l & {LOW_HALF})"));
        let total = format!("({high} * {TWO_TO_32}.0 + {low} + {m}s)");
        let count = format!("({m}i + {m}r)");
        let numbers_first = matches!(self.op, MeasureOp::Min);
        match self.op {
            MeasureOp::Count | MeasureOp::CountDistinct => vec![m],
            MeasureOp::Sum => vec![total, high, low],
            MeasureOp::Avg => vec![
                format!("CASE {count} WHEN 0 THEN 0 ELSE 1 END"),
                format!("{total} / CASE {count} WHEN 0 THEN 1 ELSE {count} END"),
            ],
            MeasureOp::Min | MeasureOp::Max => {
                let (first, second) = if numbers_first { ('n', 't') } else { ('t', 'n') };
                let rank = |column: char| if column == 'n' { 1 } else { 2 };
                let (one, two) = (rank(first), rank(second));
                let text = if numbers_first {
                    format!("CASE WHEN {m}n IS NULL THEN coalesce({m}t, '') ELSE '' END")
                } else {
                    format!("coalesce({m}t, '')")
                };
                let number = if numbers_first {
                    format!("coalesce({m}n, 0)")
                } else {
                    format!("CASE WHEN {m}t IS NULL THEN coalesce({m}n, 0) ELSE 0 END")
                };
                vec![
                    format!(
                        "CASE WHEN {m}{first} IS NOT NULL THEN {one} WHEN {m}{second} IS NOT NULL THEN {two} ELSE 0 END"
                    ),
                    number,
                    dialect::collated(dialect, &text),
                ]
            }
        }
    }

    /// Reads its columns from the front of `row`.
    fn read<'r>(&self, row: &'r [SqlValue]) -> Result<(Value, &'r [SqlValue])> {
        match (self.op, row) {
            (MeasureOp::Count | MeasureOp::CountDistinct, [SqlValue::Int(count), rest @ ..]) => {
                Ok(((*count).into(), rest))
            }
            (MeasureOp::Sum | MeasureOp::Avg, [high, low, reals, ints, count, rest @ ..]) => {
                let (ints, count) = (integer(ints)?, integer(count)?);
                let sum = Sum {
                    integers: i128::from(integer(high)?) * i128::from(TWO_TO_32) + i128::from(integer(low)?),
                    reals: float(reals)?,
                    any_real: count > 0,
                };
                let value = match self.op {
                    MeasureOp::Sum => sum.total(self.name)?,
                    _ => sum.average(ints + count, self.name)?,
                };
                Ok((value, rest))
            }
            (MeasureOp::Min | MeasureOp::Max, [numbers, texts, rest @ ..]) => {
                let prefer_text = self.op == MeasureOp::Max;
                let value = match (numbers, texts) {
                    (number, SqlValue::Text(text)) if prefer_text || *number == SqlValue::Null => text.as_str().into(),
                    (SqlValue::Null, _) => Value::Null,
                    (number, _) => read_number(number)?,
                };
                Ok((value, rest))
            }
            _ => Err(Error::internal("a measure has other columns")),
        }
    }
}

struct Sum {
    integers: i128,
    reals: f64,
    any_real: bool,
}

impl Sum {
    fn total(&self, name: &str) -> Result<Value> {
        let exact = i64::try_from(self.integers).ok().filter(|_| !self.any_real).map(Number::from);
        let number = match (exact, self.any_real) {
            (Some(exact), _) => Some(exact),
            (None, true) => canonical_f64(self.integers as f64 + self.reals),
            (None, false) => None,
        };
        number
            .map(Value::Number)
            .ok_or_else(|| overflow(name).caused_by(format!("{} {} {}", self.integers, self.reals, self.any_real)))
    }

    fn average(&self, count: i64, name: &str) -> Result<Value> {
        if count == 0 {
            return Ok(Value::Null);
        }
        let average = (self.integers as f64 + self.reals) / count as f64;
        canonical_f64(average).map(Value::Number).ok_or_else(|| overflow(name))
    }
}

fn overflow(name: &str) -> Error {
    Error::new(Code::Overflow, format!("The measure {name:?} is beyond the numbers that JSON answers hold here."))
}

fn integer(value: &SqlValue) -> Result<i64> {
    match value {
        SqlValue::Int(value) => Ok(*value),
        _ => Err(Error::internal("a measure is no integer")),
    }
}

/// Infinite where a sum of floats was.
fn float(value: &SqlValue) -> Result<f64> {
    match value {
        SqlValue::Int(value) => Ok(*value as f64),
        SqlValue::Float(value) => Ok(*value),
        SqlValue::Text(text) => text.parse().map_err(Error::internal),
        SqlValue::Null | SqlValue::Bytes(_) => Err(Error::internal("a measure is no number")),
    }
}

fn read_number(value: &SqlValue) -> Result<Value> {
    let integer = match value {
        SqlValue::Int(value) => Some(*value),
        SqlValue::Text(text) => text.parse().ok(),
        SqlValue::Null | SqlValue::Float(_) | SqlValue::Bytes(_) => None,
    };
    match integer {
        Some(integer) => Ok(integer.into()),
        None => Ok(canonical_f64(float(value)?).map_or(Value::Null, Value::Number)),
    }
}

/// By the names of the sort, then by the group keys.
fn order(aggregate: &Aggregate, measures: &[Column<'_>], dialect: Dialect) -> Result<String> {
    let mut terms = Vec::new();
    for (name, descending) in &aggregate.sort {
        let group = aggregate.group_by.iter().position(|key| key.name == *name);
        let measure = measures.iter().find(|measure| measure.name == name);
        let columns = match (group, measure) {
            (Some(place), _) => group_order(place, dialect),
            (None, Some(measure)) => measure.order(dialect),
            (None, None) => {
                let detail = format!("The sort names {name:?}, which is neither a group key nor a measure.");
                return Err(Error::new(Code::BadRequest, detail));
            }
        };
        terms.extend(columns.into_iter().map(|column| (column, *descending)));
    }
    for place in 0..aggregate.group_by.len() {
        terms.extend(group_order(place, dialect).into_iter().map(|column| (column, false)));
    }
    if terms.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(" {}", order_by(terms.iter().map(|(sql, descending)| (sql.as_str(), *descending)))))
}

/// By the order of values; lists and maps among one another by their JSON.
fn group_order(place: usize, dialect: Dialect) -> Vec<String> {
    let column = format!("g.g{place}");
    let operand = Operand::Json(Json::column(dialect, &column));
    let text = operand.choose(&[(Kind::Text, operand.text())], "''");
    vec![rank_of(&operand), number_of(&operand), dialect::collated(dialect, &text), column]
}

pub(super) fn decode(aggregate: &Aggregate, rows: &[Row]) -> Result<AggregatePage> {
    let limit = usize::try_from(aggregate.limit).unwrap_or(usize::MAX);
    let measures = aggregate.measures.iter().enumerate().map(Column::of).collect::<Result<Vec<_>>>()?;
    let items = rows.iter().take(limit).map(|row| item(aggregate, &measures, row)).collect::<Result<_>>()?;
    Ok(AggregatePage { items, more: rows.len() > limit })
}

fn item(aggregate: &Aggregate, measures: &[Column<'_>], row: &Row) -> Result<Map<String, Value>> {
    let mut item = Map::new();
    let groups = row.get(..aggregate.group_by.len()).ok_or_else(|| Error::internal("a group has too few columns"))?;
    for (key, value) in aggregate.group_by.iter().zip(groups) {
        let SqlValue::Text(json) = value else { return Err(Error::internal("a group key is no JSON")) };
        let mut value: Value = serde_json::from_str(json).map_err(Error::internal)?;
        canonicalise(&mut value);
        item.insert(key.name.clone(), value);
    }
    let mut rest = &row[groups.len()..];
    for measure in measures {
        let (value, behind) = measure.read(rest)?;
        item.insert(measure.name.to_owned(), value);
        rest = behind;
    }
    Ok(item)
}
