//! Holds nothing: the package is its test, which speaks to whole servers over HTTP.
