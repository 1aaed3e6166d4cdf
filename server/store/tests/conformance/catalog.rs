//! Definitions and indexes.
