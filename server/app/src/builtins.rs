//! What this crate keeps in built-in collections.
