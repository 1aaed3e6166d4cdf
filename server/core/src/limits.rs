//! Limits that hold everywhere. Those which a deployment may change are settings of the rooms instead.

/// Serialised size of one document, bytes.
pub const DOCUMENT_BYTES: usize = 1 << 20;
/// Nesting of JSON, in documents and in bodies.
pub const JSON_DEPTH: usize = 64;
/// Length of an expression's source, bytes.
pub const EXPRESSION_BYTES: usize = 8 << 10;
/// Nesting of an expression.
pub const EXPRESSION_DEPTH: usize = 32;
/// Steps of one evaluation of an expression.
pub const EXPRESSION_STEPS: u32 = 10_000;
/// `get()` and `exists()` of one evaluation.
pub const EXPRESSION_LOOKUPS: usize = 10;
/// Values of one `in` list.
pub const IN_LIST: usize = 1_000;
/// Operations of one transaction.
pub const TRANSACTION_OPERATIONS: usize = 500;
/// Documents of one page.
pub const PAGE_MAX: u32 = 500;
pub const PAGE_DEFAULT: u32 = 30;
/// Body of one request where nothing else is said, bytes.
pub const BODY_BYTES: usize = 8 << 20;
/// Fields of one `sort`.
pub const SORT_FIELDS: usize = 8;
