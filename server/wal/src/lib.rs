//! SQLite's write-ahead log, written by one call to the system for many pages.
//!
//! SQLite writes each page of a commit by two writes of its own, a header of 24 bytes and the page, which with a dozen
//! documents a commit is more of the writing thread's time than everything else that it does. [`vfs`] gives connections
//! SQLite's own file system, but for the log's file: there a transaction's frames are held until its last one comes, and
//! written at once. What a commit promises is as before: its frames are in the file before the commit is known to any
//! connection (the file's format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).

mod held;
mod vfs;

pub use vfs::vfs;
