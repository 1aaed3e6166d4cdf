//! Fragments of SQL with their values, put together in any order and numbered at the end.

use basalt_core::{Code, Error, Result};

use super::dialect::Json;
use crate::catalog::{Catalog, Collection};
use crate::sql::{Dialect, SqlValue, Statement};

/// Neither in our SQL nor in the names of tables and columns.
const MARK: char = '\u{1}';
/// Both engines take more (32,766 and 65,535).
const MAX_VALUES: usize = 30_000;
const MAX_SHARED: usize = 64;

/// Collects the values of the fragments of one statement.
pub(super) struct Printer<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) dialect: Dialect,
    values: Vec<SqlValue>,
    aliases: u32,
    /// Why what was asked for can't be printed.
    fault: Option<Error>,
}

/// What names mean at some place of a statement.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) collection: &'a Collection,
    /// The alias of the collection's table.
    pub(super) table: String,
    /// The aliases of the enclosing elements, the outermost first.
    pub(super) elements: Vec<String>,
    /// Where no document is asked but a group: its columns by their names.
    pub(super) columns: Option<&'a [(String, Json)]>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(collection: &'a Collection, table: impl Into<String>) -> Self {
        Self { collection, table: table.into(), elements: Vec::new(), columns: None }
    }
}

impl<'a> Printer<'a> {
    pub(super) fn new(catalog: &'a Catalog, dialect: Dialect) -> Self {
        Self { catalog, dialect, values: Vec::new(), aliases: 0, fault: None }
    }

    /// A placeholder for a value.
    pub(super) fn bind(&mut self, value: SqlValue) -> String {
        // The same constants and names come again and again, long lists of values don't.
        let known = self.values.iter().take(MAX_SHARED).position(|bound| *bound == value);
        let index = known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        format!("{MARK}{index}{MARK}")
    }

    pub(super) fn bind_text(&mut self, text: &str) -> String {
        self.bind(SqlValue::Text(text.to_owned()))
    }

    pub(super) fn bind_bytes(&mut self, bytes: &[u8]) -> String {
        self.bind(SqlValue::Bytes(bytes.to_owned()))
    }

    /// Gives the statement up, for the first of such reasons.
    pub(super) fn fail(&mut self, fault: Error) {
        self.fault.get_or_insert(fault);
    }

    /// An alias that the statement doesn't have yet.
    pub(super) fn alias(&mut self, prefix: char) -> String {
        self.aliases += 1;
        format!("{prefix}{}", self.aliases)
    }

    /// Numbers the placeholders by their first appearance; values that no fragment uses any more are left out.
    pub(super) fn finish(mut self, sql: &str) -> Result<Statement> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let sign = match self.dialect {
            Dialect::Sqlite => '?',
            Dialect::Postgres => '$',
        };
        let mut text = String::with_capacity(sql.len());
        let mut numbers = vec![0; self.values.len()];
        let mut values = Vec::with_capacity(self.values.len());
        for (place, part) in sql.split(MARK).enumerate() {
            if place % 2 == 0 {
                text.push_str(part);
                continue;
            }
            let index: usize = part.parse().map_err(Error::internal)?;
            if numbers[index] == 0 {
                values.push(std::mem::replace(&mut self.values[index], SqlValue::Null));
                numbers[index] = values.len();
            }
            text.push(sign);
            text.push_str(&numbers[index].to_string());
        }
        if values.len() > MAX_VALUES {
            return Err(Error::new(Code::BadFilter, "The filter compares with too many values."));
        }
        Ok(Statement { sql: text, values })
    }
}

/// `(a AND b)`; of nothing `TRUE`.
pub(super) fn and(parts: &[String]) -> String {
    joined(parts, " AND ", "TRUE")
}

/// `(a OR b)`; of nothing `FALSE`.
pub(super) fn or(parts: &[String]) -> String {
    joined(parts, " OR ", "FALSE")
}

fn joined(parts: &[String], between: &str, of_nothing: &str) -> String {
    match parts {
        [] => of_nothing.to_owned(),
        [one] => one.clone(),
        many => format!("({})", many.join(between)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_by_appearance_and_unused_values_dropped() {
        let catalog = Catalog::default();
        let mut printer = Printer::new(&catalog, Dialect::Sqlite);
        let [a, _unused, b] = ["a", "unused", "b"].map(|text| printer.bind_text(text));
        let again = printer.bind_text("a");
        let statement = printer.finish(&format!("x = {b} AND y = {a} AND z = {again}")).unwrap();
        assert_eq!(statement.sql, "x = ?1 AND y = ?2 AND z = ?2");
        assert_eq!(statement.values, [SqlValue::Text("b".into()), SqlValue::Text("a".into())]);
    }
}
