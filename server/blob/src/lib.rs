//! Bytes of files: on local disk, or in an object store.
