//! What both drivers take and give.

/// A value that is bound or read.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A statement in the dialect of one engine: `?1`, `?2` … on SQLite, `$1`, `$2` … on PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub sql: String,
    pub values: Vec<SqlValue>,
}

/// A row's columns, in the order of the statement. (PostgreSQL: `jsonb` is read as its text, booleans as 0 and 1,
/// `numeric` as text.)
pub type Row = Vec<SqlValue>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}
