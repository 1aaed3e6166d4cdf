//! SQLite on the file system that holds a commit's frames.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};
use tempfile::TempDir;

fn open(path: &Path) -> Connection {
    let connection =
        Connection::open_with_flags_and_vfs(path, OpenFlags::default(), basalt_wal::vfs().unwrap()).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 20;
             CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT NOT NULL); CREATE INDEX IF NOT EXISTS b ON t (body);",
        )
        .unwrap();
    connection
}

/// A database in a folder of its own.
fn fresh() -> (TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = open(&path);
    (folder, path, connection)
}

fn rows(connection: &Connection) -> Vec<(i64, String)> {
    let mut statement = connection.prepare("SELECT id, body FROM t ORDER BY id").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// What another process would see, and what it would find if this one were killed now.
fn assert_others_see_the_same(connection: &Connection, path: &Path) {
    let wanted = rows(connection);
    let other = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(rows(&other) == wanted, "another connection sees something else");
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.db");
    std::fs::copy(path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let found = Connection::open(&copy).unwrap();
    assert!(rows(&found) == wanted, "the files have something else");
    let check: String = found.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

fn write(connection: &Connection, ids: std::ops::Range<i64>, mark: &str) {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO t VALUES (?1, ?2)").unwrap();
    for id in ids {
        statement.execute(params![id, format!("{mark} {} {}", id * 7919 % 1009, "x".repeat(300))]).unwrap();
    }
}

/// Writes in one transaction.
fn commit(connection: &Connection, ids: std::ops::Range<i64>, mark: &str) {
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    write(connection, ids, mark);
    connection.execute_batch("COMMIT").unwrap();
}

#[test]
fn each_commit_is_whole_in_the_files() {
    let (_folder, path, connection) = fresh();
    for n in 0..50 {
        commit(&connection, n * 10..n * 10 + 12, "first");
        assert_others_see_the_same(&connection, &path);
    }
}

/// SQLite's own files take less than 128 KiB at once.
#[test]
fn long_commits_are_whole() {
    let (_folder, path, connection) = fresh();
    connection.execute_batch("PRAGMA cache_size = 10000").unwrap();
    for rows in [200, 400, 800, 6_000] {
        commit(&connection, 0..rows, &format!("of {rows}"));
        assert_others_see_the_same(&connection, &path);
    }
}

/// Twenty pages of cache: pages are written before the commit, read again and written anew, and headers after them.
#[test]
fn transactions_that_are_longer_than_the_cache_are_whole() {
    let (_folder, path, connection) = fresh();
    for round in 0..6 {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for n in 0..4 {
            write(&connection, 0..600 + n, &format!("round {round} {n}"));
        }
        connection.execute_batch(if round % 3 == 1 { "ROLLBACK" } else { "COMMIT" }).unwrap();
        assert_others_see_the_same(&connection, &path);
        write(&connection, 5_000 + round..5_001 + round, "alone");
        assert_others_see_the_same(&connection, &path);
    }
}

#[test]
fn a_log_that_begins_anew_and_one_that_is_opened_again_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let checkpointer = Connection::open(&path).unwrap();
    for round in 0..4 {
        let connection = open(&path);
        for n in 0..5 {
            write(&connection, n..n + 3, &format!("round {round}"));
            assert_others_see_the_same(&connection, &path);
            let how = ["PASSIVE", "RESTART", "TRUNCATE"][usize::try_from(n % 3).unwrap()];
            let busy: i64 =
                checkpointer.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get(0)).unwrap();
            assert_eq!(busy, 0);
        }
        write(&connection, 100 + round..103 + round, "after");
        assert_others_see_the_same(&connection, &path);
    }
}

#[test]
fn savepoints_taken_back_leave_the_rest() {
    let (_folder, path, connection) = fresh();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    write(&connection, 0..300, "kept");
    connection.execute_batch("SAVEPOINT s").unwrap();
    write(&connection, 100..600, "lost");
    connection.execute_batch("ROLLBACK TO s; RELEASE s").unwrap();
    write(&connection, 290..310, "more");
    connection.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&connection).len(), 310);
    assert!(rows(&connection).iter().all(|(_, body)| !body.starts_with("lost")));
    assert_others_see_the_same(&connection, &path);
}

/// What isn't a log is SQLite's own affair: a rollback journal, temporary tables, a database in memory.
#[test]
fn other_files_are_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection =
        Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), basalt_wal::vfs().unwrap()).unwrap();
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); BEGIN;").unwrap();
    write(&connection, 0..500, "journal");
    connection.execute_batch("COMMIT; CREATE TEMP TABLE u AS SELECT * FROM t; VACUUM;").unwrap();
    assert_eq!(rows(&connection).len(), 500);
}
