//! Holds nothing: the package is its test, which keeps the house in the shape that ARCHITECTURE.md promises.
