//! Holds nothing: the package is its test, which kills the server and counts what was lost.
