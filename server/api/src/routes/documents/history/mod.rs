//! `/v1/collections/{collection}/documents/{id}/history`: what a document was.

pub(super) mod list;
pub(super) mod restore;
