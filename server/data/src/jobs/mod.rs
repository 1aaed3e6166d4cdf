//! Work that is done after a commit.
