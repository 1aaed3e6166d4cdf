//! Conditions on groups: the filter's leaves on what a group's item will hold, in the same statement.

use super::Aggregate;
use super::MeasureOp;
use super::aggregate::{Column, LOW_HALF, TWO_TO_32};
use super::condition::Form;
use super::dialect::Json;
use super::print::{Printer, Scope, or};
use crate::catalog::Collection;
use crate::sql::Dialect;
use basalt_core::filter::Filter;

/// Beyond it a sum is read as infinite: the largest float and half of its last place.
const FLOAT_LIMIT: &str = "1.7976931348623158079e308";
/// Below it PostgreSQL refuses to divide floats, since the outcome may be nothing.
const FLOAT_TINY: &str = "1e-280";

/// ` WHERE …` on the groups `g`; nothing where all count. A group with a sum that doesn't fit stays, so that it is
/// refused rather than left out.
pub(super) fn condition(
    aggregate: &Aggregate,
    measures: &[Column<'_>],
    collection: &Collection,
    printer: &mut Printer<'_>,
) -> String {
    if aggregate.having == Filter::True {
        return String::new();
    }
    let dialect = printer.dialect;
    let keys = aggregate.group_by.iter().enumerate();
    let keys = keys.map(|(place, key)| (key.name.clone(), Json::column(dialect, &format!("g.g{place}"))));
    let columns: Vec<(String, Json)> =
        keys.chain(measures.iter().map(|column| (column.name.to_owned(), value(column, dialect)))).collect();
    let scope = Scope { columns: Some(&columns), ..Scope::new(collection, "g") };
    let holds = printer.filter(&aggregate.having, Form::True, &scope);
    let parts: Vec<String> =
        std::iter::once(holds).chain(measures.iter().filter_map(|column| overflows(column, dialect))).collect();
    format!(" WHERE {}", or(&parts))
}

/// A measure as the value that it is read as.
fn value(column: &Column<'_>, dialect: Dialect) -> Json {
    let m = format!("g.{}", column.prefix);
    let computed = |value: &str, jsonb: &str| Json::computed(dialect, value, jsonb);
    match column.op {
        MeasureOp::Count | MeasureOp::CountDistinct => computed(&m, &format!("to_jsonb({m})")),
        MeasureOp::Sum => {
            let (whole, total) = (whole(&m, dialect), total(&m, dialect));
            computed(
                &format!("CASE WHEN {m}r > 0 THEN {total} ELSE {whole} END"),
                &format!("CASE WHEN {m}r > 0 THEN {} ELSE to_jsonb({whole}) END", float_to_json(&total)),
            )
        }
        MeasureOp::Avg => {
            let total = total(&m, dialect);
            let count = format!("({m}i + {m}r)");
            let exact = exact(&m);
            computed(
                &format!("CASE {count} WHEN 0 THEN NULL ELSE {total} / {count} END"),
                &format!(
                    "CASE WHEN {count} = 0 THEN CAST('null' AS jsonb) WHEN abs({exact}) < {FLOAT_TINY} \
                     THEN to_jsonb({exact} / {count}) ELSE {} END",
                    float_to_json(&format!("({total} / CAST({count} AS float8))"))
                ),
            )
        }
        MeasureOp::Min | MeasureOp::Max => {
            let (first, second) = if column.op == MeasureOp::Min { ('n', 't') } else { ('t', 'n') };
            computed(
                &format!("coalesce({m}{first}, {m}{second})"),
                &format!("coalesce(to_jsonb({m}{first}), to_jsonb({m}{second}), CAST('null' AS jsonb))"),
            )
        }
    }
}

/// A float as PostgreSQL's JSON in the canonical form: its shortest text is no integer's where that has more digits.
fn float_to_json(float: &str) -> String {
    format!(
        "CASE WHEN abs({float}) < 9.2e18 AND {float} = trunc({float}) THEN to_jsonb(CAST({float} AS bigint)) \
         ELSE to_jsonb({float}) END"
    )
}

/// The sum of the integers, exact; on SQLite a float where it doesn't fit.
fn whole(m: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => format!("({} * {TWO_TO_32} + {})", high(m), low(m)),
        Dialect::Postgres => format!("(CAST({m}h AS numeric) * {TWO_TO_32} + {m}l)"),
    }
}

/// The whole sum as a float, rounded as where it is read.
fn total(m: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => format!("(({} * {TWO_TO_32}.0 + {}) + {m}s)", high(m), low(m)),
        Dialect::Postgres => {
            // The CASE keeps PostgreSQL from refusing what doesn't fit: that is said when the group is read.
            let (whole, exact) = (whole(m, dialect), exact(m));
            format!(
                "(CASE WHEN abs({exact}) < {FLOAT_LIMIT} THEN CAST({whole} AS float8) + CAST({m}s AS float8) ELSE 0 END)"
            )
        }
    }
}

/// The whole sum as PostgreSQL's `numeric`.
fn exact(m: &str) -> String {
    format!("({} + {m}s)", whole(m, Dialect::Postgres))
}

fn high(m: &str) -> String {
    format!("({m}h + ({m}l >> 32))")
}

fn low(m: &str) -> String {
    format!("({m}l & {LOW_HALF})")
}

/// Whether the measure is refused when it is read.
fn overflows(column: &Column<'_>, dialect: Dialect) -> Option<String> {
    let m = format!("g.{}", column.prefix);
    let beyond = match dialect {
        Dialect::Sqlite => format!("abs({}) > 1.7976931348623157e308", total(&m, dialect)),
        Dialect::Postgres => format!("abs({}) >= {FLOAT_LIMIT}", exact(&m)),
    };
    let no_integer = match dialect {
        Dialect::Sqlite => format!("typeof({}) = 'real'", whole(&m, dialect)),
        Dialect::Postgres => format!("{} NOT BETWEEN {} AND {}", whole(&m, dialect), i64::MIN, i64::MAX),
    };
    match column.op {
        MeasureOp::Sum => Some(format!("CASE WHEN {m}r > 0 THEN {beyond} ELSE {no_integer} END")),
        MeasureOp::Avg => Some(beyond),
        MeasureOp::Count | MeasureOp::CountDistinct | MeasureOp::Min | MeasureOp::Max => None,
    }
}
