/// What went wrong, in words: the program ends with it.
pub(crate) type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
