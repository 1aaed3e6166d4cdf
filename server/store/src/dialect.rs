//! What differs between the engines: a closed list of small functions. Everything else is said once.

use crate::sql::Dialect;

impl Dialect {
    /// A statement written with `$1`, `$2` …, as this engine writes its parameters.
    pub(crate) fn sql(self, portable: &str) -> String {
        match self {
            Self::Sqlite => portable.replace('$', "?"),
            Self::Postgres => portable.to_owned(),
        }
    }

    /// The type of a text that sorts by code points.
    pub(crate) fn text_type(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "text COLLATE \"C\"",
        }
    }

    pub(crate) fn bytes_type(self) -> &'static str {
        match self {
            Self::Sqlite => "BLOB",
            Self::Postgres => "bytea",
        }
    }

    pub(crate) fn json_type(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "jsonb",
        }
    }

    /// The primary key column of a documents table, by which rows are stored (none on PostgreSQL, whose tables are
    /// heaps).
    pub(crate) fn row_id_column(self) -> &'static str {
        match self {
            Self::Sqlite => "row_id INTEGER PRIMARY KEY, ",
            Self::Postgres => "",
        }
    }

    /// What follows the columns of a table that is found by its primary key alone.
    pub(crate) fn key_table_suffix(self) -> &'static str {
        match self {
            Self::Sqlite => " STRICT, WITHOUT ROWID",
            Self::Postgres => "",
        }
    }

    pub(crate) fn table_suffix(self) -> &'static str {
        match self {
            Self::Sqlite => " STRICT",
            Self::Postgres => "",
        }
    }

    /// A constant byte string.
    pub(crate) fn bytes_literal(self, bytes: &[u8]) -> String {
        let hex = hex(bytes);
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::Postgres => format!("'\\x{hex}'::bytea"),
        }
    }

    /// `CREATE INDEX` in a way that lets writers go on where the engine can.
    pub(crate) fn create_index(self, unique: bool) -> &'static str {
        match (self, unique) {
            (Self::Sqlite, false) => "CREATE INDEX IF NOT EXISTS",
            (Self::Sqlite, true) => "CREATE UNIQUE INDEX IF NOT EXISTS",
            (Self::Postgres, false) => "CREATE INDEX CONCURRENTLY IF NOT EXISTS",
            (Self::Postgres, true) => "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS",
        }
    }

    /// Removes an index that an interrupted `CREATE INDEX` left unusable.
    pub(crate) fn drop_broken_index(self, name: &str) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(format!(
                "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE \
                 c.relname = '{name}' AND NOT i.indisvalid) THEN EXECUTE 'DROP INDEX {name}'; END IF; END $$"
            )),
        }
    }

    /// About how many bytes a value takes, told without reading it.
    pub(crate) fn stored_size(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("octet_length({column})"),
            Self::Postgres => format!("pg_column_size({column})"),
        }
    }

    /// The clock that leases run by, in milliseconds: one node has one clock (`node_now` is a parameter that holds its
    /// time), several share the database's.
    pub(crate) fn lease_clock(self, node_now: &'static str) -> &'static str {
        match self {
            Self::Sqlite => node_now,
            Self::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        }
    }

    /// Lets claimers at the same time take different rows.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE OF j SKIP LOCKED",
        }
    }
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
