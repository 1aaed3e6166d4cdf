//! Pictures: looked at, resized, re-encoded.
