//! The change log, read.
