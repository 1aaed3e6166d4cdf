//! Values, bound and read.

use std::fmt::Write as _;

use basalt_core::{Error, Result};
use futures_util::TryStreamExt as _;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo, PgValueRef};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column as _, Postgres, Row as _, Type, TypeInfo as _, ValueRef as _};

use super::error::map;
use crate::sql::{Row, SqlValue, Statement};

/// A statement with more values than these is one of a size that varies: it is prepared for this once.
const CACHED_VALUES: usize = 16;

/// A null of whatever type the statement wants there.
struct Null;

impl Type<Postgres> for Null {
    fn type_info() -> PgTypeInfo {
        const UNKNOWN: Oid = Oid(705);
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for Null {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// Runs a statement of ours, whose text holds names that we made and constants that we wrote.
pub(crate) async fn run(connection: &mut PgConnection, statement: &Statement) -> sqlx::Result<Vec<PgRow>> {
    let cached = statement.values.len() <= CACHED_VALUES;
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone())).persistent(cached);
    for value in &statement.values {
        query = bind(query, value);
    }
    query.fetch_all(connection).await
}

/// Shows each row's id and bytes as they arrive.
pub(crate) async fn each(
    connection: &mut PgConnection,
    statement: &Statement,
    mut see: impl FnMut(&str, &[u8]),
) -> sqlx::Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone()));
    for value in &statement.values {
        query = bind(query, value);
    }
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        see(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(())
}

fn bind<'q>(query: Query<'q, Postgres, PgArguments>, value: &'q SqlValue) -> Query<'q, Postgres, PgArguments> {
    match value {
        SqlValue::Null => query.bind(Null),
        SqlValue::Int(value) => query.bind(*value),
        SqlValue::Float(value) => query.bind(*value),
        SqlValue::Text(value) => query.bind(value.as_str()),
        SqlValue::Bytes(value) => query.bind(value.as_slice()),
    }
}

pub(crate) fn rows(rows: &[PgRow]) -> Result<Vec<Row>> {
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<Row> {
    let value = |n: usize| -> Result<SqlValue> {
        let value = row.try_get_raw(n).map_err(|error| map(&error))?;
        if value.is_null() {
            return Ok(SqlValue::Null);
        }
        decode(&value, row.column(n).type_info().name()).map_err(Error::internal)
    };
    (0..row.columns().len()).map(value).collect()
}

/// From the binary form in which prepared statements answer.
fn decode(value: &PgValueRef<'_>, type_name: &str) -> Result<SqlValue, BoxDynError> {
    let bytes = value.as_bytes()?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(|text| SqlValue::Text(text.to_owned()));
    Ok(match type_name {
        "INT2" => SqlValue::Int(i16::from_be_bytes(bytes.try_into()?).into()),
        "INT4" => SqlValue::Int(i32::from_be_bytes(bytes.try_into()?).into()),
        "INT8" => SqlValue::Int(i64::from_be_bytes(bytes.try_into()?)),
        "FLOAT4" => SqlValue::Float(f32::from_be_bytes(bytes.try_into()?).into()),
        "FLOAT8" => SqlValue::Float(f64::from_be_bytes(bytes.try_into()?)),
        "BOOL" => SqlValue::Int(bytes.first().copied().unwrap_or(0).into()),
        "BYTEA" => SqlValue::Bytes(bytes.to_vec()),
        // A version byte, then the text.
        "JSONB" => text(bytes.get(1..).unwrap_or_default())?,
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" | "JSON" | "unknown" | "UNKNOWN" => text(bytes)?,
        "NUMERIC" => SqlValue::Text(numeric(bytes).ok_or("a numeric is malformed")?),
        other => return Err(format!("no values of type {other} are expected").into()),
    })
}

/// `numeric`'s binary form (`numeric_send`): digits in base 10,000, the weight of the first, the sign and the number
/// of decimals to show.
fn numeric(bytes: &[u8]) -> Option<String> {
    const NEGATIVE: u16 = 0x4000;
    const FINITE: [u16; 2] = [0, NEGATIVE];
    let word = |n: usize| Some(u16::from_be_bytes(bytes.get(2 * n..2 * n + 2)?.try_into().ok()?));
    let (count, weight, sign, decimals) = (word(0)?, word(1)?.cast_signed(), word(2)?, usize::from(word(3)?));
    if !FINITE.contains(&sign) {
        return None;
    }
    let digit = |place: i32| -> Option<u16> {
        let n = i32::from(weight) - place;
        let within = (0..i32::from(count)).contains(&n);
        if within { word(4 + usize::try_from(n).ok()?) } else { Some(0) }
    };
    let mut text = String::from(if sign == NEGATIVE { "-" } else { "" });
    let first = i32::from(weight).max(0);
    for place in (0..=first).rev() {
        let digit = digit(place)?;
        let written = if place == first { write!(text, "{digit}") } else { write!(text, "{digit:04}") };
        written.ok()?;
    }
    if decimals > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < decimals {
            write!(fraction, "{:04}", digit(place)?).ok()?;
            place -= 1;
        }
        text.push('.');
        text.push_str(&fraction[..decimals]);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(weight: i16, sign: u16, decimals: u16, digits: &[u16]) -> Vec<u8> {
        let count = u16::try_from(digits.len()).unwrap();
        let words = [count, weight.cast_unsigned(), sign, decimals].into_iter().chain(digits.iter().copied());
        words.flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn numerics_are_read_digit_by_digit() {
        assert_eq!(numeric(&sent(0, 0, 0, &[])), Some("0".into()));
        assert_eq!(numeric(&sent(1, 0, 0, &[1, 2])), Some("10002".into()));
        assert_eq!(numeric(&sent(1, 0x4000, 2, &[12, 34, 5600])), Some("-120034.56".into()));
        assert_eq!(numeric(&sent(-1, 0, 4, &[5])), Some("0.0005".into()));
        assert_eq!(numeric(&sent(2, 0, 0, &[1])), Some("100000000".into()));
        assert_eq!(numeric(&sent(0, 0xc000, 0, &[])), None);
    }
}
